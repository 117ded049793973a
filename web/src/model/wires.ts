// Edits of links and of the reroutes on them. A link's reroutes are a chain: the link names the one nearest to its
// target, each names the one before it; links from one output may share the beginning. Knows no node types.

import { EditError, need, needLink, nextLink, nextReroute, peek, rows } from "./draft";
import { fits, forget } from "./graph";
import type { Doc, DocNode, Layer, LayerKey, Link, LinkId, NodeId, Point, Reroute, RerouteId } from "./types";
import { layerOf, PRIMITIVE_TYPE, REROUTE_TYPE, SUB_INPUT, SUB_OUTPUT } from "./types";

export interface NewLink {
  from: NodeId;
  out: number;
  to: NodeId;
  input: string;
  type: string;
}

export type LinkEnd = { from: NodeId; out: number; type?: string } | { to: NodeId; input: string };

/** Join an output and an input; what entered that input before goes. `reroute`: the last one that the link passes. */
export function connect(
  doc: Doc,
  layer: LayerKey,
  { from, out, to, input, type }: NewLink,
  options: { reroute?: RerouteId } = {},
): LinkId {
  const at = need(doc, layer);
  if (from === to) throw new EditError("A node cannot feed itself.");
  if (from !== SUB_INPUT && peek(at.nodes, from) === undefined) throw new EditError(`There is no node ${from} here.`);
  if (to !== SUB_OUTPUT && peek(at.nodes, to) === undefined) throw new EditError(`There is no node ${to} here.`);
  const { reroute } = options;
  const old = rows(at.links).filter((link) => link.to === to && link.input === input);
  const same = old.find((link) => link.from === from && link.out === out && link.reroute === reroute);
  if (same !== undefined && old.length === 1) return same.id;
  const id = nextLink(doc, at);
  const link: Link = { id, from, out, to, input, type: agreed(at, from, to, input, type) };
  if (reroute !== undefined && peek(at.reroutes, reroute) !== undefined) link.reroute = reroute;
  at.links[id] = link;
  forget(at);
  removeLinks(
    at,
    old.map((one) => one.id),
  );
  passType(at, to, link.type);
  return id;
}

/** Take links away, and reroutes that no link passes any more. Ids that are not there do nothing. */
export function disconnect(doc: Doc, layer: LayerKey, linkIds: readonly LinkId[]): void {
  const at = need(doc, layer);
  removeLinks(at, linkIds);
}

/** Give a link another source or another target. A target's former link goes. */
export function moveLink(doc: Doc, layer: LayerKey, linkId: LinkId, end: LinkEnd): void {
  const at = need(doc, layer);
  const link = needLink(at, linkId);
  if ("to" in end) {
    if (end.to === link.from) throw new EditError("A node cannot feed itself.");
    if (end.to !== SUB_OUTPUT && peek(at.nodes, end.to) === undefined) throw new EditError("The node is not here.");
    const old = rows(at.links).filter((one) => one.to === end.to && one.input === end.input && one.id !== linkId);
    link.to = end.to;
    link.input = end.input;
    removeLinks(
      at,
      old.map((one) => one.id),
    );
  } else {
    if (end.from === link.to) throw new EditError("A node cannot feed itself.");
    if (end.from !== SUB_INPUT && peek(at.nodes, end.from) === undefined) throw new EditError("The node is not here.");
    if (end.from !== link.from || end.out !== link.out) keepOwnReroutes(at, link);
    link.from = end.from;
    link.out = end.out;
    link.type = end.type ?? link.type;
  }
  forget(at);
  passType(at, link.to, link.type);
}

/** Put a node between the two ends of a link. Reroutes left of the node stay before it, the others come after it. */
export function insertOnLink(
  doc: Doc,
  layer: LayerKey,
  linkId: LinkId,
  nodeId: NodeId,
  input: string,
  out: number,
  outType: string,
): void {
  const at = need(doc, layer);
  const link = needLink(at, linkId);
  const node = peek(at.nodes, nodeId);
  if (node === undefined || link.from === nodeId || link.to === nodeId) {
    throw new EditError("The node cannot be put on this link.");
  }
  const { from, out: source, type } = link;
  const passed = chain(at, link.reroute);
  const users = usersOf(at);
  const middle = node.pos[0] + node.size[0] / 2;
  let before = 0;
  passed.forEach((id, place) => {
    const reroute = peek(at.reroutes, id) as Reroute;
    if (reroute.pos[0] < middle || (users.get(id) ?? 0) > 1) before = place + 1;
  });
  const first = passed[before];
  if (first !== undefined) delete (at.reroutes[first] as Reroute).parent;
  else delete link.reroute;
  link.from = nodeId;
  link.out = out;
  link.type = outType;
  const reroute = passed[before - 1];
  connect(doc, layer, { from, out: source, to: nodeId, input, type }, reroute === undefined ? {} : { reroute });
  passType(at, link.to, outType);
}

