// ComfyUI's UI files (root 0.4 or 1.0, definitions of subgraphs 1.0) to a document. What the document has no place for
// stays in `rest`; what cannot be kept (wires that end nowhere) is noted. Knows no node types and asks no server.

import { readValues } from "./comfy_values";
import { uuid } from "./draft";
import type {
  Box,
  Doc,
  DocNode,
  Json,
  JsonObject,
  Layer,
  Link,
  Note,
  Point,
  Reroute,
  Slot,
  Sub,
  SubSlot,
} from "./types";
import { emptyDoc, emptyLayer, SUB_INPUT, SUB_OUTPUT } from "./types";
import { isObject, text } from "./widgetspec";

/** Return the document that a UI file (parsed JSON) holds, and what could not be kept. Never throws. */
export function readUi(json: unknown): { doc: Doc; notes: Note[] } {
  const data = isObject(json) ? json : {};
  const doc = emptyDoc(text(data.id) || uuid());
  const reading = new Reading(doc);
  if (!isObject(json) || !Array.isArray(data.nodes)) {
    reading.note("error", "C001", null, null, "expected a workflow in the UI format");
  }
  const definitions = reading.definitions(data);
  for (const { sub } of definitions) doc.subs[sub.id] = sub;
  for (const { sub, raw } of definitions) reading.layer(sub, raw, sub);
  reading.layer(doc.root, data);
  // Values of instances need the insides of all definitions.
  for (const key of ["", ...Object.keys(doc.subs)]) reading.values(key === "" ? doc.root : (doc.subs[key] as Layer));
  doc.rest = rootRest(data);
  doc.lastNode = Math.max(doc.lastNode, count(data.last_node_id), stateCount(data, "lastNodeId"));
  doc.lastLink = Math.max(doc.lastLink, count(data.last_link_id), stateCount(data, "lastLinkId"));
  doc.lastGroup = Math.max(doc.lastGroup, stateCount(data, "lastGroupId"));
  doc.lastReroute = Math.max(doc.lastReroute, stateCount(data, "lastRerouteId"));
  return { doc, notes: reading.notes };
}

const ROOT_FIELDS = ["id", "nodes", "links", "groups", "reroutes", "state", "version"];
const SUB_FIELDS = ["id", "name", "inputs", "outputs", "nodes", "links", "groups", "reroutes", "definitions"];
const NODE_FIELDS = ["id", "type", "title", "pos", "size", "inputs", "outputs"];

function rootRest(data: JsonObject): JsonObject {
  const rest = without(data, ROOT_FIELDS);
  if (isObject(data.definitions)) rest.definitions = without(data.definitions, ["subgraphs"]);
  // Of format 1.0, which is written as 0.4: there both stand under "extra".
  if (Array.isArray(data.reroutes))
    rest.extra = { ...(isObject(rest.extra) ? rest.extra : {}), reroutes: data.reroutes };
  return rest;
}

class Reading {
  readonly notes: Note[] = [];
  /** Where the outputs of instances stand now, if their numbers in the file are of an older definition. */
  private readonly outputs = new Map<DocNode, number[]>();

  constructor(private readonly doc: Doc) {}

  note(level: Note["level"], code: string, node: string | null, type: string | null, message: string): void {
    this.notes.push({ level, code, node, type, text: message });
  }

  /** Return the definitions, those inside others too, each still without its content. */
  definitions(data: JsonObject): { sub: Sub; raw: JsonObject }[] {
    const found = new Map<string, { sub: Sub; raw: JsonObject }>();
    const waiting = [data];
    for (let owner = waiting.shift(); owner; owner = waiting.shift()) {
      const listed = isObject(owner.definitions) ? owner.definitions.subgraphs : undefined;
      for (const raw of Array.isArray(listed) ? listed : []) {
        if (!isObject(raw) || !text(raw.id) || found.has(text(raw.id))) {
          this.note(
            "warning",
            "C006",
            null,
            null,
            "a subgraph's definition without an id, or with a second one's, is left out",
          );
          continue;
        }
        found.set(text(raw.id), { sub: readSub(raw), raw });
        waiting.push(raw);
      }
    }
    return [...found.values()];
  }

