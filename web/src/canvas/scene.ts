// Where everything of the shown layer lies: boxes of nodes, courses of links, frames, reroutes, found by place. Follows
// the document by comparing what it holds with what the layer holds, and lets things move during a gesture without a
// change of the document. Knows the model; draws nothing and listens to nothing.

import { typeOfOutput } from "../model/graph";
import { TITLE } from "../model/layout";
import type { Socket } from "../model/nodetypes";
import type { NodeTypes } from "../model/spec";
import {
  type Box,
  type Doc,
  type DocNode,
  type Group,
  type GroupId,
  type Item,
  type Layer,
  type LayerKey,
  type Link,
  type LinkId,
  layerOf,
  type NodeId,
  type Point,
  type Reroute,
  type RerouteId,
  SUB_INPUT,
  SUB_OUTPUT,
  type Sub,
} from "../model/types";
import { contains, overlaps, Tiles } from "./cull";
import { type Course, coverOf, distanceTo, type LinkStyle, middleOf } from "./links";
import { type Linked, linksAt, NO_OUTPUTS, NONE, placedEnd, placedNode, resized, sameNames } from "./placed";
import type { Hit, Moving, Placed, Wire } from "./stage";

/** Height of a frame's title bar. */
export const FRAME_TITLE = 30;
const DOT = 7;
const REROUTE = 12;

export class Scene {
  readonly nodes = new Map<NodeId, Placed>();
  readonly wires = new Map<LinkId, Wire>();
  readonly nodeTiles = new Tiles();
  readonly wireTiles = new Tiles();
  doc: Doc | undefined;
  layer: Layer | undefined;
  key: LayerKey = "";
  types: NodeTypes = new Map();
  style: LinkStyle = "curve";
  /** Links that are not drawn while their end is carried elsewhere. */
  readonly hidden = new Set<LinkId>();
  /** Counts changes; a picture drawn for another number is old. */
  version = 0;
  private readonly linksAt = new Map<NodeId, Set<LinkId>>();
  private pictured: ReadonlySet<NodeId> = new Set();
  private moving: Moving | null = null;

  /** Follow the document; cheap when little changed. `pictured`: nodes that show a picture now. */
  follow(doc: Doc, key: LayerKey, types: NodeTypes, pictured: ReadonlySet<NodeId>, style: LinkStyle): void {
    const layer = layerOf(doc, key);
    if (layer === undefined) return;
    const fresh = this.doc?.id !== doc.id || this.key !== key || this.types !== types || this.style !== style;
    if (fresh) {
      this.nodes.clear();
      this.wires.clear();
      this.nodeTiles.clear();
      this.wireTiles.clear();
      this.linksAt.clear();
    }
    const before = fresh ? undefined : this.layer;
    const subsChanged = this.doc?.subs !== doc.subs;
    const reroutesChanged = before?.reroutes !== layer.reroutes;
    const oldPictured = this.pictured;
    Object.assign(this, { doc, key, types, layer, style, pictured });
    this.moving = null;
    this.version++;

    const { into: linked, out } = linksAt(layer);
    const touched = new Set<NodeId>();
    for (const id in layer.nodes) {
      const node = layer.nodes[id] as DocNode;
      const old = this.nodes.get(id);
      const same =
        old?.node === node &&
        oldPictured.has(id) === pictured.has(id) &&
        old.box.x === node.pos[0] &&
        old.box.y === node.pos[1] - old.layout.title &&
        sameNames(old.linked, linked.get(id) ?? NONE) &&
        sameNames([...old.linkedOut], [...(out.get(id) ?? NO_OUTPUTS)]) &&
        !(subsChanged && doc.subs[node.type] !== undefined);
      if (!same) touched.add(id);
    }
    for (const id of touched) {
      this.place(layer.nodes[id] as DocNode, { into: linked.get(id) ?? NONE, out: out.get(id) ?? NO_OUTPUTS });
    }
    if (key !== "") for (const id of this.placeEnds(layer as Sub, linked, out)) touched.add(id);
    for (const id of this.nodes.keys()) {
      if (layer.nodes[id] !== undefined || (key !== "" && (id === SUB_INPUT || id === SUB_OUTPUT))) continue;
      this.nodes.delete(id);
      this.nodeTiles.remove(id);
    }
    for (const id in layer.links) {
      const link = layer.links[id] as Link;
      const old = this.wires.get(id);
      const same =
        old?.link === link &&
        !touched.has(link.from) &&
        !touched.has(link.to) &&
        !(reroutesChanged && link.reroute !== undefined);
      if (!same) this.string(link);
    }
    for (const [id, wire] of this.wires) if (layer.links[id] === undefined) this.unstring(wire.link);
  }

