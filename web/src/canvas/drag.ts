// Gestures that move and resize things of the graph: nodes, groups with what lies in them, reroutes. While one goes on
// only the scene moves; the document changes once, when it ends. Knows no sockets and no keys but Shift and Alt.

import { t } from "../i18n";
import {
  duplicate,
  insertOnLink,
  membersOf,
  moveGroup,
  moveNodes,
  moveReroutes,
  resizeNode,
  setGroup,
} from "../model/ops";
import { type Box, type Doc, type Item, type LayerKey, type Point, SUB_INPUT, SUB_OUTPUT } from "../model/types";
import { settings } from "../store/settings";
import { select, selectionOf, toggleSelected } from "../store/ui";
import { linkForNode } from "./connect";
import { contains } from "./cull";
import type { Gesture, Stage } from "./stage";

/** How far the pointer moves before a press becomes a drag, in screen pixels; fingers shake more. */
export const THRESHOLD = { mouse: 3, pen: 5, touch: 9 } as Record<string, number>;
/** Within this distance of an edge the view follows, in screen pixels. */
const EDGE = 28;
const EDGE_SPEED = 12;

/** Drag an item with everything that is selected with it; a press without a drag only selects. */
export function dragItem(stage: Stage, event: PointerEvent, item: Item): Gesture {
  const { scene } = stage;
  const place = stage.place();
  const start = stage.toGraph(event);
  const [downX, downY] = [event.clientX, event.clientY];
  const adds = event.shiftKey || event.ctrlKey || event.metaKey;
  const isSelected = () => selectionOf(place?.tab ?? "").some((one) => one.kind === item.kind && one.id === item.id);
  const wasSelected = isSelected();
  if (place !== null && !wasSelected && !adds) select(place.tab, [item]);

  let origin: Point | null = null;
  let isMoving = false;
  let moved: Item[] = [];
  let gesture: string | undefined;
  let last = event;
  let frame = 0;

  const begin = (event: PointerEvent) => {
    isMoving = true;
    if (place === null || place.readOnly) return;
    if (adds && !wasSelected) select(place.tab, [...selectionOf(place.tab), item]);
    let items: Item[] = isSelected() ? selectionOf(place.tab) : [item];
    if (event.altKey && item.kind === "node") {
      gesture = `clone ${performance.now()}`;
      const clones = cloneOf(stage, items, gesture);
      if (clones.length > 0) items = clones;
    }
    moved = withMembers(stage, items);
    origin = originOf(stage, moved.find((one) => one.id === item.id) ?? moved[0]);
    scene.carry(moved);
  };
  const apply = () => {
    const point = stage.toGraph(last);
    let dx = point[0] - start[0];
    let dy = point[1] - start[1];
    const { snap, gridSize } = settings.getState();
    if (snap !== last.shiftKey && origin !== null) {
      dx = Math.round((origin[0] + dx) / gridSize) * gridSize - origin[0];
      dy = Math.round((origin[1] + dy) / gridSize) * gridSize - origin[1];
    }
    scene.shift(Math.round(dx), Math.round(dy));
    const only = moved.length === 1 && moved[0]?.kind === "node" ? moved[0].id : null;
    stage.hovered = only === null ? null : (linkForNode(stage, only)?.link ?? null);
    stage.paint(true);
  };
  const follow = () => {
    frame = 0;
    if (moved.length === 0 || !pushEdge(stage, last, [downX, downY])) return;
    apply();
    frame = requestAnimationFrame(follow);
  };
  const stop = () => {
    cancelAnimationFrame(frame);
    stage.hovered = null;
  };
  return {
    move(event) {
      last = event;
      const limit = THRESHOLD[event.pointerType] ?? 3;
      if (!isMoving && Math.hypot(event.clientX - downX, event.clientY - downY) < limit) return;
      if (!isMoving) begin(event);
      if (moved.length === 0) return;
      apply();
      if (frame === 0) frame = requestAnimationFrame(follow);
    },
    end() {
      stop();
      if (place === null) return;
      if (!isMoving) {
        if (adds) toggleSelected(place.tab, item);
        else if (item.kind !== "link") select(place.tab, [item]);
        return;
      }
      const carried = scene.carried;
      if (carried === null) return;
      const delta: Point = [carried.dx, carried.dy];
      const only = moved.length === 1 && moved[0]?.kind === "node" ? moved[0].id : null;
      const insert = only === null ? null : linkForNode(stage, only);
      if (delta[0] === 0 && delta[1] === 0) return scene.drop();
      const items = selectionOf(place.tab);
      const done = stage.change(
        t("canvas.move"),
        (doc, layer) => {
          moveItems(doc, layer, moved, delta);
          if (insert !== null && only !== null) {
            insertOnLink(doc, layer, insert.link, only, insert.input, insert.out, insert.type);
          }
          return items;
        },
        gesture,
      );
      if (!done) scene.drop();
      stage.paint(true);
    },
    cancel() {
      stop();
      scene.drop();
      stage.paint(true);
    },
  };
}

