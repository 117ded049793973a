// What the pointer does on the canvas: which gesture a press begins, panning and zooming, box selection, the knife,
// touch, menus and dropped files. Every mouse habit stands here once. Draws nothing; changes the document through the
// stage, the view's store directly.

import { noFlicks } from "../flick";
import { t } from "../i18n";
import { addReroute, removeReroute } from "../model/ops";
import type { Item, LinkId, NodeId, Point } from "../model/types";
import { enter, openDialog, openSearch, select, selectionOf, ui } from "../store/ui";
import {
  cutSocket,
  endOf,
  endsOf,
  fromLink,
  fromReroute,
  fromSocket,
  isShown,
  pointOf,
  rerouteOnLink,
} from "./connect";
import { FAR } from "./cull";
import { dragItem, resize, THRESHOLD } from "./drag";
import { cancelLink, pressSocket, tapSocket } from "./keyboard";
import type { End, Gesture, Hit, Stage } from "./stage";
import { boxSelect, knife, pan, pinch, zoomDrag } from "./strokes";

/** Keys that are held while the pointer works. */
export interface Held {
  space: boolean;
  y: boolean;
}

const LONG_PRESS_MS = 500;
/** How far from its middle a finger hits a socket, in screen pixels. */
const FINGER = 20;
const OWN_USE = "input, textarea, select, button, a, video, [contenteditable=true], .nodrag";

