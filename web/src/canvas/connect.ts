// Joining sockets: which may be joined, where a link snaps, and the gestures that begin at a socket or on a link. Reads
// the scene and changes the document through the stage; draws nothing itself.

import { t } from "../i18n";
import { addSubInput, addSubOutput } from "../model/definitions";
import { ringTest } from "../model/depends";
import { fits, typeOfOutput } from "../model/graph";
import { REROUTE_HEIGHT, REROUTE_WIDTH } from "../model/layout";
import { addNode, branchFrom, connect, disconnect, insertOnLink, moveLink } from "../model/ops";
import {
  type Doc,
  type LayerKey,
  type Link,
  type LinkId,
  MODE,
  type NodeId,
  type Point,
  REROUTE_TYPE,
  SUB_INPUT,
  SUB_OUTPUT,
} from "../model/types";
import { openDialog, openSearch, selectionOf, ui } from "../store/ui";
import { NEW_SLOT } from "./placed";
import type { Candidate, End, Gesture, Placed, Stage } from "./stage";

/** How near the pointer must come to a socket for a link to snap to it, in screen pixels. */
const SNAP = 34;

/** The socket that an element of the page stands for. */
export function endOf(element: Element | null): End | null {
  const socket = element?.closest("[data-socket]");
  const node = socket?.closest("[data-node]")?.getAttribute("data-node");
  const [side, ...rest] = socket?.getAttribute("data-socket")?.split(":") ?? [];
  if (!node || side === undefined) return null;
  return side === "in" ? { node, input: rest.join(":") } : { node, output: Number(rest[0]) };
}

export function socketKey(end: End): string {
  return "output" in end ? `out:${end.output}` : `in:${end.input}`;
}

export function pointOf(stage: Stage, end: End): Point {
  return "output" in end ? stage.scene.outputAt(end.node, end.output) : stage.scene.inputAt(end.node, end.input);
}

export function typeOfEnd(stage: Stage, end: End): string {
  const { scene } = stage;
  if ("input" in end) return scene.inputSocket(end.node, end.input)?.type ?? "*";
  if (scene.doc === undefined) return "*";
  const placed = scene.nodes.get(end.node);
  if (placed?.end !== undefined) return placed.sockets.outputs[end.output]?.type ?? "*";
  return typeOfOutput(scene.doc, scene.key, scene.types, end.node, end.output);
}

/** What carries a link besides its fixed end: links that are moved are not in their own way. */
interface Carry {
  /** The ends that stay; all of one side. */
  fixed: End[];
  /** Links that move. */
  links: Link[];
  branch?: { reroute: string } | { link: LinkId; at: Point };
}

/** Every socket on which these ends may end, near ones first. */
export function candidates(stage: Stage, fixed: readonly End[]): Candidate[] {
  const { scene } = stage;
  const first = fixed[0];
  if (first === undefined || scene.layer === undefined) return [];
  const wantsInput = "output" in first;
  const types = fixed.map((end) => typeOfEnd(stage, end));
  const own = fixed.map((end) => end.node);
  const closesRing = scene.doc === undefined ? () => false : ringTest(scene.doc, scene.key, fixed);
  const from = pointOf(stage, first);
  const found: (Candidate & { distance: number })[] = [];
  for (const placed of scene.nodes.values()) {
    for (const end of endsOf(placed, wantsInput)) {
      if (closesRing(end)) continue;
      const type = typeOfEnd(stage, end);
      const fit = types.every((one) => (wantsInput ? fits(type, one) : fits(one, type)));
      if (!fit || (isNewSlot(placed, end) && own.some((id) => id === SUB_INPUT || id === SUB_OUTPUT))) continue;
      const at = pointOf(stage, end);
      const free = "output" in end || scene.linkInto(end.node, end.input) === undefined;
      found.push({ end, at, free, distance: Math.hypot(at[0] - from[0], at[1] - from[1]) });
    }
  }
  return found.sort((one, other) => one.distance - other.distance);
}

/** The sockets of one side of a node. */
export function endsOf(placed: Placed, inputs: boolean): End[] {
  if (inputs) return placed.sockets.inputs.map((socket) => ({ node: placed.id, input: socket.name }));
  return placed.sockets.outputs.map((_, output) => ({ node: placed.id, output }));
}

