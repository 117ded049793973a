// Which component edits a value, by the kind of its widget, and the row around it. A new kind is one entry here.
// The row fills the box that its parent gives it and carries `data-widget`. Knows no store and no node type.

import { type ComponentType, memo, useId } from "react";
import { useLanguage } from "../i18n";
import type { InputSpec, WidgetSpec } from "../model/spec";
import type { DocNode, Json, NodePath, Problem, SeedControl } from "../model/types";
import { ChoiceWidget } from "./choice";
import { FileWidget } from "./media";
import { NumberWidget } from "./number";
import { JsonWidget, TextWidget } from "./text";
import { ToggleWidget } from "./toggle";
import "./widgets.css";
import "./form.css";

export interface WidgetProps {
  node: DocNode;
  input: InputSpec;
  value: Json;
  /** What becomes of a seed before the next run; undefined: nobody chose. */
  control: SeedControl | undefined;
  /** The value comes by a wire, or the document is read-only. */
  disabled: boolean;
  /** What is wrong with this value. */
  problem: Problem | undefined;
  /** Changes with one gesture are undone together. */
  onChange(value: Json, gesture?: string): void;
  onControl(control: SeedControl): void;
  path: NodePath;
}

/** What a kind's component gets: the props, its declaration, and what the row made of them. */
export interface ControlProps<Spec = WidgetSpec> extends WidgetProps {
  spec: Spec;
  label: string;
  /** Id of the text that says what is wrong; for `aria-describedby`. */
  describedBy: string | undefined;
}

/** Components by kind. */
// biome-ignore lint/suspicious/noExplicitAny: each component takes the declaration of its own kind
export const widgets: Record<string, ComponentType<ControlProps<any>>> = {
  int: NumberWidget,
  float: NumberWidget,
  bool: ToggleWidget,
  text: TextWidget,
  choice: ChoiceWidget,
  file: FileWidget,
  json: JsonWidget,
};

/** Let a component edit values of a kind, in place of the one there is. */
export function registerWidget<Spec>(kind: string, component: ComponentType<ControlProps<Spec>>): void {
  widgets[kind] = component;
}

/** One widget in its row. Draws nothing for an input that only takes a wire. */
export const Widget = memo(function Widget(props: WidgetProps) {
  const { node, input, problem, disabled } = props;
  const problemId = useId();
  useLanguage();
  const spec = input.widget;
  if (spec === null) return null;
  const Control = widgets[spec.kind] ?? JsonWidget;
  const slot = node.inputs.find((each) => each.name === input.name);
  // A widget of an inner node has the path to it before its name.
  const label = slot?.label || input.name.slice(input.name.lastIndexOf(":") + 1);
  return (
    <div
      className={problem ? "widget invalid nodrag" : "widget nodrag"}
      data-widget={input.name}
      data-kind={spec.kind}
      data-disabled={disabled || undefined}
      title={problem ? problem.message : input.tooltip || undefined}
    >
      <Control {...props} spec={spec} label={label} describedBy={problem ? problemId : undefined} />
      {problem && (
        <span id={problemId} className="sr-only">
          {problem.message}
        </span>
      )}
    </div>
  );
});

/** Put the keyboard's focus on the widget of this name below `root`; false when it is not there. */
export function focusWidget(root: ParentNode, name: string): boolean {
  const row = root.querySelector(`[data-widget="${CSS.escape(name)}"]`);
  const control = row?.querySelector<HTMLElement>("[tabindex='0'], input, textarea, select, button");
  control?.focus();
  return control !== null && control !== undefined;
}
