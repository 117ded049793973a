// A subgraph's node replaced by what is in it: wires are joined through its slots, values that the node gave go to the
// widgets that it stood for. The definition goes when nothing else uses it.

import { placeOf } from "./bounds";
import { dropUnused, mapShown, needSub } from "./definitions";
import { clone, need, needNode, nextGroup, nextLink, nextNode, nextReroute, peek, rows } from "./draft";
import { forget } from "./graph";
import { shownName } from "./nodetypes";
import type { Doc, DocNode, Layer, LayerKey, Link, NodeId, Point, Reroute, RerouteId } from "./types";
import { MODE, SUB_INPUT, SUB_OUTPUT, type Sub } from "./types";
import { chain, prune, setOrDrop } from "./wires";

/** What one unpacking works with; definition, host and outer links are copies from before it began. */
interface Unpacking {
  doc: Doc;
  at: Layer;
  host: DocNode;
  sub: Sub;
  delta: Point;
  nodes: Map<NodeId, NodeId>;
  reroutes: Map<RerouteId, RerouteId>;
  /** By the host's input, and by the host's output: with the first reroute that each passes. */
  entering: Map<string, Link>;
  leaving: Map<number, { link: Link; top: RerouteId | undefined }[]>;
}

/** An output in the outer layer; `reroute`: the last one on the way from it so far. */
interface Source {
  from: NodeId;
  out: number;
  reroute: RerouteId | undefined;
}

/** Replace a subgraph's node by what is in it; return the nodes. They keep their ids where these are free. */
export function unpack(doc: Doc, layer: LayerKey, id: NodeId): NodeId[] {
  const at = need(doc, layer);
  const host = clone(needNode(at, id));
  const sub = clone(needSub(doc, host.type)) as Sub;
  const place = placeOf(Object.values(sub.nodes), host.size);
  const delta: Point = [host.pos[0] - place[0], host.pos[1] - place[1]];
  const work: Unpacking = { doc, at, host, sub, delta, nodes: new Map(), reroutes: new Map(), ...outerLinks(at, id) };
  putNodes(work);
  putReroutes(work);
  putLinks(work);
  mapShown(doc, layer, (inner, widget) => (inner === id ? behind(work, widget) : [inner, widget]));
  closeUp(work);
  dropUnused(doc, [host.type]);
  return [...work.nodes.values()];
}

function outerLinks(at: Layer, id: NodeId): Pick<Unpacking, "entering" | "leaving"> {
  const entering: Unpacking["entering"] = new Map();
  const leaving: Unpacking["leaving"] = new Map();
  for (const one of rows(at.links)) {
    if (one.from !== id && one.to !== id) continue;
    const link = clone(one) as Link;
    if (link.to === id) entering.set(link.input, link);
    else {
      const found = leaving.get(link.out) ?? [];
      found.push({ link, top: chain(at, link.reroute)[0] });
      leaving.set(link.out, found);
    }
  }
  return { entering, leaving };
}

function putNodes({ doc, at, host, sub, delta, nodes }: Unpacking): void {
  const copies = new Map<NodeId, DocNode>();
  for (const node of Object.values(sub.nodes)) {
    const id = peek(at.nodes, node.id) === undefined ? node.id : nextNode(doc, at);
    const pos: Point = [node.pos[0] + delta[0], node.pos[1] + delta[1]];
    const copy: DocNode = { ...node, id, pos };
    if (host.mode !== MODE.always && node.mode === MODE.always) copy.mode = host.mode;
    copies.set(node.id, copy);
    nodes.set(node.id, id);
    at.nodes[id] = copy;
  }
  const give = (name: string, inner: NodeId, widget: string) => {
    const copy = copies.get(inner);
    if (copy === undefined) return;
    const [value, control] = [host.values[name], host.control?.[name]];
    if (value !== undefined) copy.values = { ...copy.values, [widget]: value };
    if (control !== undefined) copy.control = { ...copy.control, [widget]: control };
  };
  for (const link of Object.values(sub.links)) {
    const slot = link.from === SUB_INPUT ? sub.inputs[link.out] : undefined;
    if (slot !== undefined) give(slot.name, link.to, link.input);
  }
  for (const [inner, widget] of host.shown ?? []) give(shownName(inner, widget), inner, widget);
}

