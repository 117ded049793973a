// A document as a file of ComfyUI's editor: root 0.4, definitions 1.0. What `comfy_read` kept is written back, and what
// nobody changed is written as it was read. Knows no server.

import { readShown } from "./comfy_read";
import { same, VALUE_FIELDS, writeValues } from "./comfy_values";
import { index } from "./graph";
import { typeOf } from "./nodetypes";
import type { NodeType, NodeTypes } from "./spec";
import type { Box, Doc, DocNode, Json, JsonObject, Layer, Link, Slot, Sub, SubSlot } from "./types";
import { SUB_INPUT, SUB_OUTPUT } from "./types";
import { isObject } from "./widgetspec";

export interface WriteOptions {
  /** What part of the root is seen: screen = graph * zoom + (x, y). */
  view?: { x: number; y: number; zoom: number };
}

/** Return the document as a UI file. Every call gives new objects; the document is not changed. */
export function writeUi(doc: Doc, types: NodeTypes, options: WriteOptions = {}): JsonObject {
  const extra: JsonObject = { ...(isObject(doc.rest.extra) ? doc.rest.extra : {}) };
  const written = writeLayer(doc, doc.root, types);
  const reroutes = writeReroutes(doc.root);
  if (reroutes.length || extra.reroutes !== undefined) extra.reroutes = reroutes;
  const bends = Object.values(doc.root.links).flatMap((link) => {
    return link.reroute === undefined ? [] : [{ id: fileId(link.id), parentId: fileId(link.reroute) }];
  });
  if (bends.length || extra.linkExtensions !== undefined) extra.linkExtensions = bends;
  if (options.view) {
    const { x, y, zoom } = options.view;
    extra.ds = { scale: zoom, offset: [x / zoom, y / zoom] };
  }
  const made = Object.keys(doc.rest).length === 0;
  const subs = Object.values(doc.subs).map((sub) => writeSub(doc, sub, types));
  const definitions = isObject(doc.rest.definitions) ? doc.rest.definitions : {};
  return {
    id: doc.id,
    ...(made ? { revision: 0, config: {} } : {}),
    ...doc.rest,
    last_node_id: lastId(doc, "nodes", "lastNodeId", "last_node_id", doc.lastNode),
    last_link_id: lastId(doc, "links", "lastLinkId", "last_link_id", doc.lastLink),
    nodes: written.nodes,
    links: Object.values(doc.root.links).map((link) => listed(link, written.places)),
    groups: writeGroups(doc.root),
    ...(subs.length || doc.rest.definitions !== undefined ? { definitions: { ...definitions, subgraphs: subs } } : {}),
    extra,
    version: 0.4,
  };
}

/** Return an id as files have it: a number where it is one. */
export function fileId(id: string): Json {
  return /^-?(0|[1-9]\d{0,14})$/.test(id) ? Number(id) : id;
}

/** Return the file's own counter while it, with those of the definitions, tells as much as the document's. */
function lastId(doc: Doc, field: "nodes" | "links", inSub: string, inRoot: string, last: number): number {
  const own = greatest(doc.root[field], doc.rest[inRoot]);
  const others = Object.values(doc.subs).map((sub) => {
    return greatest(sub[field], isObject(sub.rest?.state) ? sub.rest.state[inSub] : 0);
  });
  return Math.max(own, ...others) >= last ? own : last;
}

function greatest(record: object, before: Json | undefined): number {
  const numbers = Object.keys(record).map(Number).filter(Number.isSafeInteger);
  return numbers.reduce((most, number) => Math.max(most, number), typeof before === "number" ? before : 0);
}

type Places = Map<string, number>;

