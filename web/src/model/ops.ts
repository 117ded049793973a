// Edits of nodes and groups; those of links stand in wires.ts and are handed on. Each changes the document it is given,
// an immer draft or a plain copy, and nothing else. Knows no store, no React and no server.

import { dropUnused, mapShown, refuseRing } from "./definitions";
import { clone, need, needLink, needNode, nextGroup, nextNode, peek, rows } from "./draft";
import { cornerOf, cut, paste } from "./fragment";
import { fits } from "./graph";
import { TITLE } from "./layout";
import type {
  Doc,
  DocNode,
  Group,
  GroupId,
  Item,
  Json,
  Layer,
  LayerKey,
  Link,
  NodeId,
  Point,
  SeedControl,
} from "./types";
import { chain, removeLinks, setOrDrop } from "./wires";

export { replaceType } from "./replace";
export * from "./wires";

/** Add a node and return its id. */
export function addNode(doc: Doc, layer: LayerKey, node: Omit<DocNode, "id">): NodeId {
  const at = need(doc, layer);
  refuseRing(doc, layer, node.type);
  const id = nextNode(doc, at);
  at.nodes[id] = { ...clone(node), id };
  return id;
}

/**
 * Take nodes away with their links. With `reconnect`, what a node fed is fed by its first input of the same type, or
 * else of one that fits. Definitions of subgraphs that nothing uses any more go too.
 */
export function removeNodes(
  doc: Doc,
  layer: LayerKey,
  ids: readonly NodeId[],
  options: { reconnect?: boolean } = {},
): void {
  const at = need(doc, layer);
  const gone = new Set(ids.filter((id) => peek(at.nodes, id) !== undefined));
  if (gone.size === 0) return;
  if (options.reconnect === true) joinAround(at, gone);
  const cutOff = rows(at.links).filter((link) => gone.has(link.from) || gone.has(link.to));
  removeLinks(
    at,
    cutOff.map((link) => link.id),
  );
  const types = new Set<string>();
  for (const id of gone) {
    types.add(peek(at.nodes, id)?.type ?? "");
    delete at.nodes[id];
  }
  mapShown(doc, layer, (inner, widget) => (gone.has(inner) ? null : [inner, widget]));
  dropUnused(doc, types);
}

/** Let the links that leave nodes which go begin where a link of the same type enters them. */
function joinAround(at: Layer, gone: ReadonlySet<NodeId>): void {
  const entering = new Map<NodeId, Readonly<Link>[]>();
  for (const link of rows(at.links)) {
    if (!gone.has(link.to)) continue;
    const found = entering.get(link.to);
    if (found === undefined) entering.set(link.to, [link]);
    else found.push(link);
  }
  for (const [id, links] of entering) {
    const order = new Map((peek(at.nodes, id)?.inputs ?? []).map((slot, place) => [slot.name, place]));
    const rank = (link: Readonly<Link>) => order.get(link.input) ?? order.size;
    links.sort((one, other) => rank(one) - rank(other));
  }
  const found: { id: string; source: Readonly<Link> }[] = [];
  for (const link of rows(at.links)) {
    if (!gone.has(link.from) || gone.has(link.to)) continue;
    const seen = new Set<NodeId>();
    let source: Readonly<Link> | undefined = link;
    while (source !== undefined && gone.has(source.from)) {
      const links: Readonly<Link>[] = seen.has(source.from) ? [] : (entering.get(source.from) ?? []);
      seen.add(source.from);
      source = links.find((one) => one.type === link.type) ?? links.find((one) => fits(link.type, one.type));
    }
    if (source !== undefined && source.from !== link.to) found.push({ id: link.id, source: clone(source) });
  }
  for (const { id, source } of found) {
    const link = needLink(at, id);
    const first = chain(at, link.reroute)[0];
    if (first === undefined) setOrDrop(link, "reroute", source.reroute);
    else if (!chain(at, source.reroute).includes(first)) {
      const reroute = at.reroutes[first];
      if (reroute !== undefined) setOrDrop(reroute, "parent", source.reroute);
    }
    link.from = source.from;
    link.out = source.out;
    if (source.type !== "*") link.type = source.type;
  }
}

// ---- what a node shows ---------------------------------------------------------------------------------------