/** Put a reroute on a link at this place: between those of its points that the place lies between. */
export function addReroute(doc: Doc, layer: LayerKey, linkId: LinkId, pos: Point): RerouteId {
  const at = need(doc, layer);
  const link = needLink(at, linkId);
  const passed = chain(at, link.reroute);
  const points = [
    sourcePoint(doc, layer, link),
    ...passed.map((id) => (peek(at.reroutes, id) as Reroute).pos),
    targetPoint(doc, layer, link),
  ];
  let place = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let number = 0; number + 1 < points.length; number += 1) {
    const away = distance(pos, points[number] as Point, points[number + 1] as Point);
    if (away < best) [best, place] = [away, number];
  }
  const id = nextReroute(doc, at);
  const before = passed[place - 1];
  const after = passed[place];
  at.reroutes[id] = before === undefined ? { id, pos: [...pos] } : { id, pos: [...pos], parent: before };
  if (after === undefined) link.reroute = id;
  else (at.reroutes[after] as Reroute).parent = id;
  return id;
}

/** Take a reroute away; the links that passed it go on from the one before it. */
export function removeReroute(doc: Doc, layer: LayerKey, id: RerouteId): void {
  const at = need(doc, layer);
  const parent = peek(at.reroutes, id)?.parent;
  for (const other of rows(at.reroutes)) {
    if (other.parent === id) setOrDrop(at.reroutes[other.id] as Reroute, "parent", parent);
  }
  for (const link of rows(at.links)) {
    if (link.reroute === id) setOrDrop(at.links[link.id] as Link, "reroute", parent);
  }
  delete at.reroutes[id];
}

export function moveReroutes(doc: Doc, layer: LayerKey, delta: Point, ids: readonly RerouteId[]): void {
  const at = need(doc, layer);
  for (const id of ids) {
    const reroute = at.reroutes[id];
    if (reroute !== undefined) reroute.pos = [reroute.pos[0] + delta[0], reroute.pos[1] + delta[1]];
  }
}

/** Begin a second link where a link has a reroute, or at a point of it, which becomes one: same output, other target. */
export function branchFrom(
  doc: Doc,
  layer: LayerKey,
  from: { reroute: RerouteId } | { link: LinkId; at: Point },
  target: { to: NodeId; input: string },
): LinkId {
  const at = need(doc, layer);
  const reroute = "reroute" in from ? from.reroute : addReroute(doc, layer, from.link, from.at);
  const link = rows(at.links).find((one) => chain(at, one.reroute).includes(reroute));
  if (link === undefined) throw new EditError("No link passes this reroute.");
  return connect(doc, layer, { from: link.from, out: link.out, type: link.type, ...target }, { reroute });
}

// ---- what other edits need -----------------------------------------------------------------------------------

/** Return the reroutes that lead to this one, and it, in the order in which a link passes them. */
export function chain(at: Layer, last: RerouteId | undefined): RerouteId[] {
  const found: RerouteId[] = [];
  const seen = new Set<RerouteId>();
  for (let id = last; id !== undefined && !seen.has(id); ) {
    const reroute: Readonly<Reroute> | undefined = peek(at.reroutes, id);
    if (reroute === undefined) break;
    seen.add(id);
    found.push(id);
    id = reroute.parent;
  }
  return found.reverse();
}

/** Return how many links pass each reroute. */
export function usersOf(at: Layer): Map<RerouteId, number> {
  const found = new Map<RerouteId, number>();
  for (const link of rows(at.links)) {
    if (link.reroute === undefined) continue;
    for (const id of chain(at, link.reroute)) found.set(id, (found.get(id) ?? 0) + 1);
  }
  return found;
}

/** Take links out of a layer, with the reroutes that only they passed. */
export function removeLinks(at: Layer, ids: Iterable<LinkId>): void {
  const passed = new Set<RerouteId>();
  for (const id of ids) {
    const link = peek(at.links, id);
    if (link === undefined) continue;
    for (const reroute of chain(at, link.reroute)) passed.add(reroute);
    delete at.links[id];
  }
  forget(at);
  prune(at, passed);
}