  layer(layer: Layer, raw: JsonObject, sub?: Sub): void {
    const counted = this.counted(raw);
    const slots = new Map<string, JsonObject[]>();
    for (const entry of entries(raw.nodes)) {
      const id = isObject(entry) ? key(entry.id) : null;
      if (!isObject(entry) || id === null || !text(entry.type)) {
        this.note("warning", "C002", null, null, "an entry in the list of nodes that is none is left out");
        continue;
      }
      if (layer.nodes[id]) {
        this.note("error", "C003", id, text(entry.type), `another node has the id "${id}"; this one is left out`);
        continue;
      }
      const node = readNode(id, entry, this.doc.subs);
      const instance = this.doc.subs[node.type];
      const moved = instance && orderOutputs(node, instance);
      if (moved) this.outputs.set(node, moved);
      layer.nodes[id] = node;
      slots.set(
        id,
        places(entry.inputs).map((slot) => (isObject(slot) ? slot : {})),
      );
      counted("lastNode", id);
    }
    for (const entry of this.reroutes(raw)) {
      layer.reroutes[entry.id] = entry;
      counted("lastReroute", entry.id);
    }
    this.links(layer, raw, slots, sub, counted);
    entries(raw.groups).forEach((entry) => {
      if (!isObject(entry)) return;
      let id = key(entry.id);
      if (id === null || layer.groups[id]) id = String(++this.doc.lastGroup);
      const color = text(entry.color);
      const rest = without(entry, ["title", "bounding", "color"]);
      layer.groups[id] = { id, title: text(entry.title), box: box(entry.bounding), ...(color ? { color } : {}), rest };
      counted("lastGroup", id);
    });
  }

  /** Read the values of all nodes, which `readNode` left out. */
  values(layer: Layer): void {
    for (const node of Object.values(layer.nodes)) {
      Object.assign(node, readValues(node, node.rest ?? {}, this.doc.subs[node.type]));
    }
  }

  private counted(raw: JsonObject): (name: "lastNode" | "lastGroup" | "lastReroute" | "lastLink", id: string) => void {
    const { doc } = this;
    doc.lastNode = Math.max(doc.lastNode, stateCount(raw, "lastNodeId"));
    doc.lastLink = Math.max(doc.lastLink, stateCount(raw, "lastLinkId"));
    doc.lastGroup = Math.max(doc.lastGroup, stateCount(raw, "lastGroupId"));
    doc.lastReroute = Math.max(doc.lastReroute, stateCount(raw, "lastRerouteId"));
    return (name, id) => {
      if (/^\d{1,15}$/.test(id)) doc[name] = Math.max(doc[name], Number(id));
    };
  }

  private reroutes(raw: JsonObject): Reroute[] {
    const extra = isObject(raw.extra) ? raw.extra : {};
    const listed = Array.isArray(raw.reroutes) ? raw.reroutes : extra.reroutes;
    return entries(listed).flatMap((entry): Reroute[] => {
      const id = isObject(entry) ? key(entry.id) : null;
      if (!isObject(entry) || id === null) return [];
      const parent = key(entry.parentId);
      const rest = without(entry, ["id", "pos", "parentId"]);
      return [{ id, pos: point(entry.pos), ...(parent === null ? {} : { parent }), rest }];
    });
  }

  private links(
    layer: Layer,
    raw: JsonObject,
    slots: Map<string, JsonObject[]>,
    sub: Sub | undefined,
    counted: ReturnType<Reading["counted"]>,
  ): void {
    const bends = new Map<string, string>();
    const extra = isObject(raw.extra) ? raw.extra : {};
    for (const entry of entries(extra.linkExtensions)) {
      const id = isObject(entry) ? key(entry.id) : null;
      const parent = isObject(entry) ? key(entry.parentId) : null;
      if (id !== null && parent !== null) bends.set(id, parent);
    }
    const taken = new Set<string>();
    for (const entry of entries(raw.links)) {
      const link = readLink(entry);
      if (!link || layer.links[link.id]) {
        this.note("warning", "C004", null, null, "an entry in the list of links that is none is left out");
        continue;
      }
      counted("lastLink", link.id);
      const place = this.placed(layer, link, slots, sub);
      if (place === null || taken.has(`${link.to} ${place}`)) {
        this.note("info", "C005", link.to, null, `link ${link.id} from node ${link.from} ends nowhere and is left out`);
        continue;
      }
      taken.add(`${link.to} ${place}`);
      const { slot: _slot, reroute: told, ...kept } = link;
      const reroute = told ?? bends.get(link.id);
      const bent = reroute !== undefined && layer.reroutes[reroute] ? { reroute } : {};
      layer.links[link.id] = { ...kept, input: place, ...bent };
    }
  }