function isNewSlot(placed: Placed, end: End): boolean {
  if (placed.end === undefined) return false;
  return "output" in end ? end.output === placed.end.inputs.length : end.input === NEW_SLOT;
}

/** Where a link let go at this point would end: the socket near it, or the best one of the node under it. */
function snapped(stage: Stage, list: readonly Candidate[], point: Point): Candidate | null {
  const radius = SNAP / stage.view().zoom;
  let best: Candidate | null = null;
  let least = radius;
  for (const one of list) {
    const distance = Math.hypot(one.at[0] - point[0], one.at[1] - point[1]);
    if (distance < least) [best, least] = [one, distance];
  }
  if (best !== null) return best;
  const under = stage.scene.nodeAt(point[0], point[1]);
  if (under === undefined) return null;
  const own = list.filter((one) => one.end.node === under.id);
  const exact = own.filter((one) => isWire(stage, one.end));
  return exact.find((one) => one.free) ?? own.find((one) => one.free) ?? exact[0] ?? own[0] ?? null;
}

/** Inputs without a widget are what a link dropped on a node means first. */
function isWire(stage: Stage, end: End): boolean {
  return "output" in end || stage.scene.inputSocket(end.node, end.input)?.widget === undefined;
}

/** Join two ends; either may be the "new" socket of a subgraph's end. */
export function join(stage: Stage, one: End, other: End): boolean {
  const source = "output" in one ? one : other;
  const target = "output" in one ? other : one;
  if (!("output" in source) || !("input" in target)) return false;
  const wanted = typeOfEnd(stage, target);
  const given = typeOfEnd(stage, source);
  const label = stage.scene.inputSocket(target.node, target.input)?.label ?? target.input;
  return stage.change(t("canvas.connect"), (doc, layer) => {
    const from = realSource(doc, layer, source, wanted, label);
    const to = realTarget(doc, layer, target, given, stage, source);
    connect(doc, layer, {
      from: source.node,
      out: from,
      to: target.node,
      input: to,
      type: given === "*" ? wanted : given,
    });
  });
}

/** The output meant; of a subgraph's "new" socket: one made for this. */
function realSource(
  doc: Doc,
  layer: LayerKey,
  end: { node: NodeId; output: number },
  type: string,
  name: string,
): number {
  const sub = doc.subs[layer];
  if (end.node !== SUB_INPUT || sub === undefined || end.output < sub.inputs.length) return end.output;
  addSubInput(doc, layer, { name, type });
  return end.output;
}

function realTarget(
  doc: Doc,
  layer: LayerKey,
  end: { node: NodeId; input: string },
  type: string,
  stage: Stage,
  source: { node: NodeId; output: number },
): string {
  if (end.node !== SUB_OUTPUT || end.input !== NEW_SLOT) return end.input;
  const name = stage.scene.nodes.get(source.node)?.sockets.outputs[source.output]?.name || type.toLowerCase();
  return addSubOutput(doc, layer, { name, type }).name;
}

/** Take all links away from a socket. */
export function cutSocket(stage: Stage, end: End): void {
  const { scene } = stage;
  const link = "input" in end ? scene.linkInto(end.node, end.input) : undefined;
  const links = "output" in end ? scene.linksFrom(end.node, end.output) : link ? [link] : [];
  if (links.length === 0) return;
  stage.change(t("canvas.disconnect"), (doc, layer) =>
    disconnect(
      doc,
      layer,
      links.map(({ id }) => id),
    ),
  );
}

/** Mark the sockets on the page that a link may enter, so that others step back. */
export function markSockets(stage: Stage, list: readonly Candidate[] | null): void {
  stage.root.toggleAttribute("data-linking", list !== null);
  for (const element of stage.root.querySelectorAll("[data-fits]")) element.removeAttribute("data-fits");
  const keys = new Set(list?.map((one) => `${one.end.node} ${socketKey(one.end)}`));
  if (keys.size === 0) return;
  for (const element of stage.root.querySelectorAll("[data-socket]")) {
    const node = element.closest("[data-node]")?.getAttribute("data-node");
    if (keys.has(`${node} ${element.getAttribute("data-socket")}`)) element.setAttribute("data-fits", "");
  }
}

