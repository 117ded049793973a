// Which type a node has: declared by the server, made of a subgraph's definition, or one of the file format's own kinds.
// Knows no sizes and no places.

import type { InputSpec, NodeType, NodeTypes, OutputSpec, WidgetSpec } from "./spec";
import type { Doc, DocNode, Json, Layer, Sub } from "./types";
import { NOTE_TYPES, PRIMITIVE_TYPE, REROUTE_TYPE, SUB_INPUT } from "./types";
import { defaultOf, guessWidget } from "./widgetspec";

/** Under this name a node of unknown type shows, and keeps, values that nobody can name. */
export const UNNAMED = "widgets_values";

const formerOf = new WeakMap<NodeTypes, Map<string, NodeType>>();

/** Return the type of this id, or the one that older files know under it. */
export function typeById(id: string, types: NodeTypes): NodeType | undefined {
  const found = types.get(id);
  if (found) return found;
  let former = formerOf.get(types);
  if (!former) {
    former = new Map();
    for (const type of types.values()) for (const old of type.formerIds) if (!former.has(old)) former.set(old, type);
    formerOf.set(types, former);
  }
  return former.get(id);
}

/** Return the node's type: declared, a subgraph's, or one of the file format's own kinds; undefined if unknown. */
export function typeOf(doc: Doc, node: DocNode, types: NodeTypes): NodeType | undefined {
  const sub = doc.subs[node.type];
  if (sub) return instanceType(sub, node, doc, types, new Set());
  if (NOTE_TYPES.includes(node.type)) return NOTE;
  if (node.type === REROUTE_TYPE) return REROUTE;
  if (node.type === PRIMITIVE_TYPE) return primitiveType(doc, node, types);
  return typeById(node.type, types);
}

/** Return a subgraph's definition as a node type: its inputs that end in a widget inside have that widget. */
export function subAsType(sub: Sub, doc: Doc, types: NodeTypes): NodeType {
  return definitionType(sub, doc, types, new Set());
}

/** The name under which a host keeps the value of an inner node's widget that it shows. */
export function shownName(inner: string, widget: string): string {
  return inner === "-1" ? widget : `${inner}:${widget}`;
}

function definitionType(sub: Sub, doc: Doc, types: NodeTypes, within: Set<string>): NodeType {
  const inputs = sub.inputs.map((slot): InputSpec => {
    const plain = { name: slot.name, type: slot.type, required: false, default: undefined, tooltip: slot.label ?? "" };
    return { ...plain, widget: null };
  });
  if (!within.has(sub.id)) {
    within.add(sub.id);
    for (const link of Object.values(sub.links)) {
      const input = link.from === SUB_INPUT ? inputs[link.out] : undefined;
      const target = input && sub.nodes[link.to];
      if (!input || !target) continue;
      const spec = inputOf(doc, target, link.input, types, within);
      if (!spec) continue;
      if (spec.required && !spec.widget) input.required = true;
      if (!input.widget && spec.widget) {
        input.widget = spec.widget;
        input.default = currentValue(target, spec);
      }
    }
    within.delete(sub.id);
  }
  return {
    ...EMPTY,
    id: sub.id,
    title: sub.name,
    inputs,
    outputs: sub.outputs.map(({ name, label, type }) => ({ name: label || name, type, isList: false, tooltip: "" })),
    isOutput: hasOutput(sub, doc, types, new Set()),
  };
}

function instanceType(sub: Sub, node: DocNode, doc: Doc, types: NodeTypes, within: Set<string>): NodeType {
  const type = definitionType(sub, doc, types, within);
  if (!node.shown?.length || within.has(sub.id)) return type;
  within.add(sub.id);
  const own = new Set(type.inputs.map((input) => input.name));
  const fed = new Set(
    Object.values(sub.links).map((link) => (link.from === SUB_INPUT ? `${link.to} ${link.input}` : "")),
  );
  const shown: InputSpec[] = [];
  for (const [inner, widget] of node.shown) {
    const name = shownName(inner, widget);
    const target = sub.nodes[inner];
    if (own.has(name) || !target || fed.has(`${inner} ${widget}`)) continue;
    own.add(name);
    const spec = inputOf(doc, target, widget, types, within);
    if (!spec?.widget) continue;
    shown.push({
      ...spec,
      name,
      required: false,
      default: currentValue(target, spec),
      // Read when it is wanted: words may come later.
      get tooltip() {
        return spec.tooltip || widget;
      },
    });
  }
  within.delete(sub.id);
  return { ...type, inputs: [...type.inputs, ...shown] };
}