/** Listen to the pointer on the canvas; return how to stop. */
export function listen(stage: Stage, held: Held): () => void {
  const { root } = stage;
  let gesture: Gesture | null = null;
  let pointer = -1;
  let press: ReturnType<typeof setTimeout> | undefined;
  let cutWithRight = false;
  /** The browser may send a menu event of its own for a long press. */
  const pressedAt = Number.NEGATIVE_INFINITY;
  const touches = new Map<number, PointerEvent>();

  // Fingers are counted also where no gesture begins, as on a widget.
  const lift = (event: PointerEvent) => touches.delete(event.pointerId);
  const onMove = (event: PointerEvent) => {
    if (touches.has(event.pointerId)) touches.set(event.pointerId, event);
    if (gesture === null || (event.pointerId !== pointer && touches.size < 2)) return;
    gesture.move(event);
  };
  const finish = (event: PointerEvent | null) => {
    const ended = gesture;
    gesture = null;
    clearTimeout(press);
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", onUp);
    window.removeEventListener("pointercancel", onCancel);
    root.removeAttribute("data-gesture");
    if (event === null) ended?.cancel();
    else ended?.end(event);
  };
  const onUp = (event: PointerEvent) => {
    lift(event);
    if (event.pointerId === pointer || touches.size < 2) finish(event);
  };
  const onCancel = (event: PointerEvent) => {
    lift(event);
    finish(null);
  };
  const begin = (started: Gesture | null, event: PointerEvent) => {
    if (started === null) return;
    gesture = started;
    pointer = event.pointerId;
    root.setAttribute("data-gesture", "");
    window.addEventListener("pointermove", onMove);
    window.addEventListener("pointerup", onUp);
    window.addEventListener("pointercancel", onCancel);
  };
  const onDown = (event: PointerEvent) => {
    cutWithRight = false;
    if (event.pointerType === "touch") {
      touches.set(event.pointerId, event);
      // The element under the finger may leave the page while the view moves; events go on to the canvas.
      if (!(event.target instanceof Element && event.target.closest(OWN_USE))) root.setPointerCapture(event.pointerId);
      if (touches.size === 2) {
        if (gesture !== null) finish(null);
        begin(pinch(stage, touches), event);
        return;
      }
    }
    if (gesture !== null) return;
    if (stage.linking !== null && event.target instanceof Element && socketAt(stage, event, event.target) === null)
      cancelLink(stage);
    if (event.button === 2 && (event.ctrlKey || event.metaKey)) cutWithRight = true;
    const started = startOf(stage, event, held);
    begin(started, event);
    if (event.pointerType === "touch" && started !== null) {
      press = setTimeout(() => {
        finish(null);
        ignoreLift();
        openMenu(stage, event);
      }, LONG_PRESS_MS);
      const { move } = started;
      started.move = (later) => {
        if (Math.hypot(later.clientX - event.clientX, later.clientY - event.clientY) > (THRESHOLD.touch ?? 9))
          clearTimeout(press);
        move(later);
      };
    }
  };
  let seen: { x: number; y: number } | null = null;
  const onHover = (event: PointerEvent) => {
    if (gesture === null && held.space && seen !== null) {
      const view = stage.view();
      stage.setView({ ...view, x: view.x + event.clientX - seen.x, y: view.y + event.clientY - seen.y });
    }
    seen = { x: event.clientX, y: event.clientY };
    if (gesture === null && event.buttons === 0) hover(stage, event);
  };
  const onMenu = (event: MouseEvent) => {
    if (event.target instanceof Element && event.target.closest("input, textarea, [contenteditable=true]")) return;
    event.preventDefault();
    if (cutWithRight || gesture !== null || performance.now() - pressedAt < 2 * LONG_PRESS_MS) return;
    openMenu(stage, event);
  };
  // Assistive technology presses without a pointer.
  const onClick = (event: MouseEvent) => {
    const end = event.detail === 0 && event.target instanceof Element ? endOf(event.target) : null;
    if (end !== null) pressSocket(stage, end);
  };
  const onDouble = (event: MouseEvent) => doubleClick(stage, event);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || gesture === null) return;
    event.stopPropagation();
    finish(null);
  };
  const onWheel = (event: WheelEvent) => {
    // A list or text that can scroll, and is in use, keeps the wheel.
    const scrolls = (event.target as Element).closest<HTMLElement>("textarea, .nowheel");
    if (scrolls && scrolls.scrollHeight > scrolls.clientHeight && scrolls.matches(":focus, .nowheel"))
      event.stopPropagation();
  };
  const allowFlicks = noFlicks(root);
  window.addEventListener("pointerup", lift, true);
  window.addEventListener("pointercancel", lift, true);
  root.addEventListener("pointerdown", onDown);
  root.addEventListener("pointermove", onHover);
  root.addEventListener("contextmenu", onMenu);
  root.addEventListener("click", onClick);
  root.addEventListener("dblclick", onDouble);
  root.addEventListener("wheel", onWheel, { capture: true, passive: true });
  window.addEventListener("keydown", onKey, true);
  return () => {
    finish(null);
    allowFlicks();
    window.removeEventListener("pointerup", lift, true);
    window.removeEventListener("pointercancel", lift, true);
    root.removeEventListener("pointerdown", onDown);
    root.removeEventListener("pointermove", onHover);
    root.removeEventListener("contextmenu", onMenu);
    root.removeEventListener("click", onClick);
    root.removeEventListener("dblclick", onDouble);
    root.removeEventListener("wheel", onWheel, { capture: true });
    window.removeEventListener("keydown", onKey, true);
  };
}

/** The gesture that this press begins; null leaves it to the element that was pressed. */
function startOf(stage: Stage, event: PointerEvent, held: Held): Gesture | null {
  const target = event.target instanceof Element ? event.target : null;
  if (target === null || target.closest("[data-overlay]")) return null;
  const ctrl = event.ctrlKey || event.metaKey;
  if (event.button === 1) {
    event.preventDefault();
    return target.closest("[data-node]") === null ? onMiddle(stage, event) : pan(stage, event);
  }
  if (event.button === 2) return ctrl ? knife(stage, event) : null;
  if (event.button !== 0) return null;
  if (held.space) return pan(stage, event);
  const hand = ui.getState().mode === "hand";
  const end = hand ? null : socketAt(stage, event, target);
  if (end !== null) {
    if (event.pointerType === "touch") return tapSocket(stage, end, fromSocket(stage, event, end));
    return fromSocket(stage, event, end);
  }
  const id = target.closest("[data-node]")?.getAttribute("data-node");
  if (id != null && target.closest(OWN_USE)) {
    const place = stage.place();
    const isSelected = place !== null && selectionOf(place.tab).some((item) => item.kind === "node" && item.id === id);
    if (place !== null && !isSelected && !hand) select(place.tab, [{ kind: "node", id }]);
    return null;
  }
  if (ctrl && event.shiftKey) return zoomDrag(stage, event);
  if (held.y) return knife(stage, event);
  if (hand) return pan(stage, event);
  if (id != null) return onNode(stage, event, id, target.closest("[data-resize]") !== null);
  return onPlace(stage, event, hitAt(stage, event));
}

