// Parts of a layer as plain JSON: cut out of one document, read from the clipboard's text, put into a layer with new
// ids. Brings the definitions of its subgraphs along. Knows neither the clipboard nor node types.

import { readUi } from "./comfy";
import { refuseRing, refuseRings } from "./definitions";
import { clone, need, nextGroup, nextLink, nextNode, nextReroute, peek, rows, uuid } from "./draft";
import { forget } from "./graph";
import { canonical } from "./history";
import type { Doc, DocNode, Group, Item, JsonObject, LayerKey, Link, NodeId, Point, Reroute, Sub } from "./types";
import { ROOT, SUB_INPUT } from "./types";
import { chain } from "./wires";

const FORMAT = "latentloom/fragment";

export interface Fragment {
  format: typeof FORMAT;
  version: 1;
  /** Where it was cut out: only there links from outside mean anything. */
  source: { doc: string; layer: LayerKey };
  nodes: DocNode[];
  /** Among the nodes. */
  links: Link[];
  /** From outside into the nodes. */
  entering: Link[];
  groups: Group[];
  reroutes: Reroute[];
  /** The definitions that the nodes use, at any depth. */
  subs: Sub[];
}

/** Return a copy of what is named, with the links among its nodes and their reroutes. Changes nothing. */
export function cut(doc: Doc, layer: LayerKey, items: readonly Item[]): Fragment {
  const at = need(doc, layer);
  const named = (kind: Item["kind"]) => items.flatMap((item) => (item.kind === kind ? [item.id] : []));
  const chosen = new Set(named("node").filter((id) => peek(at.nodes, id) !== undefined));
  const links: Link[] = [];
  const entering: Link[] = [];
  const passed = new Set<string>();
  for (const link of rows(at.links)) {
    if (!chosen.has(link.to)) continue;
    const copy = clone(link) as Link;
    if (chosen.has(link.from)) {
      links.push(copy);
      for (const id of chain(at, link.reroute)) passed.add(id);
    } else {
      delete copy.reroute;
      entering.push(copy);
    }
  }
  const nodes = [...chosen].map((id) => clone(peek(at.nodes, id)) as DocNode);
  return {
    format: FORMAT,
    version: 1,
    source: { doc: doc.id, layer },
    nodes,
    links,
    entering,
    groups: named("group").flatMap((id) => clone(peek(at.groups, id) as Group | undefined) ?? []),
    reroutes: [...passed].map((id) => clone(peek(at.reroutes, id)) as Reroute),
    subs: definitionsOf(doc, nodes),
  };
}

function definitionsOf(doc: Doc, nodes: readonly DocNode[]): Sub[] {
  const found = new Map<string, Sub>();
  const waiting = nodes.map((node) => node.type);
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    const sub = found.has(type) ? undefined : peek(doc.subs, type);
    if (sub === undefined) continue;
    found.set(type, clone(sub) as Sub);
    for (const node of rows(sub.nodes)) waiting.push(node.type);
  }
  return [...found.values()];
}

/**
 * Put a fragment into a layer, its top left corner at this point, and return the new nodes. With `inputs`, links from
 * outside are kept where their source is still in the layer from which the fragment was cut.
 */
export function paste(
  doc: Doc,
  layer: LayerKey,
  fragment: Fragment,
  at: Point,
  options: { inputs?: boolean } = {},
): NodeId[] {
  const target = need(doc, layer);
  const types = adopt(doc, fragment.subs);
  refuseRings(
    doc,
    fragment.subs.map((sub) => types.get(sub.id) ?? sub.id),
  );
  for (const node of fragment.nodes) refuseRing(doc, layer, types.get(node.type) ?? node.type);
  const [left, top] = cornerOf(fragment);
  const [dx, dy] = [at[0] - left, at[1] - top];
  const moved = ([x, y]: Point): Point => [x + dx, y + dy];

  const ids = new Map<NodeId, NodeId>();
  for (const node of fragment.nodes) {
    const id = nextNode(doc, target);
    ids.set(node.id, id);
    target.nodes[id] = { ...clone(node), id, type: types.get(node.type) ?? node.type, pos: moved(node.pos) };
  }
  const reroutes = new Map(fragment.reroutes.map((reroute) => [reroute.id, nextReroute(doc, target)]));
  for (const reroute of fragment.reroutes) {
    const { parent, ...rest } = clone(reroute);
    const id = reroutes.get(reroute.id) as string;
    const before = parent === undefined ? undefined : reroutes.get(parent);
    target.reroutes[id] = { ...rest, id, pos: moved(reroute.pos), ...(before === undefined ? {} : { parent: before }) };
  }
  for (const link of fragment.links) {
    const { reroute, ...rest } = clone(link);
    const [from, to] = [ids.get(link.from), ids.get(link.to)];
    if (from === undefined || to === undefined) continue;
    const id = nextLink(doc, target);
    const last = reroute === undefined ? undefined : reroutes.get(reroute);
    target.links[id] = { ...rest, id, from, to, ...(last === undefined ? {} : { reroute: last }) };
  }
  if (options.inputs === true && fragment.source.doc === doc.id && fragment.source.layer === layer) {
    for (const link of fragment.entering) {
      const to = ids.get(link.to);
      const here = link.from === SUB_INPUT || peek(target.nodes, link.from) !== undefined;
      if (to === undefined || !here) continue;
      const id = nextLink(doc, target);
      target.links[id] = { ...clone(link), id, to };
    }
  }
  forget(target);
  for (const group of fragment.groups) {
    const id = nextGroup(doc, target);
    const [x, y] = moved([group.box.x, group.box.y]);
    target.groups[id] = { ...clone(group), id, box: { ...group.box, x, y } };
  }
  return [...ids.values()];
}

