// Node types as the editor uses them: read from object_info, and new nodes of them. All that other parts ask about types
// is exported here. Knows no React and asks no server.

import { minSize } from "./layout";
import { matchesRepeat } from "./sockets";
import type { InputSpec, NodeType, NodeTypes, OutputSpec, Words } from "./spec";
import type { DocNode, Json, JsonObject, Point, SeedControl, Slot } from "./types";
import { MODE, NOTE_TYPES } from "./types";
import { defaultOf, isObject, text, widgetFrom } from "./widgetspec";

export { currentValue as valueOf, OWN_TYPES, shownName, subAsType, typeById, typeOf, UNNAMED } from "./kinds";
export { searchTypes, type TypeSearch } from "./search";
export { firstFit, matchesRepeat, type Socket, type Sockets, socketsOf, type WidgetRow } from "./sockets";

const words = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];

// ---- reading -------------------------------------------------------------------------------------------------

/** Return the node types of object_info, whole or in brief (GET /api/loom/types); entries that are none are left out. */
export function readTypes(objectInfo: JsonObject): NodeTypes {
  const types = new Map<string, NodeType>();
  for (const [id, entry] of Object.entries(objectInfo)) {
    if (isObject(entry)) types.set(id, readType(id, entry));
  }
  return types;
}

/**
 * Put descriptions and tooltips into types that were read without them. The types stay the same objects: words change
 * nothing of how nodes lie and fit, and nothing is to be worked out anew for them.
 */
export function addWords(types: NodeTypes, words: Record<string, Words>): void {
  for (const [id, { description, inputs, outputs }] of Object.entries(words)) {
    const type = types.get(id);
    if (type === undefined) continue;
    type.description = description ?? "";
    for (const input of type.inputs) input.tooltip = inputs?.[input.name] ?? "";
    for (const [place, output] of type.outputs.entries()) output.tooltip = outputs?.[place] ?? "";
  }
}

function readType(id: string, entry: JsonObject): NodeType {
  const loom = isObject(entry.loom) ? entry.loom : {};
  const repeat = readRepeat(loom.repeat);
  const inputs: InputSpec[] = [];
  const sections = isObject(entry.input) ? entry.input : {};
  const order = isObject(entry.input_order) ? entry.input_order : {};
  for (const section of ["required", "optional"]) {
    const listed = isObject(sections[section]) ? sections[section] : {};
    // By the list of names: objects of this language move names that look like numbers to the front.
    const names = Array.isArray(order[section]) ? words(order[section]) : Object.keys(listed);
    for (const name of names) {
      const config = listed[name];
      if (!Array.isArray(config) || (repeat && matchesRepeat(repeat.pattern, name) && repeat.pattern !== "*")) continue;
      inputs.push(readInput(name, config, section === "required", loom));
    }
  }
  const tooltips = Array.isArray(entry.output_tooltips) ? entry.output_tooltips : [];
  const lists = Array.isArray(entry.output_is_list) ? entry.output_is_list : [];
  const names = Array.isArray(entry.output_name) ? entry.output_name : [];
  const outputs = (Array.isArray(entry.output) ? entry.output : []).map((type, place): OutputSpec => {
    const wire = typeof type === "string" ? type : "COMBO";
    return {
      name: text(names[place]) || wire,
      type: wire,
      isList: lists[place] === true,
      tooltip: text(tooltips[place]),
    };
  });
  return {
    id,
    title: text(entry.display_name) || text(entry.name) || id,
    category: text(entry.category),
    description: text(entry.description),
    inputs,
    outputs,
    isOutput: entry.output_node === true,
    deprecated: entry.deprecated === true,
    experimental: entry.experimental === true,
    aliases: words(entry.search_aliases),
    repeat,
    formerIds: words(loom.former_ids),
    pack: text(entry.python_module)
      .replace(/^custom_nodes\./, "")
      .replace(/^nodes$/, ""),
  };
}

function readRepeat(value: Json | undefined): NodeType["repeat"] {
  if (!isObject(value) || typeof value.pattern !== "string") return null;
  const { minimum, maximum } = value;
  return {
    pattern: value.pattern,
    type: text(value.types) || "*",
    minimum: typeof minimum === "number" ? minimum : 0,
    maximum: typeof maximum === "number" ? maximum : 64,
  };
}

function readInput(name: string, config: Json[], required: boolean, loom: JsonObject): InputSpec {
  const options = isObject(config[1]) ? config[1] : {};
  const kind = config[0];
  const type = Array.isArray(kind) ? "COMBO" : text(kind) || "*";
  const widget = widgetFrom(name, kind ?? "*", options, loom);
  return { name, type, required, widget, default: options.default, tooltip: text(options.tooltip) };
}

// ---- nodes ---------------------------------------------------------------------------------------------------

/** Shapes of sockets, as the file format numbers them. */
const [OPTIONAL, LIST] = [7, 6];

/** Return a new node of the type with every widget at its default; seeds are drawn anew for each run, as in ComfyUI. */
export function makeNode(type: NodeType, pos: Point): Omit<DocNode, "id"> {
  const values: Record<string, Json> = {};
  const control: Record<string, SeedControl> = {};
  for (const input of type.inputs) {
    if (input.widget?.kind === "int" && input.widget.control)
      control[input.name] = input.widget.seed ? "randomize" : "fixed";
    if (!input.widget) continue;
    const value = input.default ?? defaultOf(input.widget, true);
    if (value !== null && value !== undefined) values[input.name] = value;
  }
  // What a note says is no input of it.
  const wired = NOTE_TYPES.includes(type.id) ? [] : type.inputs;
  const inputs = wired.map(({ name, type: wire, widget, required }): Slot => {
    if (widget) return { name, type: wire, widget: name };
    return required ? { name, type: wire } : { name, type: wire, rest: { shape: OPTIONAL } };
  });
  const outputs = type.outputs.map(({ name, type: wire, isList }): Slot => {
    return isList ? { name, type: wire, rest: { shape: LIST } } : { name, type: wire };
  });
  const words = Object.keys(control).length ? { control } : {};
  const node = { type: type.id, pos, size: [0, 0] as Point, mode: MODE.always, inputs, outputs, values, ...words };
  return { ...node, size: minSize({ ...node, id: "" }, type) };
}