  /** Return the name of the input that a link enters, null when either end is not there. Its output may be renumbered. */
  private placed(layer: Layer, link: RawLink, slots: Map<string, JsonObject[]>, sub: Sub | undefined): string | null {
    if (link.from === SUB_INPUT && sub) {
      if (link.out >= sub.inputs.length) return null;
    } else {
      const source = layer.nodes[link.from];
      if (!source) return null;
      link.out = this.outputs.get(source)?.[link.out] ?? link.out;
    }
    if (link.to === SUB_OUTPUT && sub) return sub.outputs[link.slot]?.name ?? null;
    const target = layer.nodes[link.to];
    const listed = slots.get(link.to) ?? [];
    // An input says itself which link enters it; numbers may be of an older list of inputs.
    let number =
      key(listed[link.slot]?.link) === link.id ? link.slot : listed.findIndex((slot) => key(slot.link) === link.id);
    if (number < 0 && listed[link.slot] && !("link" in (listed[link.slot] ?? {}))) number = link.slot;
    return target?.inputs[number]?.name ?? null;
  }
}

// ---- nodes ---------------------------------------------------------------------------------------------------

function readNode(id: string, raw: JsonObject, subs: Record<string, Sub>): DocNode {
  const flags = isObject(raw.flags) ? raw.flags : {};
  const sub = subs[text(raw.type)];
  const node: DocNode = {
    id,
    type: text(raw.type),
    pos: point(raw.pos),
    size: point(raw.size),
    mode: typeof raw.mode === "number" ? raw.mode : 0,
    inputs: readSlots(raw.inputs),
    outputs: readSlots(raw.outputs),
    values: {},
  };
  if (sub) {
    // Slots of instances belong to those of the definition by name; where none has the name, by number.
    const names = new Set(node.inputs.map((slot) => slot.name));
    if (node.inputs.length === sub.inputs.length) {
      node.inputs = node.inputs.map((slot, place) => {
        const name = sub.inputs[place]?.name;
        const lost = name !== undefined && !names.has(name) && !sub.inputs.some((one) => one.name === slot.name);
        return lost ? { ...slot, name } : slot;
      });
    }
  }
  if (typeof raw.title === "string") node.title = raw.title;
  if (flags.collapsed === true) node.collapsed = true;
  if (flags.pinned === true) node.pinned = true;
  if (typeof raw.color === "string") node.color = raw.color;
  const shown = readShown(raw.properties);
  if (sub && shown.length) node.shown = shown;
  node.rest = without(raw, NODE_FIELDS);
  if (typeof raw.title !== "string" && raw.title !== undefined) node.rest.title = raw.title;
  return node;
}

/** Return the widgets of inner nodes that an instance shows, as its properties list them. */
export function readShown(properties: Json | undefined): [string, string][] {
  return entries(isObject(properties) ? properties.proxyWidgets : undefined).flatMap((entry): [string, string][] => {
    const inner = Array.isArray(entry) ? key(entry[0]) : null;
    return Array.isArray(entry) && inner !== null && typeof entry[1] === "string" ? [[inner, entry[1]]] : [];
  });
}

function readSlots(value: Json | undefined): Slot[] {
  const seen = new Set<string>();
  return places(value).map((entry): Slot => {
    const raw = isObject(entry) ? entry : {};
    const told = text(raw.name);
    const widget = isObject(raw.widget) ? text(raw.widget.name) : raw.widget === true ? told : text(raw.widget);
    const rest = without(raw, ["name", "type", "label", "widget"]);
    // Links find inputs by name, so a second one of a name gets another; the file keeps its own.
    let name = told;
    for (let number = 2; seen.has(name); number++) name = `${told}~${number}`;
    seen.add(name);
    if (name !== told) rest.name = told;
    if (typeof raw.type !== "string" && raw.type !== undefined) rest.type = raw.type;
    if (isObject(raw.widget) && Object.keys(raw.widget).length > 1) rest.widget = raw.widget;
    const slot: Slot = { name, type: wireType(raw.type) };
    if (typeof raw.label === "string") slot.label = raw.label;
    if (widget) slot.widget = widget;
    if (Object.keys(rest).length) slot.rest = rest;
    return slot;
  });
}