function putReroutes({ doc, at, sub, delta, reroutes }: Unpacking): void {
  for (const { id } of Object.values(sub.reroutes)) {
    const fresh = peek(at.reroutes, id) === undefined ? id : nextReroute(doc, at);
    reroutes.set(id, fresh);
    at.reroutes[fresh] = { id: fresh, pos: [0, 0] };
  }
  for (const reroute of Object.values(sub.reroutes)) {
    const id = reroutes.get(reroute.id) as RerouteId;
    const copy: Reroute = { ...reroute, id, pos: [reroute.pos[0] + delta[0], reroute.pos[1] + delta[1]] };
    setOrDrop(copy, "parent", reroute.parent === undefined ? undefined : reroutes.get(reroute.parent));
    at.reroutes[id] = copy;
  }
  for (const group of Object.values(sub.groups)) {
    const id = peek(at.groups, group.id) === undefined ? group.id : nextGroup(doc, at);
    const box = { ...group.box, x: group.box.x + delta[0], y: group.box.y + delta[1] };
    at.groups[id] = { ...group, id, box };
  }
}

function putLinks(work: Unpacking): void {
  const { doc, at, sub, nodes } = work;
  for (const inner of Object.values(sub.links)) {
    const source = sourceOf(work, inner);
    if (source === undefined) continue;
    if (inner.to === SUB_OUTPUT) {
      const place = sub.outputs.findIndex((slot) => slot.name === inner.input);
      for (const { link, top } of work.leaving.get(place) ?? []) carryOn(at, link, top, source);
      continue;
    }
    const to = nodes.get(inner.to);
    if (to === undefined) continue;
    const id = nextLink(doc, at);
    const link: Link = { ...inner, id, from: source.from, out: source.out, to };
    setOrDrop(link, "reroute", source.reroute);
    at.links[id] = link;
  }
}

/** Let an outer link that left the host begin at the inner source, after the reroutes that lead there. */
function carryOn(at: Layer, { id }: Link, top: RerouteId | undefined, source: Source): void {
  const link = at.links[id];
  if (link === undefined) return;
  link.from = source.from;
  link.out = source.out;
  const reroute = top === undefined ? undefined : at.reroutes[top];
  if (reroute === undefined) setOrDrop(link, "reroute", source.reroute);
  else setOrDrop(reroute, "parent", source.reroute);
}

/** Return what feeds an inner link once it is outside, with its own reroutes put behind those of the outer link. */
function sourceOf(work: Unpacking, inner: Link, passed: ReadonlySet<Link> = new Set()): Source | undefined {
  const { at, sub, entering, nodes, reroutes } = work;
  const own = inner.reroute === undefined ? undefined : reroutes.get(inner.reroute);
  if (inner.from !== SUB_INPUT) {
    const from = nodes.get(inner.from);
    return from === undefined ? undefined : { from, out: inner.out, reroute: own };
  }
  const outer = entering.get(sub.inputs[inner.out]?.name ?? "");
  if (outer === undefined) return undefined;
  let before: Source = { from: outer.from, out: outer.out, reroute: outer.reroute };
  if (outer.from === work.host.id) {
    // The subgraph feeds itself, which is no ring if it is another node inside that does.
    const name = sub.outputs[outer.out]?.name;
    const last = Object.values(sub.links).find((link) => link.to === SUB_OUTPUT && link.input === name);
    const source = last && !passed.has(last) ? sourceOf(work, last, new Set([...passed, last])) : undefined;
    if (source === undefined) return undefined;
    before = { ...source, reroute: follow(at, outer.reroute, source.reroute) };
  }
  return { ...before, reroute: follow(at, own, before.reroute) };
}

/** Put the reroutes up to `last` behind others, unless they are there already; return the last one of all. */
function follow(at: Layer, last: RerouteId | undefined, before: RerouteId | undefined): RerouteId | undefined {
  if (last === undefined || before === undefined) return last ?? before;
  const [top] = chain(at, last);
  if (top !== undefined && !chain(at, before).includes(top)) (at.reroutes[top] as Reroute).parent = before;
  return last;
}

/** Take away the host, the links that it still has and reroutes that are left over. */
function closeUp({ at, host, reroutes, entering }: Unpacking): void {
  const passed = new Set(reroutes.values());
  const left = rows(at.links).filter((link) => link.from === host.id || link.to === host.id);
  for (const link of [...left, ...entering.values()]) for (const id of chain(at, link.reroute)) passed.add(id);
  for (const { id } of left) delete at.links[id];
  delete at.nodes[host.id];
  forget(at);
  prune(at, passed);
}

/** Return the inner widget that a widget of the host stood for, under the inner node's new id. */
function behind({ host, sub, nodes }: Unpacking, widget: string): [NodeId, string] | null {
  const shown = host.shown?.find((entry) => shownName(...entry) === widget && entry[0] !== "-1");
  const place = sub.inputs.findIndex((slot) => slot.name === widget);
  const link = Object.values(sub.links).find((one) => one.from === SUB_INPUT && one.out === place);
  const [inner, name] = shown ?? [link?.to ?? "", link?.input ?? ""];
  const id = nodes.get(inner);
  return id === undefined ? null : [id, name];
}