/** The gesture that a press on a socket begins. */
export function fromSocket(stage: Stage, event: PointerEvent, end: End): Gesture | null {
  const { scene } = stage;
  if ((event.ctrlKey || event.metaKey) && event.altKey) {
    cutSocket(stage, end);
    return null;
  }
  if ("input" in end) {
    const link = scene.linkInto(end.node, end.input);
    if (link !== undefined)
      return carry(stage, event, { fixed: [{ node: link.from, output: link.out }], links: [link] });
  } else if (event.shiftKey) {
    const links = scene.linksFrom(end.node, end.output);
    const fixed = links.map((link): End => ({ node: link.to, input: link.input }));
    if (links.length > 0) return carry(stage, event, { fixed, links });
  }
  return carry(stage, event, { fixed: [end], links: [] });
}

/** A second link from the output that feeds this one, leaving it here. */
export function fromLink(stage: Stage, event: PointerEvent, id: LinkId, at: Point): Gesture | null {
  const link = stage.scene.wires.get(id)?.link;
  if (link === undefined) return null;
  return carry(stage, event, { fixed: [{ node: link.from, output: link.out }], links: [], branch: { link: id, at } });
}

export function fromReroute(stage: Stage, event: PointerEvent, id: string): Gesture | null {
  const { scene } = stage;
  const last = [...scene.wires.values()].find(({ link }) => link.reroute === id)?.link;
  const link = last ?? [...scene.wires.values()].find((wire) => passes(stage, wire.link, id))?.link;
  if (link === undefined) return null;
  return carry(stage, event, { fixed: [{ node: link.from, output: link.out }], links: [], branch: { reroute: id } });
}

function passes(stage: Stage, link: Link, reroute: string): boolean {
  const reroutes = stage.scene.layer?.reroutes ?? {};
  for (let step = link.reroute, left = 1000; step !== undefined && left > 0; step = reroutes[step]?.parent, left--) {
    if (step === reroute) return true;
  }
  return false;
}

function carry(stage: Stage, event: PointerEvent, what: Carry): Gesture {
  const { scene, sketch } = stage;
  const start = stage.toGraph(event);
  const list = candidates(stage, what.fixed);
  let isMoving = false;
  let target: Candidate | null = null;
  const begin = () => {
    isMoving = true;
    for (const link of what.links) scene.hidden.add(link.id);
    markSockets(stage, list);
  };
  const finish = () => {
    for (const link of what.links) scene.hidden.delete(link.id);
    sketch.drafts = [];
    sketch.target = null;
    markSockets(stage, null);
    stage.paint();
  };
  return {
    move(event) {
      const point = stage.toGraph(event);
      if (!isMoving && Math.hypot(point[0] - start[0], point[1] - start[1]) * stage.view().zoom < 4) return;
      if (!isMoving) begin();
      target = snapped(stage, list, point);
      const to = target?.at ?? point;
      sketch.target = target?.at ?? null;
      sketch.drafts = what.fixed.map((end) => {
        const at = what.branch === undefined ? pointOf(stage, end) : start;
        return { course: "output" in end ? [...at, ...to] : [...to, ...at], type: typeOfEnd(stage, end) };
      });
      stage.paint();
    },
    end(event) {
      finish();
      if (!isMoving) return;
      if (target !== null) drop(stage, what, target.end);
      else dropOnNothing(stage, what, stage.toGraph(event), event);
    },
    cancel: finish,
  };
}

function drop(stage: Stage, what: Carry, end: End): void {
  const first = what.fixed[0];
  if (first === undefined) return;
  if (what.branch !== undefined && "input" in end) {
    const { branch } = what;
    stage.change(t("canvas.connect"), (doc, layer) => {
      branchFrom(doc, layer, branch, { to: end.node, input: end.input });
    });
  } else if (what.links.length === 0) {
    join(stage, first, end);
  } else {
    const type = typeOfEnd(stage, end);
    stage.change(t("canvas.moveLink"), (doc, layer) => {
      for (const link of what.links) {
        if ("output" in end) moveLink(doc, layer, link.id, { from: end.node, out: end.output, type });
        else
          moveLink(doc, layer, link.id, {
            to: end.node,
            input: realTarget(doc, layer, end, link.type, stage, { node: link.from, output: link.out }),
          });
      }
    });
  }
}

