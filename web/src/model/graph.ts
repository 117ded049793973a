// Questions about the wires of a layer: what fits, what feeds what, rings, ranks. Changes nothing. Answers from an
// index that is kept for as long as the layer's links are the same object; what changes links in place tells so.

import { isDraft, isModified, original } from "immer";
import { peek, rows } from "./draft";
import type { NodeTypes } from "./spec";
import type { Doc, Layer, LayerKey, Link, LinkId, NodeId } from "./types";
import { layerOf, REROUTE_TYPE, SUB_INPUT, SUB_OUTPUT } from "./types";

export interface LayerIndex {
  into: ReadonlyMap<NodeId, readonly Link[]>;
  from: ReadonlyMap<NodeId, readonly Link[]>;
}

const NONE: readonly Link[] = [];
const indexes = new WeakMap<object, LayerIndex>();

/** Tell whether a wire of type `given` may enter a socket of type `wanted`; both may be unions or "*". */
export function fits(wanted: string, given: string): boolean {
  if (wanted === given || wanted === "*" || given === "*") return true;
  if (!wanted.includes(",") && !given.includes(",")) return false;
  const left = new Set(wanted.split(",").map((name) => name.trim()));
  const right = given.split(",").map((name) => name.trim());
  return left.has("*") || right.some((name) => name === "*" || left.has(name));
}

/** Return the links of a layer by their ends; built once for each state of the links. */
export function index(layer: Layer): LayerIndex {
  let links = layer.links;
  if (isDraft(links)) {
    if (isModified(links)) return build(rows(links));
    links = original(links) as Record<LinkId, Link>;
  }
  let found = indexes.get(links);
  if (found === undefined) {
    found = build(Object.values(links));
    indexes.set(links, found);
  }
  return found;
}

/** Drop the index of links that have been changed in place: in documents that are plain copies, not drafts. */
export function forget(layer: Layer): void {
  indexes.delete(layer.links);
}

function build(links: readonly Link[]): LayerIndex {
  const into = new Map<NodeId, Link[]>();
  const from = new Map<NodeId, Link[]>();
  for (const link of links) {
    add(into, link.to, link);
    add(from, link.from, link);
  }
  return { into, from };
}

function add(map: Map<NodeId, Link[]>, key: NodeId, link: Link): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [link]);
  else found.push(link);
}

export function linksInto(layer: Layer, id: NodeId): readonly Link[] {
  return index(layer).into.get(id) ?? NONE;
}

export function linksFrom(layer: Layer, id: NodeId): readonly Link[] {
  return index(layer).from.get(id) ?? NONE;
}

/** Return the output that really feeds a link: through Reroute nodes to what stands before them, if anything does. */
export function sourceOf(
  doc: Doc,
  layer: LayerKey,
  link: Link,
): { node: NodeId; out: number; type: string } | undefined {
  const at = layerOf(doc, layer);
  const seen = new Set<NodeId>();
  let step: Link | undefined = link;
  while (step !== undefined && at !== undefined) {
    const node = peek(at.nodes, step.from);
    if (node?.type !== REROUTE_TYPE) {
      return node !== undefined || step.from === SUB_INPUT
        ? { node: step.from, out: step.out, type: step.type }
        : undefined;
    }
    if (seen.has(step.from)) return undefined;
    seen.add(step.from);
    step = linksInto(at, step.from)[0];
  }
  return undefined;
}

/** Return all nodes that these need, without the nodes themselves unless they need each other. */
export function upstream(layer: Layer, ids: Iterable<NodeId>): Set<NodeId> {
  const { into } = index(layer);
  return reach(
    ids,
    (id) => into.get(id),
    (link) => link.from,
  );
}

/** Return all nodes that need any of these. */
export function downstream(layer: Layer, ids: Iterable<NodeId>): Set<NodeId> {
  const { from } = index(layer);
  return reach(
    ids,
    (id) => from.get(id),
    (link) => link.to,
  );
}

function reach(
  ids: Iterable<NodeId>,
  links: (id: NodeId) => readonly Link[] | undefined,
  other: (link: Link) => NodeId,
): Set<NodeId> {
  const found = new Set<NodeId>();
  const waiting = [...ids];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const link of links(id) ?? NONE) {
      const end = other(link);
      if (found.has(end) || end === SUB_INPUT || end === SUB_OUTPUT) continue;
      found.add(end);
      waiting.push(end);
    }
  }
  return found;
}

/** Return how many links the longest way from a node without inputs has; nodes of rings come after what feeds them. */
export function ranks(layer: Layer): Map<NodeId, number> {
  const { into, from } = index(layer);
  const found = new Map<NodeId, number>();
  const open = new Map<NodeId, number>();
  for (const node of rows(layer.nodes)) {
    open.set(node.id, (into.get(node.id) ?? NONE).filter((link) => peek(layer.nodes, link.from) !== undefined).length);
    found.set(node.id, 0);
  }
  const ready = [...open.keys()].filter((id) => open.get(id) === 0);
  const left = new Set(open.keys());
  while (left.size > 0) {
    const id: NodeId = ready.pop() ?? ringNode(left, into);
    if (!left.delete(id)) continue;
    for (const link of from.get(id) ?? NONE) {
      if (!left.has(link.to)) continue;
      found.set(link.to, Math.max(found.get(link.to) ?? 0, (found.get(id) ?? 0) + 1));
      const rest = (open.get(link.to) ?? 0) - 1;
      open.set(link.to, rest);
      if (rest === 0) ready.push(link.to);
    }
  }
  return found;
}

/** Return a node of a ring, the same each time: walk back from the first until a node comes up again. */
function ringNode(left: ReadonlySet<NodeId>, into: LayerIndex["into"]): NodeId {
  const seen = new Set<NodeId>();
  let id = left.values().next().value as NodeId;
  while (!seen.has(id)) {
    seen.add(id);
    id = into.get(id)?.find((link) => left.has(link.from))?.from ?? id;
  }
  return id;
}

/** Return the type of what leaves an output: of Reroute nodes that of what enters them; "*" if nothing says more. */
export function typeOfOutput(doc: Doc, layer: LayerKey, types: NodeTypes, id: NodeId, out: number): string {
  const at = layerOf(doc, layer);
  if (at === undefined) return "*";
  if (id === SUB_INPUT) return doc.subs[layer]?.inputs[out]?.type ?? "*";
  const node = peek(at.nodes, id);
  if (node === undefined) return "*";
  if (node.type === REROUTE_TYPE) {
    const entering = linksInto(at, id)[0];
    const source = entering === undefined ? undefined : sourceOf(doc, layer, entering);
    if (source !== undefined && source.node !== id) return typeOfOutput(doc, layer, types, source.node, source.out);
  }
  const declared = doc.subs[node.type]?.outputs[out]?.type ?? types.get(node.type)?.outputs[out]?.type;
  return declared ?? node.outputs[out]?.type ?? "*";
}
