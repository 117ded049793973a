// Making a subgraph of selected nodes and unpacking one again, so that what runs stays the same: wires that cross the
// border become slots, several wires of one output share one. Definitions themselves are in definitions.ts.

import { boundsOf, placeOf } from "./bounds";
import { mapShown } from "./definitions";
import { clone, EditError, need, needNode, nextLink, nextNode, peek, rows, unique, uuid } from "./draft";
import { typeOfOutput } from "./graph";
import { shownName } from "./nodetypes";
import type { NodeTypes } from "./spec";
import type { Doc, DocNode, Item, Layer, LayerKey, Link, NodeId, Point, Reroute, RerouteId } from "./types";
import { emptyLayer, MODE, type Slot, SUB_INPUT, SUB_OUTPUT, type Sub, type SubSlot } from "./types";
import { chain, prune, removeLinks } from "./wires";

export * from "./definitions";
export { unpack } from "./unpack";

const END_WIDTH = 120;
const END_GAP = 80;
const ROW = 20;

/** A slot to be made, and the links that go through it. */
interface Crossing {
  slot: SubSlot;
  links: Link[];
}

/**
 * Put nodes into a new subgraph in their place, with the named groups and with the reroutes among them; return the
 * node that stands for it. Inner nodes keep their ids and places.
 */
export function makeSubgraph(
  doc: Doc,
  layer: LayerKey,
  items: readonly Item[],
  types: NodeTypes,
  name: string,
): NodeId {
  const at = need(doc, layer);
  const named = (kind: Item["kind"]) => items.flatMap((item) => (item.kind === kind ? [item.id] : []));
  const chosen = new Set(named("node").filter((id) => peek(at.nodes, id) !== undefined));
  if (chosen.size === 0) throw new EditError("Select the nodes that are to go into the subgraph.");

  const links = rows(at.links).map((link) => clone(link) as Link);
  const among = links.filter((link) => chosen.has(link.from) && chosen.has(link.to));
  const entering = links.filter((link) => !chosen.has(link.from) && chosen.has(link.to));
  const leaving = links.filter((link) => chosen.has(link.from) && !chosen.has(link.to));
  const inside = reroutesInside(at, links, chosen, new Set(named("reroute")));
  const inputs = crossings(entering, at, (link) => inputOf(doc, layer, types, link));
  const outputs = crossings(leaving, at, (link) => outputOf(doc, layer, types, link));

  const sub = newSub(doc, name, at, chosen, inputs, outputs);
  for (const link of among) sub.links[link.id] = link;
  for (const id of inside) {
    const reroute = clone(peek(at.reroutes, id)) as Reroute;
    if (reroute.parent !== undefined && !inside.has(reroute.parent)) delete reroute.parent;
    sub.reroutes[id] = reroute;
  }
  for (const id of named("group")) {
    const group = peek(at.groups, id);
    if (group !== undefined) sub.groups[id] = clone(group);
    delete at.groups[id];
  }
  const host = newHost(doc, at, sub);
  for (const [place, { slot, links: through }] of inputs.entries()) {
    enter(doc, at, sub, host.id, place, slot.name, through, inside);
  }
  for (const [place, { slot, links: through }] of outputs.entries()) {
    leave(doc, at, sub, host.id, place, slot.name, through, inside);
  }
  host.shown = shownBy(doc, layer, chosen, host.id);
  if (host.shown === undefined) delete host.shown;
  doc.subs[sub.id] = sub;
  at.nodes[host.id] = host;
  removeLinks(
    at,
    [...among, ...entering].map((link) => link.id),
  );
  for (const id of chosen) delete at.nodes[id];
  for (const id of inside) delete at.reroutes[id];
  return host.id;
}