  private place(node: DocNode, linked: Linked): void {
    const placed = placedNode(this.doc as Doc, this.types, node, this.pictured.has(node.id), linked);
    this.nodes.set(node.id, placed);
    this.nodeTiles.put(node.id, [placed.box]);
  }

  private placeEnds(sub: Sub, into: Map<NodeId, string[]>, out: Map<NodeId, Set<number>>): NodeId[] {
    const changed: NodeId[] = [];
    for (const id of [SUB_INPUT, SUB_OUTPUT]) {
      const old = this.nodes.get(id);
      const pos = id === SUB_INPUT ? sub.inputBox : sub.outputBox;
      // The definition is another object whenever anything in it has changed.
      if (old?.end === sub && old.box.x === pos.x && old.box.y === pos.y) continue;
      const placed = { ...placedEnd(sub, id), linked: into.get(id) ?? NONE, linkedOut: out.get(id) ?? NO_OUTPUTS };
      this.nodes.set(id, placed);
      this.nodeTiles.put(id, [placed.box]);
      changed.push(id);
    }
    return changed;
  }

  /** Course of a link by where its ends are now. */
  private courseOf(link: Link): Course {
    const chain: number[] = [];
    let step = link.reroute;
    const seen = new Set<RerouteId>();
    while (step !== undefined && !seen.has(step)) {
      seen.add(step);
      const reroute: Reroute | undefined = this.layer?.reroutes[step];
      if (reroute === undefined) break;
      const [x, y] = this.rerouteAt(reroute);
      chain.unshift(x, y);
      step = reroute.parent;
    }
    const from = this.outputAt(link.from, link.out);
    const to = this.inputAt(link.to, link.input);
    return [from[0], from[1], ...chain, to[0], to[1]];
  }

  private string(link: Link): void {
    const old = this.wires.get(link.id);
    if (old !== undefined) this.unstring(old.link);
    const course = this.courseOf(link);
    const type =
      link.type === "*" ? typeOfOutput(this.doc as Doc, this.key, this.types, link.from, link.out) : link.type;
    this.wires.set(link.id, { link, course, type });
    this.wireTiles.put(link.id, coverOf(course, this.style));
    for (const id of [link.from, link.to]) {
      const links = this.linksAt.get(id);
      if (links === undefined) this.linksAt.set(id, new Set([link.id]));
      else links.add(link.id);
    }
  }

  private unstring(link: Link): void {
    this.wires.delete(link.id);
    this.wireTiles.remove(link.id);
    for (const id of [link.from, link.to]) this.linksAt.get(id)?.delete(link.id);
  }

  rerouteAt(reroute: Reroute): Point {
    const shift = this.moving?.reroutes.has(reroute.id) ? this.moving : { dx: 0, dy: 0 };
    return [reroute.pos[0] + shift.dx, reroute.pos[1] + shift.dy];
  }

  groupBox(group: Group): Box {
    const { box } = group;
    const resized = this.moving?.resized;
    if (resized?.id === group.id) return resized.box;
    if (!this.moving?.groups.has(group.id)) return box;
    return { ...box, x: box.x + this.moving.dx, y: box.y + this.moving.dy };
  }

  /** Where an output is, in graph coordinates; the middle of the right edge when there is none of this place. */
  outputAt(id: NodeId, index: number): Point {
    const placed = this.nodes.get(id);
    if (placed === undefined) return [0, 0];
    const { box } = placed;
    const socket = placed.layout.outputs.find((one) => one.index === index);
    return socket === undefined ? [box.x + box.width, box.y + TITLE / 2] : [box.x + socket.x, box.y + socket.y];
  }

  inputAt(id: NodeId, name: string): Point {
    const placed = this.nodes.get(id);
    if (placed === undefined) return [0, 0];
    const socket = placed.layout.inputs.find((one) => one.name === name);
    return socket === undefined
      ? [placed.box.x, placed.box.y + TITLE / 2]
      : [placed.box.x + socket.x, placed.box.y + socket.y];
  }

  inputSocket(id: NodeId, name: string): Socket | undefined {
    return this.nodes.get(id)?.sockets.inputs.find((socket) => socket.name === name);
  }

  linksOf(id: NodeId): Link[] {
    return [...(this.linksAt.get(id) ?? [])].flatMap((link) => this.wires.get(link)?.link ?? []);
  }

  linkInto(id: NodeId, input: string): Link | undefined {
    return this.linksOf(id).find((link) => link.to === id && link.input === input);
  }

  linksFrom(id: NodeId, output: number): Link[] {
    return this.linksOf(id).filter((link) => link.from === id && link.out === output);
  }