function writeSub(doc: Doc, sub: Sub, types: NodeTypes): JsonObject {
  const { nodes, places } = writeLayer(doc, sub, types);
  sub.outputs.forEach((slot, place) => {
    places.set(`${SUB_OUTPUT} ${slot.name}`, place);
  });
  const rest: JsonObject = sub.rest ?? { revision: 0, config: {}, widgets: [], extra: {} };
  const reroutes = writeReroutes(sub);
  const links = Object.values(sub.links);
  const state = isObject(rest.state) ? rest.state : {};
  return {
    id: sub.id,
    version: 1,
    ...rest,
    state: {
      ...state,
      lastGroupId: greatest(sub.groups, state.lastGroupId),
      lastNodeId: greatest(sub.nodes, state.lastNodeId),
      lastLinkId: greatest(sub.links, state.lastLinkId),
      lastRerouteId: greatest(sub.reroutes, state.lastRerouteId),
    },
    name: sub.name,
    inputNode: {
      id: Number(SUB_INPUT),
      ...(isObject(rest.inputNode) ? rest.inputNode : {}),
      bounding: bounding(sub.inputBox),
    },
    outputNode: {
      id: Number(SUB_OUTPUT),
      ...(isObject(rest.outputNode) ? rest.outputNode : {}),
      bounding: bounding(sub.outputBox),
    },
    inputs: sub.inputs.map((slot, place) => {
      return subSlot(
        slot,
        links.filter((link) => link.from === SUB_INPUT && link.out === place),
      );
    }),
    outputs: sub.outputs.map((slot) => {
      return subSlot(
        slot,
        links.filter((link) => link.to === SUB_OUTPUT && link.input === slot.name),
      );
    }),
    nodes,
    groups: writeGroups(sub),
    links: links.map((link) => objectOf(link, places)),
    ...(reroutes.length || rest.reroutes !== undefined ? { reroutes } : {}),
  };
}

function subSlot(slot: SubSlot, links: Link[]): JsonObject {
  const label: JsonObject = slot.label === undefined ? {} : { label: slot.label };
  const ids = links.map((link) => link.id);
  return {
    id: slot.id,
    name: slot.name,
    type: slot.type,
    ...label,
    ...slot.rest,
    linkIds: ordered(ids, slot.rest?.linkIds),
  };
}

// ---- nodes ---------------------------------------------------------------------------------------------------

function writeLayer(doc: Doc, layer: Layer, types: NodeTypes): { nodes: JsonObject[]; places: Places } {
  const { into, from } = index(layer);
  const places: Places = new Map();
  let order = Object.values(layer.nodes).reduce((most, node) => Math.max(most, Number(node.rest?.order ?? -1)), -1);
  const nodes = Object.values(layer.nodes).map((node) => {
    const entering = into.get(node.id) ?? [];
    const type = typeOf(doc, node, types);
    const inputs = slotList(node, type, entering).map((slot, place): JsonObject => {
      places.set(`${node.id} ${slot.name}`, place);
      const link = entering.find((entry) => entry.input === slot.name);
      return { ...writeSlot(slot), link: link ? fileId(link.id) : null };
    });
    const made: JsonObject = node.rest ? {} : { order: ++order, properties: {} };
    return writeNode(doc, node, type, inputs, writeOutputs(node, type, from.get(node.id) ?? []), made);
  });
  return { nodes, places };
}

/** Return a node's inputs as they are written: those of the file or the new node, then others that wires enter. */
export function slotList(node: DocNode, type: NodeType | undefined, entering: readonly Link[]): Slot[] {
  const names = new Set(node.inputs.map((slot) => slot.name));
  const more: Slot[] = [];
  for (const { input, type: wire } of entering) {
    if (names.has(input)) continue;
    names.add(input);
    const spec = type?.inputs.find((entry) => entry.name === input);
    more.push({ name: input, type: spec?.type ?? wire, ...(spec?.widget ? { widget: input } : {}) });
  }
  return more.length ? [...node.inputs, ...more] : node.inputs;
}

function writeOutputs(node: DocNode, type: NodeType | undefined, leaving: readonly Link[]): JsonObject[] {
  const most = leaving.reduce((count, link) => Math.max(count, link.out + 1), node.outputs.length);
  const found: JsonObject[] = [];
  for (let place = 0; place < most; place++) {
    const spec = type?.outputs[place];
    const slot = node.outputs[place] ?? { name: spec?.name ?? `output_${place}`, type: spec?.type ?? "*" };
    const ids = leaving.filter((link) => link.out === place).map((link) => link.id);
    const none = ids.length === 0 && slot.rest?.links === null;
    found.push({ ...writeSlot(slot), links: none ? null : ordered(ids, slot.rest?.links) });
  }
  return found;
}