/** The inner links from a slot, and the one link that feeds it from outside. */
function enter(
  doc: Doc,
  at: Layer,
  sub: Sub,
  host: NodeId,
  out: number,
  input: string,
  links: readonly Link[],
  inside: ReadonlySet<RerouteId>,
): void {
  for (const link of links) {
    const { reroute, ...rest } = link;
    sub.links[link.id] = { ...rest, from: SUB_INPUT, out };
    if (reroute !== undefined && inside.has(reroute)) (sub.links[link.id] as Link).reroute = reroute;
  }
  const first = links[0] as Link;
  const id = nextLink(doc, at);
  const outer: Link = { id, from: first.from, out: first.out, to: host, input, type: first.type };
  const last = chain(at, first.reroute).findLast((one) => !inside.has(one));
  if (last !== undefined) outer.reroute = last;
  at.links[id] = outer;
}

/** The one link that feeds a slot from inside; the outer links keep their ids and begin at the slot. */
function leave(
  doc: Doc,
  at: Layer,
  sub: Sub,
  host: NodeId,
  out: number,
  input: string,
  links: readonly Link[],
  inside: ReadonlySet<RerouteId>,
): void {
  const first = links[0] as Link;
  const id = nextLink(doc, at);
  const inner: Link = { id, from: first.from, out: first.out, to: SUB_OUTPUT, input, type: first.type };
  const passed = links.map((link) => chain(at, link.reroute));
  // Of the ways that the links take inside, the longest is kept.
  const kept = passed.map((way) => way.filter((one) => inside.has(one))).sort((a, b) => b.length - a.length)[0];
  const last = kept?.at(-1);
  if (last !== undefined) inner.reroute = last;
  sub.links[id] = inner;
  for (const [number, link] of links.entries()) {
    const outer = at.links[link.id] as Link;
    const top = passed[number]?.find((one) => !inside.has(one));
    outer.from = host;
    outer.out = out;
    if (top === undefined) delete outer.reroute;
    else delete (at.reroutes[top] as Reroute).parent;
  }
  prune(sub, new Set(passed.flat().filter((one) => inside.has(one))));
}

/** Return the reroutes that go inside: of inner links all, of crossing ones those that are named, next to the nodes. */
function reroutesInside(
  at: Layer,
  links: readonly Link[],
  chosen: ReadonlySet<NodeId>,
  named: ReadonlySet<RerouteId>,
): Set<RerouteId> {
  const inside = new Set<RerouteId>();
  const outside = new Set<RerouteId>();
  const ways = links
    .filter((link) => link.reroute !== undefined)
    .map(({ from, to, reroute }) => ({ comes: !chosen.has(from), stays: chosen.has(to), way: chain(at, reroute) }));
  for (const { comes, stays, way } of ways) {
    if (!comes && stays) for (const id of way) inside.add(id);
    // What comes before a reroute that stays out stays out, whichever link it is that keeps it there.
    let open = stays;
    for (const id of comes ? [...way].reverse() : []) {
      open &&= named.has(id);
      if (!open) outside.add(id);
    }
  }
  for (const { comes, stays, way } of ways) {
    if (comes === !stays) continue;
    for (const id of comes ? [...way].reverse() : way) {
      if (comes ? outside.has(id) : !named.has(id) && !inside.has(id)) break;
      inside.add(id);
    }
  }
  return inside;
}

/** Return one slot for each output that crossing links come from, in the order of the nodes from top to bottom. */
function crossings(links: readonly Link[], at: Layer, slotOf: (link: Link) => Omit<SubSlot, "id">): Crossing[] {
  const height = (id: NodeId) => peek(at.nodes, id)?.pos[1] ?? Number.NEGATIVE_INFINITY;
  const sorted = [...links].sort((one, other) => height(one.to) - height(other.to) || one.out - other.out);
  const bySource = new Map<string, Link[]>();
  for (const link of sorted) {
    const key = JSON.stringify([link.from, link.out]);
    const found = bySource.get(key);
    if (found === undefined) bySource.set(key, [link]);
    else found.push(link);
  }
  const names = new Set<string>();
  return [...bySource.values()].map((through) => {
    const slots = through.map(slotOf);
    const first = slots[0] as Omit<SubSlot, "id">;
    const name = unique(first.name || first.type, names);
    names.add(name);
    const agreed = slots.every((slot) => slot.type === first.type);
    const type = agreed ? first.type : (through[0] as Link).type;
    return { slot: { ...first, id: uuid(), name, type }, links: through };
  });
}

