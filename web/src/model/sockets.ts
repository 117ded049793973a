// What a node shows: its input sockets, its outputs and its rows of widgets, whether its type is known or not. Knows no
// sizes and no places.

import { fits } from "./graph";
import { UNNAMED, unknownInput } from "./kinds";
import type { InputSpec, NodeType, OutputSpec, WidgetSpec } from "./spec";
import type { DocNode, Json } from "./types";

/** An input socket of a node as it is drawn. `widget`: the name of the widget row that it belongs to. */
export interface Socket {
  name: string;
  type: string;
  label: string;
  required: boolean;
  widget?: string;
}

/** A row of a node in which a value is shown and edited. */
export interface WidgetRow {
  name: string;
  label: string;
  input: InputSpec & { widget: WidgetSpec };
}

export interface Sockets {
  inputs: Socket[];
  outputs: OutputSpec[];
  widgets: WidgetRow[];
}

/** Tell whether a name is one of those that a repeated input may have. */
export function matchesRepeat(pattern: string, name: string): boolean {
  return pattern === "*" || repeatNumber(pattern, name) !== null;
}

function repeatNumber(pattern: string, name: string): number | null {
  const [before = "", after] = pattern.split("{n}");
  if (after === undefined || !name.startsWith(before) || !name.endsWith(after)) return null;
  const middle = name.slice(before.length, name.length - after.length);
  return /^[1-9][0-9]{0,5}$/.test(middle) ? Number(middle) : null;
}

/**
 * Return what a node shows. `linked`: the names of the inputs that wires enter; where it is left out, what the file
 * said counts. Repeated inputs: those with a wire, as many as must be, and one that is free.
 */
export function socketsOf(node: DocNode, type: NodeType | undefined, linked?: Iterable<string>): Sockets {
  const entered = new Set(linked ?? node.inputs.filter((slot) => slot.rest?.link != null).map((slot) => slot.name));
  if (!type) return unknownSockets(node, entered);
  const labels = new Map(node.inputs.map((slot) => [slot.name, slot.label]));
  const inputs: Socket[] = [];
  const widgets: WidgetRow[] = [];
  for (const input of type.inputs) {
    const label = labels.get(input.name) || labelOf(input);
    const { name, required, widget } = input;
    inputs.push({ name, type: input.type, label, required, ...(widget ? { widget: name } : {}) });
    if (widget) widgets.push({ name, label, input: { ...input, widget } });
    entered.delete(name);
  }
  const repeat = type.repeat;
  for (const name of repeat ? repeatedNames(repeat, entered) : []) {
    const required = (repeatNumber(repeat?.pattern ?? "", name) ?? Infinity) <= (repeat?.minimum ?? 0);
    inputs.push({ name, type: repeat?.type ?? "*", label: labels.get(name) || name, required });
    entered.delete(name);
  }
  // Wires into inputs that the type does not have (any more) stay to be seen.
  for (const name of entered) {
    const slot = node.inputs.find((entry) => entry.name === name);
    inputs.push({ name, type: slot?.type ?? "*", label: slot?.label || name, required: false });
  }
  const renamed = type.outputs.map((output, place) => {
    const label = node.outputs[place]?.label;
    return label ? { ...output, name: label } : output;
  });
  return { inputs, outputs: renamed, widgets };
}

/** A widget of an inner node is labelled by its own name, not by the path to it. */
const labelOf = (input: InputSpec): string => input.name.slice(input.name.lastIndexOf(":") + 1);

function repeatedNames(repeat: NonNullable<NodeType["repeat"]>, entered: Set<string>): string[] {
  const pattern = repeat.pattern === "*" ? "input_{n}" : repeat.pattern;
  const numbers = new Set<number>();
  const others: string[] = [];
  for (const name of entered) {
    const number = repeatNumber(pattern, name);
    if (number !== null) numbers.add(number);
    else if (repeat.pattern === "*") others.push(name);
  }
  for (let number = 1; number <= repeat.minimum; number++) numbers.add(number);
  let free = 1;
  while (numbers.has(free)) free++;
  if (numbers.size + others.length < repeat.maximum) numbers.add(free);
  const sorted = [...numbers].sort((a, b) => a - b);
  return [...others, ...sorted.map((number) => pattern.replace("{n}", String(number)))];
}

function unknownSockets(node: DocNode, entered: Set<string>): Sockets {
  const inputs: Socket[] = [];
  const seen = new Set<string>();
  for (const slot of node.inputs) {
    seen.add(slot.name);
    const shown = slot.widget !== undefined && node.values[slot.widget] !== undefined;
    const widget = shown ? { widget: slot.widget } : {};
    inputs.push({ name: slot.name, type: slot.type, label: slot.label || slot.name, required: false, ...widget });
  }
  for (const name of entered) {
    if (!seen.has(name)) inputs.push({ name, type: "*", label: name, required: false });
  }
  const values: [string, Json][] = Object.entries(node.values);
  if (node.unnamed !== undefined && node.values[UNNAMED] === undefined) values.push([UNNAMED, node.unnamed]);
  const widgets = values.map(([name, value]) => ({ name, label: name, input: unknownInput(name, "*", value) }));
  const outputs = node.outputs.map(({ name, label, type }) => ({
    name: label || name,
    type,
    isList: false,
    tooltip: "",
  }));
  return { inputs, outputs, widgets };
}

/** Return the first output of `type` that may enter `wanted`, or the first input that takes `given`. */
export function firstFit(type: NodeType, link: { type: string; end: "output" | "input" }): string | number | null {
  if (link.end === "input") {
    const place = type.outputs.findIndex((output) => fits(link.type, output.type));
    return place < 0 ? null : place;
  }
  const wire = type.inputs.find((input) => !input.widget && fits(input.type, link.type));
  if (wire) return wire.name;
  if (type.repeat && fits(type.repeat.type, link.type)) return repeatedNames(type.repeat, new Set())[0] ?? null;
  return type.inputs.find((input) => input.widget && fits(input.type, link.type))?.name ?? null;
}