/** New links ask what to add; a link taken off its input is gone. */
function dropOnNothing(stage: Stage, what: Carry, at: Point, event: PointerEvent): void {
  const first = what.fixed[0];
  if (what.links.length > 0) {
    const ids = what.links.map((link) => link.id);
    stage.change(t("canvas.disconnect"), (doc, layer) => disconnect(doc, layer, ids));
  } else if (first !== undefined && event.shiftKey) {
    const entries = [
      { label: t("canvas.addNode"), run: () => openSearch({ at, link: first }) },
      { label: t("canvas.addReroute"), run: () => addRerouteNode(stage, first, at) },
    ];
    openDialog({ kind: "menu", at: [event.clientX, event.clientY], entries });
  } else if (first !== undefined) {
    openSearch({ at, link: first });
  }
}

function addRerouteNode(stage: Stage, end: End, at: Point): void {
  const type = typeOfEnd(stage, end);
  stage.change(t("canvas.addReroute"), (doc, layer) => {
    const id = newRerouteNode(doc, layer, at, type);
    if ("output" in end) connect(doc, layer, { from: end.node, out: end.output, to: id, input: "", type });
    else connect(doc, layer, { from: id, out: 0, to: end.node, input: end.input, type });
    return [{ kind: "node", id }];
  });
}

/** Put a Reroute node on a link, where one points at it. */
export function rerouteOnLink(stage: Stage, link: LinkId, [x, y]: Point): void {
  const type = stage.scene.wires.get(link)?.type ?? "*";
  stage.change(t("canvas.addReroute"), (doc, layer) => {
    const id = newRerouteNode(doc, layer, [x - REROUTE_WIDTH / 2, y], type);
    insertOnLink(doc, layer, link, id, "", 0, type);
    return [{ kind: "node", id }];
  });
}

/** `at`: the middle of its left edge. */
function newRerouteNode(doc: Doc, layer: LayerKey, at: Point, type: string): NodeId {
  const slot = { name: "", type };
  const size: Point = [REROUTE_WIDTH, REROUTE_HEIGHT];
  const base = { mode: MODE.always, inputs: [{ ...slot, type: "*" }], outputs: [slot], values: {} };
  return addNode(doc, layer, { ...base, type: REROUTE_TYPE, pos: [at[0], at[1] - REROUTE_HEIGHT / 2], size });
}

/** Tell whether a link is drawn: all may be hidden, or all but those of what is selected. */
export function isShown(stage: Stage, id: LinkId): boolean {
  const link = stage.scene.wires.get(id)?.link;
  const mode = ui.getState().links;
  if (mode !== "selected" || link === undefined) return mode === "shown" && link !== undefined;
  const chosen = selectionOf(stage.place()?.tab ?? "");
  return chosen.some((item) => item.kind === "node" && (item.id === link.from || item.id === link.to));
}

/** The link on which a node let go here would be put, with the sockets it would use. */
export function linkForNode(
  stage: Stage,
  id: NodeId,
): { link: LinkId; input: string; out: number; type: string } | null {
  const { scene } = stage;
  const placed = scene.nodes.get(id);
  if (placed === undefined || placed.end !== undefined || scene.linksOf(id).length > 0) return null;
  const { box } = placed;
  const near = scene.linkAt(box.x + box.width / 2, box.y + box.height / 2, Math.min(box.width, box.height) / 2);
  const link = near === undefined ? undefined : scene.wires.get(near.id)?.link;
  if (link === undefined || !isShown(stage, link.id)) return null;
  const fitting = placed.sockets.inputs.filter((socket) => fits(socket.type, link.type));
  const input = fitting.find((socket) => socket.widget === undefined) ?? fitting[0];
  const wanted = link.to === SUB_OUTPUT ? link.type : (scene.inputSocket(link.to, link.input)?.type ?? link.type);
  const out = placed.sockets.outputs.findIndex((output) => fits(wanted, output.type));
  if (input === undefined || out < 0) return null;
  return { link: link.id, input: input.name, out, type: typeOfEnd(stage, { node: id, output: out }) };
}