  /** Begin to move things together; `shift` moves them, a change of the document (or `drop`) ends it. */
  carry(items: readonly Item[]): void {
    const of = (kind: Item["kind"]) => new Set(items.filter((item) => item.kind === kind).map((item) => item.id));
    const nodes = of("node");
    const reroutes = of("reroute");
    const wires = new Set<LinkId>();
    for (const id of nodes) for (const link of this.linksAt.get(id) ?? []) wires.add(link);
    if (reroutes.size > 0) for (const [id, wire] of this.wires) if (wire.link.reroute !== undefined) wires.add(id);
    this.moving = { nodes, reroutes, groups: of("group"), wires, dx: 0, dy: 0 };
  }

  shift(dx: number, dy: number): void {
    const { moving } = this;
    if (moving === null || (moving.dx === dx && moving.dy === dy)) return;
    for (const id of moving.nodes) {
      const placed = this.nodes.get(id);
      if (placed === undefined) continue;
      placed.box = { ...placed.box, x: placed.box.x + dx - moving.dx, y: placed.box.y + dy - moving.dy };
    }
    moving.dx = dx;
    moving.dy = dy;
    this.restring(moving.wires);
    this.version++;
  }

  /** Show a node or a group with another box while it is resized. */
  stretch(kind: "node" | "group", id: string, box: Box): void {
    if (this.moving === null) this.carry([]);
    if (kind === "group") (this.moving as Moving).resized = { id, box };
    const placed = kind === "node" ? this.nodes.get(id) : undefined;
    if (placed !== undefined) {
      this.nodes.set(id, resized(placed, box.width, box.height));
      this.restring(this.linksAt.get(id) ?? []);
    }
    this.version++;
  }

  private restring(ids: Iterable<LinkId>): void {
    for (const id of ids) {
      const wire = this.wires.get(id);
      if (wire !== undefined) wire.course = this.courseOf(wire.link);
    }
  }

  /** Things on the way to another place: tiles do not know where they are now. */
  get carried(): Moving | null {
    return this.moving;
  }

  /** Give up a movement: everything goes back. */
  drop(): void {
    this.shift(0, 0);
    const { doc } = this;
    this.moving = null;
    if (doc !== undefined) this.follow(doc, this.key, this.types, this.pictured, this.style);
  }

  nodesIn(box: Box): Placed[] {
    const found: Placed[] = [];
    for (const id of this.nodeTiles.query(box)) {
      const placed = this.nodes.get(id);
      if (placed !== undefined && overlaps(placed.box, box)) found.push(placed);
    }
    return found;
  }

  nodeAt(x: number, y: number): Placed | undefined {
    const found = this.nodesIn({ x, y, width: 1, height: 1 }).filter((placed) => contains(placed.box, x, y));
    return found.at(-1);
  }

  /** The link nearest to the point, if one is within `radius`. */
  linkAt(x: number, y: number, radius: number): { id: LinkId; distance: number } | undefined {
    let best: { id: LinkId; distance: number } | undefined;
    for (const id of this.wireTiles.query({ x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius })) {
      const wire = this.wires.get(id);
      if (wire === undefined || this.hidden.has(id)) continue;
      const distance = distanceTo(wire.course, this.style, x, y);
      if (distance <= (best?.distance ?? radius)) best = { id, distance };
    }
    return best;
  }

  /** What is painted at this point, from the top down; nodes only when `far`, else they are elements. */
  hit(x: number, y: number, zoom: number, far: boolean, links: (id: LinkId) => boolean): Hit {
    if (far) {
      const placed = this.nodeAt(x, y);
      if (placed !== undefined) return { kind: "node", id: placed.id };
    }
    const slack = 4 / zoom;
    for (const reroute of Object.values(this.layer?.reroutes ?? {})) {
      const [rx, ry] = this.rerouteAt(reroute);
      if (Math.hypot(rx - x, ry - y) <= REROUTE + slack) return { kind: "reroute", id: reroute.id };
    }
    const near = this.linkAt(x, y, Math.max(10, 8 / zoom));
    if (near !== undefined && links(near.id)) {
      const middle = this.middleOf(near.id);
      const onDot = middle !== null && Math.hypot(middle[0] - x, middle[1] - y) <= DOT + slack;
      if (onDot && !far) return { kind: "dot", id: near.id };
      if (near.distance <= 6 / zoom) return { kind: "link", id: near.id };
    }
    for (const group of Object.values(this.layer?.groups ?? {}).reverse()) {
      const box = this.groupBox(group);
      if (!contains(box, x, y)) continue;
      const corner = 14 + slack;
      if (x >= box.x + box.width - corner && y >= box.y + box.height - corner) return { kind: "corner", id: group.id };
      if (y <= box.y + Math.max(FRAME_TITLE, 16 / zoom)) return { kind: "group", id: group.id };
    }
    return { kind: "canvas" };
  }

  middleOf(id: LinkId): Point | null {
    const wire = this.wires.get(id);
    return wire === undefined ? null : middleOf(wire.course, this.style);
  }

  groupAt(id: GroupId): Group | undefined {
    return this.layer?.groups[id];
  }
}