/** Move nodes; pinned ones stay. */
export function moveNodes(doc: Doc, layer: LayerKey, delta: Point, ids: readonly NodeId[]): void {
  for (const node of each(doc, layer, ids)) {
    if (node.pinned !== true) node.pos = [node.pos[0] + delta[0], node.pos[1] + delta[1]];
  }
}

export function setPos(doc: Doc, layer: LayerKey, positions: Readonly<Record<NodeId, Point>>): void {
  for (const node of each(doc, layer, Object.keys(positions))) {
    const [x, y] = positions[node.id] as Point;
    if (node.pos[0] !== x || node.pos[1] !== y) node.pos = [x, y];
  }
}

export function resizeNode(doc: Doc, layer: LayerKey, id: NodeId, size: Point): void {
  needNode(need(doc, layer), id).size = [size[0], size[1]];
}

/** Give a node a title of its own; an empty one brings the type's back. */
export function setTitle(doc: Doc, layer: LayerKey, id: NodeId, title: string): void {
  setOrDrop(needNode(need(doc, layer), id), "title", title.trim() === "" ? undefined : title);
}

export function setMode(doc: Doc, layer: LayerKey, ids: readonly NodeId[], mode: number): void {
  for (const node of each(doc, layer, ids)) node.mode = mode;
}

export function setCollapsed(doc: Doc, layer: LayerKey, ids: readonly NodeId[], on: boolean): void {
  for (const node of each(doc, layer, ids)) setOrDrop(node, "collapsed", on || undefined);
}

export function setPinned(doc: Doc, layer: LayerKey, ids: readonly NodeId[], on: boolean): void {
  for (const node of each(doc, layer, ids)) setOrDrop(node, "pinned", on || undefined);
}

export function setColor(doc: Doc, layer: LayerKey, ids: readonly NodeId[], color: string | undefined): void {
  for (const node of each(doc, layer, ids)) setOrDrop(node, "color", color);
}

/** Set a widget's value; undefined brings the default back. */
export function setValue(doc: Doc, layer: LayerKey, id: NodeId, widget: string, value: Json | undefined): void {
  const { values } = needNode(need(doc, layer), id);
  if (value === undefined) delete values[widget];
  else values[widget] = clone(value);
}

export function setControl(doc: Doc, layer: LayerKey, id: NodeId, widget: string, control: SeedControl): void {
  const node = needNode(need(doc, layer), id);
  if (node.control === undefined) node.control = { [widget]: control };
  else node.control[widget] = control;
}

function each(doc: Doc, layer: LayerKey, ids: readonly NodeId[]): DocNode[] {
  const { nodes } = need(doc, layer);
  return ids.flatMap((id) => nodes[id] ?? []);
}

// ---- groups --------------------------------------------------------------------------------------------------

export function addGroup(doc: Doc, layer: LayerKey, group: Omit<Group, "id">): GroupId {
  const at = need(doc, layer);
  const id = nextGroup(doc, at);
  at.groups[id] = { ...clone(group), id };
  return id;
}

/** Take a group away; its nodes stay. */
export function removeGroup(doc: Doc, layer: LayerKey, id: GroupId): void {
  delete need(doc, layer).groups[id];
}

/** Change fields of a group; undefined takes a field out. */
export function setGroup(doc: Doc, layer: LayerKey, id: GroupId, change: Partial<Omit<Group, "id">>): void {
  const group = need(doc, layer).groups[id];
  if (group === undefined) return;
  if (change.title !== undefined) group.title = change.title;
  if (change.box !== undefined) group.box = { ...change.box };
  if ("color" in change) setOrDrop(group, "color", change.color);
  if ("rest" in change) setOrDrop(group, "rest", clone(change.rest));
}

/** Return the nodes whose middle lies in the group. */
export function membersOf(layer: Layer, group: Group): NodeId[] {
  return rows(layer.nodes)
    .filter((node) => inBox(group, middleOf(node)))
    .map((node) => node.id);
}

function middleOf({ pos, size, collapsed }: Readonly<DocNode>): Point {
  const height = collapsed === true ? 0 : size[1];
  return [pos[0] + size[0] / 2, pos[1] + (height - TITLE) / 2];
}

function inBox({ box }: Readonly<Group>, [x, y]: Point): boolean {
  return x >= box.x && y >= box.y && x <= box.x + box.width && y <= box.y + box.height;
}

