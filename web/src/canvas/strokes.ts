// Strokes over the canvas that move nothing of the graph: panning, zooming, pinching, the selection box, the knife.
// Knows the scene and the selection.

import { t } from "../i18n";
import { disconnect } from "../model/ops";
import type { Item, LinkId, Point } from "../model/types";
import { select, selectionOf } from "../store/ui";
import { isShown } from "./connect";
import { between, contains, overlaps } from "./cull";
import { dragItem, THRESHOLD } from "./drag";
import { crosses } from "./links";
import type { Gesture, Stage } from "./stage";

export const LEAST_ZOOM = 0.05;
export const MOST_ZOOM = 4;

export function pan(stage: Stage, event: PointerEvent, clears = false): Gesture {
  const [x, y] = [event.clientX, event.clientY];
  const view = stage.view();
  let isMoving = false;
  return {
    move(event) {
      const [dx, dy] = [event.clientX - x, event.clientY - y];
      if (!isMoving && Math.hypot(dx, dy) < (THRESHOLD[event.pointerType] ?? 3)) return;
      isMoving = true;
      stage.root.dataset.gesture = "pan";
      stage.setView({ ...view, x: view.x + dx, y: view.y + dy });
    },
    end(event) {
      const place = stage.place();
      if (!isMoving && clears && place !== null && !event.shiftKey) select(place.tab, []);
    },
    cancel() {},
  };
}

/** Zoom so that this screen point stays where it is. */
export function zoomAt(stage: Stage, x: number, y: number, zoom: number): void {
  const view = stage.view();
  const box = stage.root.getBoundingClientRect();
  const next = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, zoom));
  const [px, py] = [x - box.left, y - box.top];
  const share = next / view.zoom;
  stage.setView({ x: px - (px - view.x) * share, y: py - (py - view.y) * share, zoom: next });
}

export function zoomDrag(stage: Stage, event: PointerEvent): Gesture {
  const { zoom } = stage.view();
  const [x, y] = [event.clientX, event.clientY];
  return {
    move: (event) => zoomAt(stage, x, y, zoom * Math.exp((y - event.clientY) * 0.01)),
    end() {},
    cancel() {},
  };
}

export function pinch(stage: Stage, touches: ReadonlyMap<number, PointerEvent>): Gesture {
  const middle = () => {
    const [one, two] = [...touches.values()];
    const [ax, ay] = [one?.clientX ?? 0, one?.clientY ?? 0];
    const [bx, by] = [two?.clientX ?? ax, two?.clientY ?? ay];
    return { x: (ax + bx) / 2, y: (ay + by) / 2, distance: Math.max(1, Math.hypot(ax - bx, ay - by)) };
  };
  let before = middle();
  return {
    move() {
      const now = middle();
      const view = stage.view();
      stage.setView({ ...view, x: view.x + now.x - before.x, y: view.y + now.y - before.y });
      zoomAt(stage, now.x, now.y, (stage.view().zoom * now.distance) / before.distance);
      before = now;
    },
    end() {},
    cancel() {},
  };
}

/** Draw a box; what it touches is selected. `click`: what a press without a drag adds or takes away. */
export function boxSelect(stage: Stage, event: PointerEvent, click?: Item): Gesture {
  const place = stage.place();
  const start = stage.toGraph(event);
  const before = selectionOf(place?.tab ?? "");
  const clicking = click === undefined ? null : dragItem(stage, event, click);
  const [x, y] = [event.clientX, event.clientY];
  let isMoving = false;
  const clear = () => {
    stage.sketch.box = null;
    stage.paint();
  };
  return {
    move(event) {
      if (!isMoving && Math.hypot(event.clientX - x, event.clientY - y) < 4) return;
      isMoving = true;
      const [endX, endY] = stage.toGraph(event);
      const box = between(start[0], start[1], endX, endY);
      stage.sketch.box = box;
      const { scene } = stage;
      const nodes = scene.nodesIn(box).map((placed): Item => ({ kind: "node", id: placed.id }));
      const groups = Object.values(scene.layer?.groups ?? {}).filter(({ box: own }) => {
        return (
          overlaps(box, own) && contains(box, own.x, own.y) && contains(box, own.x + own.width, own.y + own.height)
        );
      });
      const reroutes = Object.values(scene.layer?.reroutes ?? {}).filter(({ pos }) => contains(box, pos[0], pos[1]));
      const found: Item[] = [
        ...nodes,
        ...groups.map(({ id }): Item => ({ kind: "group", id })),
        ...reroutes.map(({ id }): Item => ({ kind: "reroute", id })),
      ];
      const kept = event.shiftKey
        ? before.filter((one) => !found.some((item) => item.kind === one.kind && item.id === one.id))
        : [];
      if (place !== null) select(place.tab, [...kept, ...found]);
      stage.paint();
    },
    end(event) {
      if (!isMoving) clicking?.end(event);
      clear();
    },
    cancel() {
      if (place !== null) select(place.tab, before);
      clear();
    },
  };
}

/** Cut every link that the stroke crosses. */
export function knife(stage: Stage, event: PointerEvent): Gesture {
  const { scene, sketch } = stage;
  const stroke: Point[] = [stage.toGraph(event)];
  const cut = new Set<LinkId>();
  const clear = () => {
    for (const id of cut) scene.hidden.delete(id);
    sketch.knife = null;
    stage.paint();
  };
  return {
    move(event) {
      const from = stroke.at(-1) as Point;
      const to = stage.toGraph(event);
      stroke.push(to);
      sketch.knife = stroke;
      for (const id of scene.wireTiles.query(between(from[0], from[1], to[0], to[1]))) {
        const wire = scene.wires.get(id);
        if (wire === undefined || cut.has(id) || !isShown(stage, id)) continue;
        if (!crosses(wire.course, scene.style, from, to)) continue;
        cut.add(id);
        scene.hidden.add(id);
      }
      stage.paint();
    },
    end() {
      clear();
      if (cut.size > 0) stage.change(t("canvas.cutLinks"), (doc, layer) => disconnect(doc, layer, [...cut]));
    },
    cancel: clear,
  };
}