function writeSlot(slot: Slot): JsonObject {
  const label: JsonObject = slot.label === undefined ? {} : { label: slot.label };
  const widget: JsonObject = slot.widget === undefined ? {} : { widget: { name: slot.widget } };
  return { name: slot.name, type: slot.type, ...label, ...widget, ...slot.rest };
}

function writeNode(
  doc: Doc,
  node: DocNode,
  type: NodeType | undefined,
  inputs: Json[],
  outputs: Json[],
  made: JsonObject,
): JsonObject {
  const rest = node.rest ?? {};
  const flags: JsonObject = { ...(isObject(rest.flags) ? rest.flags : {}) };
  if (node.collapsed || flags.collapsed) flags.collapsed = node.collapsed === true;
  if (node.pinned || flags.pinned) flags.pinned = node.pinned === true;
  const properties: JsonObject = { ...(isObject(rest.properties) ? rest.properties : {}) };
  if (!same(node.shown ?? [], readShown(rest.properties)))
    properties.proxyWidgets = (node.shown ?? []).map((entry) => [...entry]);
  if (!node.rest) properties["Node name for S&R"] = node.type;
  const values = writeValues(node, type, doc.subs[node.type], properties);
  const others = Object.fromEntries(
    Object.entries(rest).filter(([name]) => !VALUE_FIELDS.includes(name as "widgets_values")),
  );
  const written: JsonObject = {
    id: fileId(node.id),
    type: node.type,
    pos: [...node.pos],
    size: [...node.size],
    ...made,
    ...others,
    flags,
    mode: node.mode,
    inputs,
    outputs,
    properties,
    ...values,
  };
  if (node.title !== undefined) written.title = node.title;
  if (node.color !== rest.color) {
    // The body's color went with the title's.
    delete written.bgcolor;
    delete written.color;
    if (node.color !== undefined) written.color = node.color;
  }
  return written;
}

// ---- links, reroutes, groups ---------------------------------------------------------------------------------

function listed(link: Link, places: Places): Json {
  const slot = places.get(`${link.to} ${link.input}`) ?? 0;
  return [fileId(link.id), fileId(link.from), link.out, fileId(link.to), slot, link.rest?.type ?? link.type];
}

function objectOf(link: Link, places: Places): JsonObject {
  return {
    id: fileId(link.id),
    origin_id: fileId(link.from),
    origin_slot: link.out,
    target_id: fileId(link.to),
    target_slot: places.get(`${link.to} ${link.input}`) ?? 0,
    type: link.type,
    ...link.rest,
    ...(link.reroute === undefined ? {} : { parentId: fileId(link.reroute) }),
  };
}

function writeReroutes(layer: Layer): JsonObject[] {
  const passing = new Map<string, string[]>();
  for (const link of Object.values(layer.links)) {
    const seen = new Set<string>();
    for (let at = link.reroute; at !== undefined && !seen.has(at); at = layer.reroutes[at]?.parent) {
      seen.add(at);
      passing.set(at, [...(passing.get(at) ?? []), link.id]);
    }
  }
  return Object.values(layer.reroutes).map(({ id, pos, parent, rest }) => ({
    id: fileId(id),
    ...rest,
    pos: [...pos],
    linkIds: ordered(passing.get(id) ?? [], rest?.linkIds),
    ...(parent === undefined ? {} : { parentId: fileId(parent) }),
  }));
}

function writeGroups(layer: Layer): JsonObject[] {
  return Object.values(layer.groups).map(({ id, title, box, color, rest }) => ({
    ...(rest ?? { id: fileId(id), font_size: 24, flags: {} }),
    title,
    bounding: bounding(box),
    ...(color === undefined ? {} : { color }),
  }));
}

/** Return ids as files have them; in the order in which they were read if they are still the same. */
function ordered(ids: string[], read: Json | undefined): Json[] {
  const found = ids.map(fileId);
  if (!Array.isArray(read) || read.length !== found.length) return found;
  const known = new Set(found);
  return read.every((id) => known.has(id as number)) ? [...read] : found;
}

const bounding = ({ x, y, width, height }: Box): Json[] => [x, y, width, height];