/** Take those of the reroutes away that no link passes and no other reroute comes after. */
export function prune(at: Layer, candidates: ReadonlySet<RerouteId>): void {
  if (candidates.size === 0) return;
  const used = new Set<RerouteId>();
  for (const link of rows(at.links)) for (const id of chain(at, link.reroute)) used.add(id);
  for (const other of rows(at.reroutes)) {
    if (!candidates.has(other.id)) for (const id of chain(at, other.id)) used.add(id);
  }
  for (const id of candidates) if (!used.has(id)) delete at.reroutes[id];
}

/** Set a field of a record, or take it out: a field that is undefined would make the document differ from its file. */
export function setOrDrop<T extends object, K extends keyof T>(record: T, field: K, value: T[K] | undefined): void {
  if (value === undefined) delete record[field];
  else record[field] = value;
}

/** Leave a link only the reroutes that no other link passes, as it is about to begin elsewhere. */
function keepOwnReroutes(at: Layer, link: Link): void {
  const passed = chain(at, link.reroute);
  const users = usersOf(at);
  const own = passed.findIndex((id) => users.get(id) === 1);
  if (own < 0) delete link.reroute;
  else if (own > 0) delete (at.reroutes[passed[own] as RerouteId] as Reroute).parent;
}

/** Return the link's type; a Reroute or primitive that has none yet takes that of the input it feeds. */
function agreed(at: Layer, from: NodeId, to: NodeId, input: string, type: string): string {
  const source = peek(at.nodes, from);
  if (source?.type !== REROUTE_TYPE && source?.type !== PRIMITIVE_TYPE) return type;
  const wanted = peek(at.nodes, to)?.inputs.find((slot) => slot.name === input)?.type;
  const found = type === "*" && wanted !== undefined ? wanted : type;
  if (found !== "*" && source.outputs[0]?.type === "*") setOutputType(at.nodes[from] as DocNode, found);
  return found;
}

/** Carry a new type through Reroute nodes; links to inputs that are known not to take it go. */
function passType(at: Layer, first: NodeId, type: string): void {
  if (type === "*" || peek(at.nodes, first)?.type !== REROUTE_TYPE) return;
  const seen = new Set<NodeId>();
  const waiting: NodeId[] = [first];
  const wrong: LinkId[] = [];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    setOutputType(at.nodes[id] as DocNode, type);
    for (const link of rows(at.links)) {
      if (link.from !== id) continue;
      const target = peek(at.nodes, link.to);
      const wanted = target?.inputs.find((slot) => slot.name === link.input)?.type ?? "*";
      if (!fits(wanted, type)) wrong.push(link.id);
      else if (link.type !== type) (at.links[link.id] as Link).type = type;
      if (target?.type === REROUTE_TYPE) waiting.push(link.to);
    }
  }
  removeLinks(at, wrong);
}

/** Only of Reroutes and primitives: they have one output, which a node that is new may not list. */
function setOutputType(node: DocNode, type: string): void {
  const slot = node.outputs[0];
  if (slot?.type !== type) node.outputs = [{ name: "", ...slot, type }];
}

const ROW = 20;

function sourcePoint(doc: Doc, layer: LayerKey, link: Link): Point {
  const at = need(doc, layer);
  const node = peek(at.nodes, link.from);
  if (node !== undefined) return [node.pos[0] + node.size[0], node.pos[1] + (link.out + 0.5) * ROW];
  const box = doc.subs[layer]?.inputBox;
  return box === undefined ? [0, 0] : [box.x + box.width, box.y + (link.out + 0.5) * ROW];
}

function targetPoint(doc: Doc, layer: LayerKey, link: Link): Point {
  const node = peek(layerOf(doc, layer)?.nodes ?? {}, link.to);
  if (node !== undefined) {
    const place = node.inputs.findIndex((slot) => slot.name === link.input);
    return [node.pos[0], node.pos[1] + (Math.max(place, 0) + 0.5) * ROW];
  }
  const sub = doc.subs[layer];
  const place = sub?.outputs.findIndex((slot) => slot.name === link.input) ?? 0;
  return sub === undefined ? [0, 0] : [sub.outputBox.x, sub.outputBox.y + (Math.max(place, 0) + 0.5) * ROW];
}

/** Return how far a point is from a stretch between two others. */
function distance([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}