/** The socket that is pressed. */
function socketAt(stage: Stage, event: PointerEvent, target: Element): End | null {
  return (event.pointerType === "touch" ? touchedSocket(stage, event, target) : null) ?? endOf(target);
}

/** A finger lifted from a long press would click on what lies under it by then: an entry of the menu. */
function ignoreLift(): void {
  const stop = new AbortController();
  const options = { capture: true, once: true, passive: false, signal: stop.signal };
  const onEnd = (event: Event) => {
    stop.abort();
    if (event.type === "touchend" && event.cancelable) event.preventDefault();
  };
  window.addEventListener("touchend", onEnd, options);
  window.addEventListener("touchcancel", onEnd, options);
}

/** The socket nearest to the finger: what it covers is smaller than it, and rows are close to each other. */
function touchedSocket(stage: Stage, event: PointerEvent, target: Element): End | null {
  // A widget beside a socket keeps its own presses, unless a link is being made.
  if (endOf(target) === null && target.closest(OWN_USE) && stage.linking === null) return null;
  const { zoom } = stage.view();
  if (zoom < FAR) return null;
  const [x, y] = stage.toGraph(event);
  const reach = FINGER / zoom;
  let best: End | null = null;
  let least = reach;
  for (const placed of stage.scene.nodesIn({ x: x - reach, y: y - reach, width: 2 * reach, height: 2 * reach })) {
    for (const end of [...endsOf(placed, true), ...endsOf(placed, false)]) {
      const [sx, sy] = pointOf(stage, end);
      const distance = Math.hypot(sx - x, sy - y);
      if (distance < least) [best, least] = [end, distance];
    }
  }
  return best;
}

function onNode(stage: Stage, event: PointerEvent, id: NodeId, corner: boolean): Gesture | null {
  if (corner) return resize(stage, event, "node", id);
  const item: Item = { kind: "node", id };
  // With Ctrl a click adds the node and a drag draws a box, as on empty ground.
  if (event.ctrlKey || event.metaKey) return boxSelect(stage, event, item);
  return dragItem(stage, event, item);
}

function onPlace(stage: Stage, event: PointerEvent, hit: Hit): Gesture | null {
  const at = stage.toGraph(event);
  const ctrl = event.ctrlKey || event.metaKey;
  switch (hit.kind) {
    case "node":
      return onNode(stage, event, hit.id, false);
    case "reroute":
      if (event.altKey) {
        stage.change(t("canvas.removeReroute"), (doc, layer) => removeReroute(doc, layer, hit.id));
        return null;
      }
      return event.shiftKey
        ? fromReroute(stage, event, hit.id)
        : dragItem(stage, event, { kind: "reroute", id: hit.id });
    case "dot":
    case "link":
      if (event.altKey) return newReroute(stage, event, hit.id, at);
      if (event.shiftKey && !ctrl) return fromLink(stage, event, hit.id, at);
      return onLink(stage, event, hit.id, hit.kind === "dot");
    case "group":
      return ctrl
        ? boxSelect(stage, event, { kind: "group", id: hit.id })
        : dragItem(stage, event, { kind: "group", id: hit.id });
    case "corner":
      return resize(stage, event, "group", hit.id);
    default:
      return ctrl ? boxSelect(stage, event) : pan(stage, event, true);
  }
}

function newReroute(stage: Stage, event: PointerEvent, link: LinkId, at: Point): Gesture | null {
  let id: string | undefined;
  const done = stage.change(t("canvas.addReroute"), (doc, layer) => {
    id = addReroute(doc, layer, link, at);
    return [{ kind: "reroute", id }];
  });
  if (!done || id === undefined) return null;
  stage.sync();
  return dragItem(stage, event, { kind: "reroute", id });
}