/** Put an instance's outputs in the order of its definition, by name; return the new place of each, if any moved. */
function orderOutputs(node: DocNode, sub: Sub): number[] | undefined {
  if (node.outputs.every((slot, place) => sub.outputs[place]?.name === slot.name)) return undefined;
  const before = node.outputs;
  const moved = before.map((slot, place) => {
    const found = sub.outputs.findIndex((one) => one.name === slot.name);
    return found < 0 || sub.outputs[place]?.name === slot.name ? place : found;
  });
  node.outputs = sub.outputs.map(({ name, type }, place) => before[moved.indexOf(place)] ?? { name, type });
  return moved;
}

// ---- links and definitions -----------------------------------------------------------------------------------

type RawLink = Omit<Link, "input"> & { slot: number };

function readLink(entry: Json): RawLink | null {
  const fields = ["id", "origin_id", "origin_slot", "target_id", "target_slot", "type"];
  const parts = isObject(entry) ? fields.map((name) => entry[name]) : Array.isArray(entry) ? entry : [];
  const [id, from, to] = [key(parts[0]), key(parts[1]), key(parts[3])];
  const [out, slot] = [slotNumber(parts[2]), slotNumber(parts[4])];
  if (id === null || from === null || to === null || out === null || slot === null) return null;
  const rest = isObject(entry) ? without(entry, [...fields, "parentId"]) : {};
  if (typeof parts[5] !== "string" && parts[5] !== undefined) rest.type = parts[5];
  const parent = isObject(entry) ? key(entry.parentId) : null;
  const link: RawLink = { id, from, out, to, slot, type: wireType(parts[5]) };
  if (parent !== null) link.reroute = parent;
  if (Object.keys(rest).length) link.rest = rest;
  return link;
}

function readSub(raw: JsonObject): Sub {
  const input = isObject(raw.inputNode) ? raw.inputNode : {};
  const output = isObject(raw.outputNode) ? raw.outputNode : {};
  return {
    ...emptyLayer(),
    id: text(raw.id),
    name: text(raw.name),
    inputs: readSubSlots(raw.inputs),
    outputs: readSubSlots(raw.outputs),
    inputBox: box(input.bounding),
    outputBox: box(output.bounding),
    rest: without(raw, SUB_FIELDS),
  };
}

function readSubSlots(value: Json | undefined): SubSlot[] {
  const ids = places(value).map((entry) => (isObject(entry) ? text(entry.id) : ""));
  return readSlots(value).map((slot, place): SubSlot => {
    const { id: _id, ...rest } = slot.rest ?? {};
    const found: SubSlot = { id: ids[place] || uuid(), name: slot.name, type: slot.type };
    if (slot.label !== undefined) found.label = slot.label;
    if (Object.keys(rest).length) found.rest = rest;
    return found;
  });
}

// ---- values of a file, none of which can be trusted ------------------------------------------------------------

/** Return an id as text, null for what is none: 7 and "7" are one. */
function key(value: Json | undefined): string | null {
  if (typeof value === "string") return value || null;
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : null;
}

function slotNumber(value: Json | undefined): number | null {
  const number = typeof value === "string" && /^\d{1,7}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= 0 && number < 1e6 ? number : null;
}

/** Old files have 0 or -1 for any type, and the choices of a combo for a combo. */
function wireType(value: Json | undefined): string {
  if (Array.isArray(value)) return "COMBO";
  return typeof value === "string" && !["", "0", "-1"].includes(value) ? value : "*";
}

function entries(value: Json | undefined): Json[] {
  const listed = isObject(value) ? Object.values(value) : value;
  return Array.isArray(listed) ? listed.filter((entry) => entry !== null) : [];
}

/** Slots are counted, so one that cannot be read keeps its place. */
const places = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);

function without(record: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !fields.includes(name)));
}

const finite = (value: Json | undefined): number => (typeof value === "number" && Math.abs(value) < 1e15 ? value : 0);
const count = (value: Json | undefined): number => Math.max(0, Math.floor(finite(value)));
const stateCount = (raw: JsonObject, name: string): number => count(isObject(raw.state) ? raw.state[name] : 0);

function point(value: Json | undefined): Point {
  const pair = isObject(value) ? [value["0"], value["1"]] : Array.isArray(value) ? value : [];
  return [finite(pair[0]), finite(pair[1])];
}

function box(value: Json | undefined): Box {
  const [x, y, width, height] = Array.isArray(value) ? value.map(finite) : [];
  return { x: x ?? 0, y: y ?? 0, width: width ?? 0, height: height ?? 0 };
}