function inputOf(doc: Doc, node: DocNode, name: string, types: NodeTypes, within: Set<string>): InputSpec | undefined {
  const sub = doc.subs[node.type];
  const type = sub ? instanceType(sub, node, doc, types, within) : typeOf(doc, node, types);
  const found = type?.inputs.find((input) => input.name === name);
  if (found || type) return found;
  const slot = node.inputs.find((entry) => entry.name === name);
  const value = node.values[slot?.widget ?? name];
  if (!slot?.widget && value === undefined) return undefined;
  return unknownInput(slot?.widget ?? name, slot?.type ?? "*", value);
}

function hasOutput(layer: Layer, doc: Doc, types: NodeTypes, seen: Set<string>): boolean {
  return Object.values(layer.nodes).some((node) => {
    const sub = doc.subs[node.type];
    if (!sub) return typeById(node.type, types)?.isOutput === true;
    if (seen.has(sub.id)) return false;
    seen.add(sub.id);
    return hasOutput(sub, doc, types, seen);
  });
}

const EMPTY: Omit<NodeType, "id" | "title" | "inputs" | "outputs"> = {
  category: "",
  description: "",
  isOutput: false,
  deprecated: false,
  experimental: false,
  aliases: [],
  repeat: null,
  formerIds: [],
  pack: "",
};
const plainInput = (name: string, type: string, widget: WidgetSpec | null): InputSpec => {
  return { name, type, required: false, widget, default: undefined, tooltip: "" };
};
const ANY_OUTPUT: OutputSpec = { name: "", type: "*", isList: false, tooltip: "" };
const NOTE_TEXT: WidgetSpec = { kind: "text", multiline: true, prompt: false, placeholder: "" };
const NOTE: NodeType = {
  ...EMPTY,
  id: "Note",
  title: "Note",
  inputs: [plainInput("text", "STRING", NOTE_TEXT)],
  outputs: [],
};
const REROUTE: NodeType = {
  ...EMPTY,
  id: REROUTE_TYPE,
  title: "Reroute",
  inputs: [plainInput("", "*", null)],
  outputs: [ANY_OUTPUT],
};

/** The file format's own kinds that one adds to a graph as one adds a node. */
export const OWN_TYPES: readonly NodeType[] = [
  { ...NOTE, id: NOTE_TYPES[1] ?? NOTE.id, aliases: ["comment", "markdown", "text"] },
  REROUTE,
];

/** A value that feeds widgets of other nodes takes the widget of the first that it feeds. */
function primitiveType(doc: Doc, node: DocNode, types: NodeTypes): NodeType {
  const layers: Layer[] = [doc.root, ...Object.values(doc.subs)];
  const layer = layers.find((entry) => entry.nodes[node.id] === node);
  let fed: InputSpec | undefined;
  let shown: Json | undefined;
  for (const link of Object.values(layer?.links ?? {})) {
    const target = link.from === node.id ? layer?.nodes[link.to] : undefined;
    if (!target || target.type === PRIMITIVE_TYPE) continue;
    fed = inputOf(doc, target, link.input, types, new Set());
    if (!fed) continue;
    // Until it has a value, what it feeds keeps its own.
    shown = fed.widget ? currentValue(target, fed) : undefined;
    break;
  }
  const value = node.values.value;
  let widget = fed?.widget ?? (value === undefined ? null : guessWidget(value));
  if (widget?.kind === "int") widget = { ...widget, control: true };
  const type = fed?.type ?? node.outputs[0]?.type ?? "*";
  const input = { ...plainInput("value", type, widget), default: shown ?? undefined };
  const output = { ...ANY_OUTPUT, name: node.outputs[0]?.name || type, type };
  return { ...EMPTY, id: PRIMITIVE_TYPE, title: "Primitive", inputs: widget ? [input] : [], outputs: [output] };
}

/** Return what the widget shows: the value, else the default, else the first choice (of files: nothing). */
export function currentValue(node: DocNode, input: InputSpec): Json {
  const value = node.values[input.name];
  if (value !== undefined && value !== null) return value;
  if (input.name === UNNAMED && node.unnamed !== undefined) return node.unnamed;
  if (input.default !== undefined && input.default !== null) return input.default;
  return input.widget ? defaultOf(input.widget, false) : null;
}

/** Return how an input of a node of unknown type is shown. */
export function unknownInput(name: string, type: string, value: Json | undefined): InputSpec & { widget: WidgetSpec } {
  const widget = value === undefined ? ({ kind: "json" } as const) : guessWidget(value);
  return { ...plainInput(name, type, widget), widget };
}