/** Move the view when the pointer has come to its edge; false when it has not. What lay there is dragged away in peace. */
function pushEdge(stage: Stage, event: PointerEvent, down: Point): boolean {
  const box = stage.root.getBoundingClientRect();
  const push = (at: number, was: number, from: number, to: number) =>
    at < Math.min(from + EDGE, was) ? 1 : at > Math.max(to - EDGE, was) ? -1 : 0;
  const x = push(event.clientX, down[0], box.left, box.right);
  const y = push(event.clientY, down[1], box.top, box.bottom);
  if (x === 0 && y === 0) return false;
  const view = stage.view();
  stage.setView({ ...view, x: view.x + x * EDGE_SPEED, y: view.y + y * EDGE_SPEED });
  return true;
}

function originOf(stage: Stage, item: Item | undefined): Point | null {
  const { scene } = stage;
  if (item?.kind === "node") return scene.nodes.get(item.id)?.node.pos ?? null;
  if (item?.kind === "reroute") return scene.layer?.reroutes[item.id]?.pos ?? null;
  const box = item?.kind === "group" ? scene.layer?.groups[item.id]?.box : undefined;
  return box === undefined ? null : [box.x, box.y];
}

/** Everything that moves with these: what lies in groups, and not what is pinned. */
function withMembers(stage: Stage, items: readonly Item[]): Item[] {
  const { layer } = stage.scene;
  const found = new Map(items.map((item) => [`${item.kind} ${item.id}`, item]));
  if (layer === undefined) return [];
  const add = (item: Item) => found.set(`${item.kind} ${item.id}`, item);
  for (const item of items) {
    const group = item.kind === "group" ? layer.groups[item.id] : undefined;
    if (group === undefined) continue;
    for (const id of membersOf(layer, group)) add({ kind: "node", id });
    for (const reroute of Object.values(layer.reroutes)) {
      if (contains(group.box, reroute.pos[0], reroute.pos[1])) add({ kind: "reroute", id: reroute.id });
    }
    for (const other of Object.values(layer.groups)) {
      const { x, y, width, height } = other.box;
      if (contains(group.box, x, y) && contains(group.box, x + width, y + height)) add({ kind: "group", id: other.id });
    }
  }
  return [...found.values()].filter(
    (item) => item.kind !== "link" && !(item.kind === "node" && layer.nodes[item.id]?.pinned),
  );
}

function cloneOf(stage: Stage, items: readonly Item[], gesture: string): Item[] {
  let clones: Item[] = [];
  const done = stage.change(
    t("canvas.clone"),
    (doc, layer) => {
      const ids = duplicate(doc, layer, [...items], { offset: [0, 0], withInputs: false });
      clones = ids.map((id) => ({ kind: "node", id }));
      return clones;
    },
    gesture,
  );
  if (!done) return [];
  stage.sync();
  return clones;
}

function moveItems(doc: Doc, layer: LayerKey, items: readonly Item[], delta: Point): void {
  const of = (kind: Item["kind"]) => items.filter((item) => item.kind === kind).map((item) => item.id);
  const nodes = of("node");
  const sub = doc.subs[layer];
  for (const id of nodes) {
    const box: Box | undefined = id === SUB_INPUT ? sub?.inputBox : id === SUB_OUTPUT ? sub?.outputBox : undefined;
    if (box === undefined) continue;
    box.x += delta[0];
    box.y += delta[1];
  }
  moveNodes(
    doc,
    layer,
    delta,
    nodes.filter((id) => id !== SUB_INPUT && id !== SUB_OUTPUT),
  );
  moveReroutes(doc, layer, delta, of("reroute"));
  for (const id of of("group")) moveGroup(doc, layer, id, delta, { withMembers: false });
}

/** Drag the lower right corner of a node or a group. */
export function resize(stage: Stage, event: PointerEvent, kind: "node" | "group", id: string): Gesture | null {
  const { scene } = stage;
  const group = scene.layer?.groups[id];
  const before = kind === "node" ? scene.nodes.get(id)?.box : group?.box;
  const place = stage.place();
  if (before === undefined || place === null || place.readOnly) return null;
  const start = stage.toGraph(event);
  let size: Point | null = null;
  return {
    move(event) {
      const point = stage.toGraph(event);
      const { snap, gridSize } = settings.getState();
      const grid = snap !== event.shiftKey ? gridSize : 1;
      const to = (length: number, by: number) => Math.max(60, Math.round((length + by) / grid) * grid);
      size = [to(before.width, point[0] - start[0]), to(before.height, point[1] - start[1])];
      scene.stretch(kind, id, { ...before, width: size[0], height: size[1] });
      stage.paint(true);
    },
    end() {
      if (size === null) return;
      const [width, height] = size;
      const title = scene.nodes.get(id)?.layout.title ?? 0;
      const done = stage.change(t("canvas.resize"), (doc, layer) => {
        if (kind === "group") setGroup(doc, layer, id, { box: { ...before, width, height } });
        else resizeNode(doc, layer, id, [width, height - title]);
      });
      if (!done) scene.drop();
      stage.paint(true);
    },
    cancel() {
      scene.drop();
      stage.paint(true);
    },
  };
}