function inputOf(doc: Doc, layer: LayerKey, types: NodeTypes, link: Link): Omit<SubSlot, "id"> {
  const node = needNode(need(doc, layer), link.to);
  const slot = node.inputs.find((one) => one.name === link.input);
  const declared = (doc.subs[node.type] ?? types.get(node.type))?.inputs.find((one) => one.name === link.input)?.type;
  return slotLike(link.input, declared ?? slot?.type ?? "*", link.type, slot);
}

function outputOf(doc: Doc, layer: LayerKey, types: NodeTypes, link: Link): Omit<SubSlot, "id"> {
  const node = needNode(need(doc, layer), link.from);
  const slot = node.outputs[link.out];
  const name = (doc.subs[node.type] ?? types.get(node.type))?.outputs[link.out]?.name ?? slot?.name ?? "";
  return slotLike(name, typeOfOutput(doc, layer, types, link.from, link.out), link.type, slot);
}

/** A slot takes the declared type if that is a single one, else the type of the wire. */
function slotLike(name: string, declared: string, wire: string, slot: Slot | undefined): Omit<SubSlot, "id"> {
  const type = declared === "*" || declared.includes(",") ? wire : declared;
  return slot?.label === undefined ? { name, type } : { name, type, label: slot.label };
}

function newSub(
  doc: Doc,
  name: string,
  at: Layer,
  chosen: ReadonlySet<NodeId>,
  inputs: readonly Crossing[],
  outputs: readonly Crossing[],
): Sub {
  const nodes: Record<NodeId, DocNode> = {};
  for (const id of chosen) nodes[id] = clone(peek(at.nodes, id)) as DocNode;
  const { left, right, top, bottom } = boundsOf(Object.values(nodes));
  const end = (x: number, slots: number) => {
    const height = ROW * (slots + 2);
    return { x, y: Math.round((top + bottom - height) / 2), width: END_WIDTH, height };
  };
  return {
    ...emptyLayer(),
    id: uuid(),
    name: unique(name, new Set(rows(doc.subs).map((sub) => sub.name)), " "),
    inputs: inputs.map(({ slot }) => slot),
    outputs: outputs.map(({ slot }) => slot),
    inputBox: end(left - END_GAP - END_WIDTH, inputs.length),
    outputBox: end(right + END_GAP, outputs.length),
    nodes,
  };
}

function newHost(doc: Doc, at: Layer, sub: Sub): DocNode {
  const like = ({ name, type, label }: SubSlot): Slot => (label === undefined ? { name, type } : { name, type, label });
  const size: Point = [210, ROW * (Math.max(sub.inputs.length, sub.outputs.length) + 1)];
  return {
    id: nextNode(doc, at),
    type: sub.id,
    pos: placeOf(Object.values(sub.nodes), size),
    size,
    mode: MODE.always,
    inputs: sub.inputs.map(like),
    outputs: sub.outputs.map(like),
    values: {},
  };
}

/** Return what the new node must show because enclosing nodes show it, and let them ask it for that. */
function shownBy(doc: Doc, layer: LayerKey, chosen: ReadonlySet<NodeId>, host: NodeId): DocNode["shown"] {
  const found = new Map<string, [NodeId, string]>();
  mapShown(doc, layer, (inner, widget) => {
    if (!chosen.has(inner)) return [inner, widget];
    found.set(shownName(inner, widget), [inner, widget]);
    return [host, shownName(inner, widget)];
  });
  return found.size === 0 ? undefined : [...found.values()];
}