/** A click selects the link, on its dot opens its menu; a drag moves the view as on empty ground. */
function onLink(stage: Stage, event: PointerEvent, id: LinkId, dot: boolean): Gesture {
  return panOrClick(stage, event, (end) => {
    const place = stage.place();
    if (place === null) return;
    select(place.tab, [{ kind: "link", id }]);
    const at: Point = [event.clientX, event.clientY];
    if (dot) openDialog({ kind: "menu", at, target: { kind: "link", id, at: stage.toGraph(end) } });
  });
}

/** The middle button moves the view; a click with it puts a Reroute node on the link that is there. */
function onMiddle(stage: Stage, event: PointerEvent): Gesture {
  const hit = hitAt(stage, event);
  if (hit.kind !== "link" && hit.kind !== "dot") return pan(stage, event);
  return panOrClick(stage, event, (end) => rerouteOnLink(stage, hit.id, stage.toGraph(end)));
}

function panOrClick(stage: Stage, event: PointerEvent, click: (end: PointerEvent) => void): Gesture {
  const moving = pan(stage, event);
  return {
    ...moving,
    end(end) {
      moving.end(end);
      const way = Math.hypot(end.clientX - event.clientX, end.clientY - event.clientY);
      if (way < (THRESHOLD[end.pointerType] ?? 3)) click(end);
    },
  };
}

/** What is painted under the pointer. */
export function hitAt(stage: Stage, event: { clientX: number; clientY: number }): Hit {
  const { zoom } = stage.view();
  const [x, y] = stage.toGraph(event);
  return stage.scene.hit(x, y, zoom, zoom < FAR, (id) => isShown(stage, id));
}

function hover(stage: Stage, event: PointerEvent): void {
  const onPage = event.target instanceof Element && event.target.closest("[data-node], [data-overlay]") !== null;
  const hit: Hit = onPage ? { kind: "canvas" } : hitAt(stage, event);
  const link = hit.kind === "link" || hit.kind === "dot" ? hit.id : null;
  stage.root.dataset.hover = onPage ? "page" : hit.kind;
  if (stage.hovered === link) return;
  stage.hovered = link;
  stage.paint();
}

function openMenu(stage: Stage, event: { clientX: number; clientY: number; target: EventTarget | null }): void {
  const place = stage.place();
  if (place === null || !(event.target instanceof Element) || event.target.closest("[data-overlay]")) return;
  const point: Point = [event.clientX, event.clientY];
  const at = stage.toGraph(event);
  const end = endOf(event.target);
  if (end !== null) {
    const entries = [
      { label: t("canvas.addNode"), run: () => openSearch({ at, link: end }) },
      { label: t("canvas.disconnect"), run: () => cutSocket(stage, end) },
    ];
    openDialog({ kind: "menu", at: point, entries });
    return;
  }
  const id = event.target.closest("[data-node]")?.getAttribute("data-node");
  const hit: Hit = id == null ? hitAt(stage, event) : { kind: "node", id };
  const kind = hit.kind === "dot" ? "link" : hit.kind === "corner" ? "group" : hit.kind;
  if (kind === "canvas" || !("id" in hit)) {
    openDialog({ kind: "menu", at: point, target: { kind: "canvas", at } });
    return;
  }
  const item: Item = { kind, id: hit.id };
  const isSelected = selectionOf(place.tab).some((one) => one.kind === kind && one.id === hit.id);
  if (!isSelected) select(place.tab, [item]);
  openDialog({ kind: "menu", at: point, target: { ...item, at } });
}

function doubleClick(stage: Stage, event: MouseEvent): void {
  const place = stage.place();
  const target = event.target instanceof Element ? event.target : null;
  if (place === null || target === null || target.closest(`[data-overlay], [data-title], ${OWN_USE}`)) return;
  const id = target.closest("[data-node]")?.getAttribute("data-node");
  const hit: Hit = id == null ? hitAt(stage, event) : { kind: "node", id };
  if (hit.kind === "node") {
    const placed = stage.scene.nodes.get(hit.id);
    if (placed !== undefined && stage.scene.doc?.subs[placed.node.type] !== undefined) enter(place.tab, hit.id);
    else if (id == null) void stage.showNode(hit.id);
  } else if (hit.kind === "group") {
    openDialog({ kind: "rename", group: hit.id });
  } else if (hit.kind === "canvas") {
    openSearch({ at: stage.toGraph(event) });
  }
}
