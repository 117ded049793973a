// The canvas by keyboard: from node to node, into a node, from socket to socket, and joining sockets without a pointer.
// Tapping one socket and then another goes the same way. What it does is said to screen readers.

import { t } from "../i18n";
import { ranks } from "../model/graph";
import type { Layer, NodeId } from "../model/types";
import { announce } from "../store/page";
import { openSearch, select } from "../store/ui";
import { candidates, cutSocket, endOf, join, markSockets, pointOf, socketKey, typeOfEnd } from "./connect";
import type { Held } from "./gestures";
import type { End, Gesture, Stage } from "./stage";

const TEXT = "input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable=true], [role=listbox]";
const FOCUSABLE =
  "button:not(:disabled), input:not(:disabled), textarea:not(:disabled), select:not(:disabled), a[href], [tabindex]";

/** Listen to keys while the canvas has the focus; return how to stop. */
export function listenKeys(stage: Stage, held: Held): () => void {
  const { root } = stage;
  // Hands on the mouse mean the search by Tab, others the next node: the last thing used tells.
  let byPointer = false;
  let isBack = false;
  const onPointer = () => {
    byPointer = true;
    isBack = false;
  };
  const onAnyKey = (event: KeyboardEvent) => {
    if (event.key !== "Shift") isBack = event.key === "Tab" && event.shiftKey;
  };
  // Walking back into the canvas leads to the last node, not to whatever field comes last in the page.
  const onFocus = ({ target, relatedTarget }: FocusEvent) => {
    if (!isBack || !(target instanceof Element) || target.closest("[data-node]") === null) return;
    if (!(relatedTarget instanceof Node && root.contains(relatedTarget))) step(stage, null, -1);
  };
  const onDown = (event: KeyboardEvent) => {
    const wasPointer = byPointer;
    if (!["Shift", "Control", "Alt", "Meta"].includes(event.key)) byPointer = false;
    if (event.defaultPrevented || !(event.target instanceof Element)) return;
    if (onKey(stage, event, event.target, wasPointer, held)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  const onUp = (event: KeyboardEvent) => {
    if (event.key === " ") held.space = false;
    if (event.key.toLowerCase() === "y") held.y = false;
  };
  const onBlur = () => {
    held.space = false;
    held.y = false;
  };
  root.addEventListener("keydown", onDown);
  root.addEventListener("focusin", onFocus);
  window.addEventListener("keydown", onAnyKey, true);
  window.addEventListener("keyup", onUp);
  window.addEventListener("blur", onBlur);
  window.addEventListener("pointerdown", onPointer, true);
  return () => {
    root.removeEventListener("keydown", onDown);
    root.removeEventListener("focusin", onFocus);
    window.removeEventListener("keydown", onAnyKey, true);
    window.removeEventListener("keyup", onUp);
    window.removeEventListener("blur", onBlur);
    window.removeEventListener("pointerdown", onPointer, true);
  };
}

/** Do what the key means; true when it meant something here. */
function onKey(stage: Stage, event: KeyboardEvent, target: Element, wasPointer: boolean, held: Held): boolean {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  const end = endOf(target);
  const element = target.closest<HTMLElement>("[data-node]");
  if (stage.linking !== null) return onLinking(stage, event);
  if (event.key === "Tab" && plain) return onTab(stage, target, element, event.shiftKey, wasPointer);
  if (event.key === "Escape" && element !== null && target !== element) {
    element.focus();
    return true;
  }
  if (target.closest(TEXT) || !plain) return false;
  if (end !== null) return onSocket(stage, event, end, target as HTMLElement, element as HTMLElement);
  if (event.key === " " && !target.closest("button")) {
    held.space = true;
    return false;
  }
  if (event.key.toLowerCase() === "y" && !event.shiftKey) held.y = true;
  if (event.key === "Enter" && element !== null && target === element) return into(element);
  if (event.key === "Enter" && target === stage.root) return step(stage, null, 1);
  return false;
}

function onTab(
  stage: Stage,
  target: Element,
  element: HTMLElement | null,
  back: boolean,
  wasPointer: boolean,
): boolean {
  if (element === null) return target === stage.root && !back && !wasPointer && step(stage, null, 1);
  const id = element.dataset.node as NodeId;
  if (target === element) return (back || !wasPointer) && step(stage, id, back ? -1 : 1);
  const inner = innerOf(element);
  const now = inner.indexOf(target as HTMLElement);
  const next = inner[now + (back ? -1 : 1)];
  if (now >= 0 && next !== undefined) next.focus();
  else if (back) element.focus();
  else return step(stage, id, 1);
  return true;
}

/** Focus the next node in the order in which work flows, from outside the first or last; at the ends, leave. */
function step(stage: Stage, from: NodeId | null, by: 1 | -1): boolean {
  const order = orderOf(stage.scene.layer, stage);
  const now = from === null ? (by < 0 ? order.length : -1) : order.indexOf(from);
  const id = order[now + by];
  if (id !== undefined) {
    void focusNode(stage, id);
    return true;
  }
  if (by < 0) {
    stage.root.focus();
    return true;
  }
  // The browser's own Tab goes on from here.
  stage.root.querySelector<HTMLElement>("[data-canvas-end]")?.focus();
  return false;
}

function orderOf(layer: Layer | undefined, stage: Stage): NodeId[] {
  if (layer === undefined) return [];
  const rank = ranks(layer);
  const nodes = [...stage.scene.nodes.values()];
  const at = (id: NodeId) => rank.get(id) ?? (stage.scene.nodes.get(id)?.sockets.inputs.length ? 1e9 : -1);
  nodes.sort((a, b) => at(a.id) - at(b.id) || a.box.y - b.box.y || a.box.x - b.box.x);
  return nodes.map((placed) => placed.id);
}

function innerOf(element: HTMLElement): HTMLElement[] {
  const all = [...element.querySelectorAll<HTMLElement>(FOCUSABLE)];
  const isSeen = (one: HTMLElement) => one.getClientRects().length > 0;
  const isReached = (one: HTMLElement) => one.tabIndex >= 0 || one.matches("[data-socket]");
  return all.filter((one) => isReached(one) && isSeen(one));
}

function into(element: HTMLElement): boolean {
  const [first] = innerOf(element);
  first?.focus();
  return first !== undefined;
}

/** Bring a node into view and give it, or one of its sockets, the focus. */
export async function focusNode(stage: Stage, id: NodeId, socket?: string): Promise<HTMLElement | null> {
  const element = await stage.showNode(id);
  const place = stage.place();
  if (element === null || place === null) return null;
  select(place.tab, [{ kind: "node", id }]);
  const inner =
    socket === undefined ? null : element.querySelector<HTMLElement>(`[data-socket="${CSS.escape(socket)}"]`);
  (inner ?? element).focus({ preventScroll: true });
  return element;
}

function onSocket(stage: Stage, event: KeyboardEvent, end: End, target: HTMLElement, element: HTMLElement): boolean {
  const { scene } = stage;
  const inner = innerOf(element);
  const now = inner.indexOf(target);
  switch (event.key) {
    case "Enter":
      if (event.shiftKey) openSearch({ at: pointOf(stage, end), link: end });
      else startLink(stage, end);
      return true;
    case " ":
      startLink(stage, end);
      return true;
    case "Delete":
    case "Backspace":
      cutSocket(stage, end);
      return true;
    case "ArrowDown":
      inner[now + 1]?.focus();
      return true;
    case "ArrowUp":
      (inner[now - 1] ?? element).focus();
      return true;
    case "ArrowLeft": {
      const link = "input" in end ? scene.linkInto(end.node, end.input) : undefined;
      if (link !== undefined) void focusNode(stage, link.from, `out:${link.out}`);
      return true;
    }
    case "ArrowRight": {
      const link = "output" in end ? scene.linksFrom(end.node, end.output)[0] : undefined;
      if (link !== undefined) void focusNode(stage, link.to, `in:${link.input}`);
      return true;
    }
    default:
      return false;
  }
}

// ---- joining --------------------------------------------------------------------------------------------------

/** Begin a link at a socket: from now on keys go through the sockets on which it may end. */
export function startLink(stage: Stage, from: End): void {
  const place = stage.place();
  if (place === null || place.readOnly) return;
  const list = candidates(stage, [from]);
  if (list.length === 0) {
    announce(t("canvas.say.noSocket", { type: typeOfEnd(stage, from) }));
    return;
  }
  // Free sockets first: a link to one takes nothing away.
  list.sort((one, other) => Number(other.free) - Number(one.free));
  stage.linking = { from, list, at: 0 };
  markSockets(stage, list);
  announce(t("canvas.say.linking", { n: list.length }));
  showCandidate(stage);
}

export function cancelLink(stage: Stage): void {
  if (stage.linking === null) return;
  stage.linking = null;
  stage.sketch.drafts = [];
  stage.sketch.target = null;
  markSockets(stage, null);
  stage.paint();
}

function onLinking(stage: Stage, event: KeyboardEvent): boolean {
  const { linking } = stage;
  if (linking === null) return false;
  const forward = event.key === "ArrowDown" || event.key === "ArrowRight" || (event.key === "Tab" && !event.shiftKey);
  const back = event.key === "ArrowUp" || event.key === "ArrowLeft" || (event.key === "Tab" && event.shiftKey);
  if (forward || back) {
    linking.at = (linking.at + (forward ? 1 : -1) + linking.list.length) % linking.list.length;
    showCandidate(stage);
  } else if (event.key === "Enter" || event.key === " ") {
    const target = linking.list[linking.at];
    const { from } = linking;
    cancelLink(stage);
    if (target !== undefined && join(stage, from, target.end)) announce(t("canvas.say.linked"));
  } else if (event.key === "Escape") {
    const { from } = linking;
    cancelLink(stage);
    announce(t("canvas.say.notLinked"));
    void focusNode(stage, from.node, socketKey(from));
  }
  return true;
}

/** Bring the socket that is meant into view, draw the link to it and give it the focus, by which it is read out. */
function showCandidate(stage: Stage): void {
  const { linking } = stage;
  const target = linking?.list[linking.at];
  if (linking === null || target === undefined) return;
  const from = pointOf(stage, linking.from);
  const course = "output" in linking.from ? [...from, ...target.at] : [...target.at, ...from];
  stage.sketch.drafts = [{ course, type: typeOfEnd(stage, linking.from) }];
  stage.sketch.target = target.at;
  stage.paint();
  void stage.showNode(target.end.node).then((element) => {
    if (stage.linking !== linking) return;
    markSockets(stage, linking.list);
    element
      ?.querySelector<HTMLElement>(`[data-socket="${CSS.escape(socketKey(target.end))}"]`)
      ?.focus({ preventScroll: true });
  });
}

/** Press a socket without dragging from it: the first press begins a link, one on a socket that fits ends it. */
export function pressSocket(stage: Stage, end: End): void {
  const { linking } = stage;
  const fits = linking?.list.some((one) => one.end.node === end.node && socketKey(one.end) === socketKey(end));
  cancelLink(stage);
  if (linking !== null && fits) {
    if (join(stage, linking.from, end)) announce(t("canvas.say.linked"));
    return;
  }
  const list = candidates(stage, [end]);
  if (list.length === 0) return;
  stage.linking = { from: end, list, at: 0 };
  markSockets(stage, list);
  announce(t("canvas.say.linking", { n: list.length }));
}

/** Tap one socket, then the other; a drag from the first still draws a link. */
export function tapSocket(stage: Stage, end: End, drag: Gesture | null): Gesture {
  let isMoving = false;
  return {
    move(event) {
      drag?.move(event);
      isMoving ||= stage.sketch.drafts.length > 0;
    },
    end(event) {
      drag?.end(event);
      if (!isMoving) pressSocket(stage, end);
    },
    cancel() {
      drag?.cancel();
    },
  };
}