/** Move a group; with its members: nodes, reroutes and whole groups in it, as they lay before. */
export function moveGroup(
  doc: Doc,
  layer: LayerKey,
  id: GroupId,
  delta: Point,
  options: { withMembers?: boolean } = {},
): void {
  const at = need(doc, layer);
  const group = at.groups[id];
  if (group === undefined) return;
  const [dx, dy] = delta;
  const nodes = options.withMembers === true ? membersOf(at, group) : [];
  const reroutes = options.withMembers === true ? rows(at.reroutes).filter(({ pos }) => inBox(group, pos)) : [];
  const within = ({ box }: Readonly<Group>) =>
    inBox(group, [box.x, box.y]) && inBox(group, [box.x + box.width, box.y + box.height]);
  const groups =
    options.withMembers === true ? rows(at.groups).filter((other) => other.id !== id && within(other)) : [];
  for (const one of [id, ...groups.map((other) => other.id)]) {
    const moved = at.groups[one] as Group;
    moved.box = { ...moved.box, x: moved.box.x + dx, y: moved.box.y + dy };
  }
  moveNodes(doc, layer, delta, nodes);
  for (const { id: one } of reroutes) {
    const reroute = at.reroutes[one];
    if (reroute !== undefined) reroute.pos = [reroute.pos[0] + dx, reroute.pos[1] + dy];
  }
}

// ---- places --------------------------------------------------------------------------------------------------

export type Alignment = "left" | "right" | "top" | "bottom" | "center" | "middle";

/** Put nodes in a line: at a common edge, on a common vertical (center) or horizontal (middle) line. */
export function alignNodes(doc: Doc, layer: LayerKey, ids: readonly NodeId[], to: Alignment): void {
  const nodes = each(doc, layer, ids);
  if (nodes.length < 2) return;
  const left = Math.min(...nodes.map((node) => node.pos[0]));
  const right = Math.max(...nodes.map((node) => node.pos[0] + node.size[0]));
  const top = Math.min(...nodes.map((node) => node.pos[1]));
  const bottom = Math.max(...nodes.map((node) => node.pos[1] + heightOf(node)));
  for (const node of nodes) {
    if (node.pinned === true) continue;
    const [x, y] = node.pos;
    const places: Record<Alignment, Point> = {
      left: [left, y],
      right: [right - node.size[0], y],
      center: [(left + right - node.size[0]) / 2, y],
      top: [x, top],
      bottom: [x, bottom - heightOf(node)],
      middle: [x, (top + bottom - heightOf(node)) / 2],
    };
    node.pos = places[to];
  }
}

/** Give nodes equal gaps between the first and the last of them, which stay; side by side or one below the other. */
export function distribute(doc: Doc, layer: LayerKey, ids: readonly NodeId[], way: "horizontal" | "vertical"): void {
  const axis = way === "horizontal" ? 0 : 1;
  const length = (node: DocNode) => (axis === 0 ? node.size[0] : heightOf(node) + TITLE);
  const nodes = each(doc, layer, ids).sort((one, other) => one.pos[axis] - other.pos[axis]);
  const [first, last] = [nodes[0], nodes.at(-1)];
  if (first === undefined || last === undefined || nodes.length < 3) return;
  const filled = nodes.slice(0, -1).reduce((sum, node) => sum + length(node), 0);
  const gap = (last.pos[axis] - first.pos[axis] - filled) / (nodes.length - 1);
  let next = first.pos[axis] + length(first) + gap;
  for (const node of nodes.slice(1, -1)) {
    if (node.pinned !== true) node.pos = axis === 0 ? [next, node.pos[1]] : [node.pos[0], next];
    next += length(node) + gap;
  }
}

const heightOf = (node: DocNode): number => (node.collapsed === true ? 0 : node.size[1]);

/** Copy what is named beside itself, with the links among it and, if asked, those that enter it; return the nodes. */
export function duplicate(
  doc: Doc,
  layer: LayerKey,
  items: readonly Item[],
  options: { offset: Point; withInputs?: boolean },
): NodeId[] {
  const fragment = cut(doc, layer, items);
  const [x, y] = cornerOf(fragment);
  const at: Point = [x + options.offset[0], y + options.offset[1]];
  return paste(doc, layer, fragment, at, { inputs: options.withInputs === true });
}