/** Return the top left corner of what is in a fragment. */
export function cornerOf(fragment: Fragment): Point {
  const points = [
    ...fragment.nodes.map((node) => node.pos),
    ...fragment.groups.map((group): Point => [group.box.x, group.box.y]),
  ];
  if (points.length === 0) return [0, 0];
  return [Math.min(...points.map(([x]) => x)), Math.min(...points.map(([, y]) => y))];
}

/** Add the definitions that the document lacks; return the new ids of those whose id means something else there. */
function adopt(doc: Doc, subs: readonly Sub[]): Map<string, string> {
  const byId = new Map(subs.map((sub) => [sub.id, sub]));
  const other = new Set(subs.filter((sub) => isOther(doc, sub)).map((sub) => sub.id));
  // What uses a definition that has to go by another id is another one itself, if the document has it at all.
  for (let grown = true; grown; ) {
    grown = false;
    for (const sub of subs) {
      if (other.has(sub.id) || peek(doc.subs, sub.id) === undefined) continue;
      if (!Object.values(sub.nodes).some((node) => other.has(node.type) && byId.has(node.type))) continue;
      other.add(sub.id);
      grown = true;
    }
  }
  const types = new Map([...other].map((id) => [id, uuid()]));
  for (const sub of subs) {
    const id = types.get(sub.id) ?? sub.id;
    if (peek(doc.subs, id) !== undefined) continue;
    const copy = clone(sub);
    copy.id = id;
    for (const node of Object.values(copy.nodes)) node.type = types.get(node.type) ?? node.type;
    doc.subs[id] = copy;
  }
  return types;
}

function isOther(doc: Doc, sub: Sub): boolean {
  const own = peek(doc.subs, sub.id);
  return own !== undefined && canonical(clone(own)) !== canonical(sub);
}

// ---- text ----------------------------------------------------------------------------------------------------

export function asText(fragment: Fragment): string {
  return JSON.stringify(fragment, null, 1);
}

/**
 * Read a fragment from text: our own, a whole workflow in the UI format, or what ComfyUI puts on the clipboard (its JSON,
 * or a piece of HTML with the JSON in it). Return null for anything else.
 */
export function fromText(text: string): Fragment | null {
  const hidden = /data-metadata="([A-Za-z0-9+/=]+)"/.exec(text)?.[1];
  try {
    const source = hidden === undefined ? text : decode(hidden);
    if (!source.trimStart().startsWith("{")) return null;
    const json: unknown = JSON.parse(source);
    if (!isRecord(json)) return null;
    return json.format === FORMAT ? readOwn(json) : readWorkflow(json);
  } catch {
    return null;
  }
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
}

function readWorkflow(json: JsonObject): Fragment | null {
  if (!Array.isArray(json.nodes) && !Array.isArray(json.groups)) return null;
  const { doc } = readUi(json.version === undefined ? fromClipboard(json) : json);
  const items = [
    ...Object.keys(doc.root.nodes).map((id): Item => ({ kind: "node", id })),
    ...Object.keys(doc.root.groups).map((id): Item => ({ kind: "group", id })),
  ];
  if (items.length === 0) return null;
  return { ...cut(doc, ROOT, items), source: { doc: "", layer: ROOT } };
}

/**
 * ComfyUI's clipboard has the fields of a workflow, links as objects, definitions beside them; its nodes are copies
 * that know of no links, so that only the links say where they end.
 */
function fromClipboard(json: JsonObject): JsonObject {
  const { subgraphs = [], ...rest } = json;
  const slots = new Map<string, JsonObject[]>();
  for (const node of listOf(json.nodes, isRecord)) slots.set(String(node.id), listOf(node.inputs, isRecord));
  for (const link of listOf(json.links, isRecord)) {
    const slot = slots.get(String(link.target_id))?.[Number(link.target_slot)];
    if (slot !== undefined) slot.link = link.id ?? null;
  }
  return { ...rest, nodes: json.nodes ?? [], version: 1, definitions: { subgraphs } };
}

/** Return a fragment of our own form, each part looked at: anybody may write text. */
function readOwn(json: JsonObject): Fragment | null {
  const source = isRecord(json.source) ? json.source : {};
  const nodes = listOf(json.nodes, isNode);
  const inside = new Set(nodes.map((node) => node.id));
  const links = listOf(json.links, isLink);
  const subs = listOf(json.subs, isSub);
  return {
    format: FORMAT,
    version: 1,
    source: { doc: String(source.doc ?? ""), layer: String(source.layer ?? "") },
    nodes,
    links: links.filter((link) => inside.has(link.from) && inside.has(link.to)),
    entering: listOf(json.entering, isLink).filter((link) => inside.has(link.to) && !inside.has(link.from)),
    groups: listOf(json.groups, isGroup),
    reroutes: listOf(json.reroutes, isReroute),
    subs,
  };
}

function listOf<T>(value: unknown, is: (entry: unknown) => entry is T): T[] {
  return Array.isArray(value) ? value.filter(is) : [];
}

// biome-ignore lint/suspicious/noExplicitAny: what is looked at may be anything.
type Loose = Record<string, any>;

const isRecord = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isPoint = (value: unknown): value is Point => Array.isArray(value) && value.length === 2 && value.every(isNumber);
const isBox = (value: unknown): boolean =>
  isRecord(value) && [value.x, value.y, value.width, value.height].every(isNumber);
const isSlot = (value: unknown): boolean => isRecord(value) && isText(value.name) && isText(value.type);
const isSlots = (value: unknown): boolean => Array.isArray(value) && value.every(isSlot);
const isMaybeText = (value: unknown): boolean => value === undefined || isText(value);

function isNode(value: unknown): value is DocNode {
  const node = value as Loose;
  const known = isRecord(value) && isText(node.id) && isText(node.type) && isPoint(node.pos) && isPoint(node.size);
  if (!known || !isNumber(node.mode) || !isSlots(node.inputs) || !isSlots(node.outputs)) return false;
  const shown = node.shown === undefined || (Array.isArray(node.shown) && node.shown.every(isPair));
  return isRecord(node.values) && (node.control === undefined || isRecord(node.control)) && shown;
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(isText);
}

function isLink(value: unknown): value is Link {
  const link = value as Loose;
  const ends = isRecord(value) && [link.id, link.from, link.to, link.input, link.type].every(isText);
  return ends && Number.isInteger(link.out) && link.out >= 0 && isMaybeText(link.reroute);
}

function isGroup(value: unknown): value is Group {
  const group = value as Loose;
  return isRecord(value) && isText(group.id) && isText(group.title) && isBox(group.box) && isMaybeText(group.color);
}

function isReroute(value: unknown): value is Reroute {
  const reroute = value as Loose;
  return isRecord(value) && isText(reroute.id) && isPoint(reroute.pos) && isMaybeText(reroute.parent);
}

function isSub(value: unknown): value is Sub {
  const sub = value as Loose;
  if (!isRecord(value) || !isText(sub.id) || sub.id === ROOT || !isText(sub.name)) return false;
  if (!isSlots(sub.inputs) || !isSlots(sub.outputs) || !isBox(sub.inputBox) || !isBox(sub.outputBox)) return false;
  const all = (part: unknown, is: (entry: unknown) => boolean) =>
    isRecord(part) && Object.entries(part).every(([id, entry]) => is(entry) && (entry as JsonObject).id === id);
  return (
    [...sub.inputs, ...sub.outputs].every((slot: Loose) => isText(slot.id)) &&
    all(sub.nodes, isNode) &&
    all(sub.links, isLink) &&
    all(sub.groups, isGroup) &&
    all(sub.reroutes, isReroute)
  );
}
