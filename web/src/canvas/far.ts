// Paints what is not an element of the page: frames, links, reroutes, and nodes as boxes while they are far away or not
// on the page yet; and, on a second canvas above, what a gesture shows. Reads the scene; changes nothing.

import { type Group, type LinkId, MODE, NOTE_TYPES, type NodeId, type Point } from "../model/types";
import type { RunState, View } from "../store/shapes";
import { ownBody, ownColor, type Palette, paintColor } from "./colors";
import { FAR, overlaps, seenBox } from "./cull";
import { type Course, paintLinks, trace } from "./links";
import { FRAME_TITLE, type Scene } from "./scene";
import type { Placed, Sketch } from "./stage";

/** Below this zoom far nodes have no titles. */
const TITLES = 0.2;
const RADIUS = 6;
const ONE_BY_ONE = 300;

/** What is painted besides the scene. */
export interface Look {
  palette: Palette;
  view: View;
  width: number;
  height: number;
  ratio: number;
  /** Nodes that have elements. */
  mounted: ReadonlySet<NodeId>;
  selected: {
    nodes: ReadonlySet<string>;
    links: ReadonlySet<string>;
    groups: ReadonlySet<string>;
    reroutes: ReadonlySet<string>;
  };
  links: "shown" | "selected" | "hidden";
  hovered: LinkId | null;
  runs: (id: NodeId) => RunState | undefined;
}

export function isEmpty(sketch: Sketch): boolean {
  return sketch.box === null && sketch.knife === null && sketch.drafts.length === 0 && sketch.target === null;
}

export function paintScene(ctx: CanvasRenderingContext2D, scene: Scene, look: Look): void {
  const { view, width, height, ratio, palette } = look;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.fillStyle = palette.background;
  ctx.fillRect(0, 0, width * ratio, height * ratio);
  paintGrid(ctx, look);
  ctx.setTransform(view.zoom * ratio, 0, 0, view.zoom * ratio, view.x * ratio, view.y * ratio);
  for (const group of Object.values(scene.layer?.groups ?? {})) paintGroup(ctx, scene, group, look);
  paintWires(ctx, scene, look);
  if (view.zoom >= FAR) paintReroutes(ctx, scene, look);
  paintBoxes(ctx, scene, look);
}

/** Dots at every tenth grid step, only where they can be told apart. */
function paintGrid(ctx: CanvasRenderingContext2D, look: Look): void {
  const { view, ratio } = look;
  if (view.zoom < 0.5) return;
  const step = 40 * view.zoom;
  const size = Math.max(1, Math.round(1.5 * view.zoom * ratio));
  ctx.fillStyle = look.palette.grid;
  ctx.beginPath();
  for (let x = ((view.x % step) + step) % step; x < look.width; x += step) {
    for (let y = ((view.y % step) + step) % step; y < look.height; y += step) {
      ctx.rect(Math.round(x * ratio), Math.round(y * ratio), size, size);
    }
  }
  ctx.fill();
}

function paintGroup(ctx: CanvasRenderingContext2D, scene: Scene, group: Group, look: Look): void {
  const box = scene.groupBox(group);
  const { view, palette } = look;
  if (!overlaps(box, seenBox(view, look.width, look.height))) return;
  const selected = look.selected.groups.has(group.id);
  const color = group.color || palette.group;
  ctx.globalAlpha = 0.1;
  ctx.fillStyle = color;
  roundBox(ctx, box.x, box.y, box.width, box.height, RADIUS);
  ctx.fill();
  ctx.globalAlpha = 0.22;
  ctx.fillRect(box.x, box.y, box.width, Math.min(FRAME_TITLE, box.height));
  ctx.globalAlpha = selected ? 1 : 0.55;
  ctx.strokeStyle = selected ? palette.select : color;
  ctx.lineWidth = (selected ? 2 : palette.lineWidth) / view.zoom;
  roundBox(ctx, box.x, box.y, box.width, box.height, RADIUS);
  ctx.stroke();
  ctx.globalAlpha = 1;
  if (view.zoom < 0.06) return;
  const size = Math.min(Math.max(15, 12 / view.zoom), Math.max(15, box.height / 4));
  ctx.font = `600 ${size}px ${palette.font}`;
  ctx.textBaseline = "middle";
  ctx.fillStyle = palette.text;
  const title = clipText(ctx, group.title, box.width - 16);
  ctx.fillText(title, box.x + 10, box.y + Math.max(FRAME_TITLE, size * 1.4) / 2);
  if (view.zoom < FAR) return;
  const right = box.x + box.width - 4;
  const bottom = box.y + box.height - 4;
  ctx.globalAlpha = 0.7;
  ctx.strokeStyle = color;
  ctx.beginPath();
  for (const way of [4, 9]) {
    ctx.moveTo(right - way, bottom);
    ctx.lineTo(right, bottom - way);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function paintWires(ctx: CanvasRenderingContext2D, scene: Scene, look: Look): void {
  const { view, palette, selected } = look;
  const seen = seenBox(view, look.width, look.height);
  const plain = new Map<string, Course[]>();
  const strong: { course: Course; color: string; id: LinkId }[] = [];
  const moving = scene.carried?.wires;
  const add = (id: LinkId) => {
    const wire = scene.wires.get(id);
    if (wire === undefined || scene.hidden.has(id)) return;
    const { link } = wire;
    const touched = selected.nodes.has(link.from) || selected.nodes.has(link.to);
    const chosen = selected.links.has(id) || look.hovered === id;
    if (!chosen && (look.links === "hidden" || (look.links === "selected" && !touched))) return;
    const color = paintColor(palette, wire.type);
    if (chosen || (look.links === "shown" && touched && selected.nodes.size < 20)) {
      strong.push({ course: wire.course, color, id });
      return;
    }
    const courses = plain.get(color);
    if (courses === undefined) plain.set(color, [wire.course]);
    else courses.push(wire.course);
  };
  for (const id of scene.wireTiles.query(seen)) if (!moving?.has(id)) add(id);
  for (const id of moving ?? []) add(id);

  const width = Math.max(2.5, 0.8 / view.zoom) * palette.lineWidth;
  ctx.globalAlpha = view.zoom < TITLES ? 0.6 : 0.85;
  paintLinks(ctx, plain, scene.style, view.zoom, width);
  ctx.globalAlpha = 1;
  for (const { course, color, id } of strong) {
    const chosen = selected.links.has(id);
    if (chosen) {
      ctx.strokeStyle = palette.select;
      ctx.lineWidth = width + 4 / view.zoom;
      ctx.beginPath();
      trace(ctx, course, scene.style, view.zoom);
      ctx.stroke();
    }
    ctx.strokeStyle = color;
    ctx.lineWidth = width + 1;
    ctx.beginPath();
    trace(ctx, course, scene.style, view.zoom);
    ctx.stroke();
    if (view.zoom >= FAR && (chosen || look.hovered === id)) paintDot(ctx, scene.middleOf(id), color, palette);
  }
}

/** The dot in the middle of a link: a click on it opens the link's menu. */
function paintDot(ctx: CanvasRenderingContext2D, at: Point | null, color: string, palette: Palette): void {
  if (at === null) return;
  ctx.fillStyle = palette.background;
  ctx.strokeStyle = color;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.arc(at[0], at[1], 6, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.arc(at[0], at[1], 2.5, 0, 2 * Math.PI);
  ctx.fill();
}

function paintReroutes(ctx: CanvasRenderingContext2D, scene: Scene, look: Look): void {
  const reroutes = scene.layer?.reroutes ?? {};
  const types = new Map<string, string>();
  for (const wire of scene.wires.values()) {
    let step = wire.link.reroute;
    while (step !== undefined && !types.has(step)) {
      types.set(step, wire.type);
      step = reroutes[step]?.parent;
    }
  }
  for (const reroute of Object.values(reroutes)) {
    const [x, y] = scene.rerouteAt(reroute);
    ctx.fillStyle = paintColor(look.palette, types.get(reroute.id) ?? "*");
    ctx.strokeStyle = look.selected.reroutes.has(reroute.id) ? look.palette.select : look.palette.background;
    ctx.lineWidth = 2.5;
    ctx.beginPath();
    ctx.arc(x, y, 7, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
  }
}

/** Nodes without elements, as boxes; grouped by color, so that thousands take a few strokes. */
function paintBoxes(ctx: CanvasRenderingContext2D, scene: Scene, look: Look): void {
  const { view } = look;
  const seen = seenBox(view, look.width, look.height);
  const shown: Placed[] = [];
  const add = (id: NodeId) => {
    const placed = scene.nodes.get(id);
    if (placed !== undefined && !look.mounted.has(id) && overlaps(placed.box, seen)) shown.push(placed);
  };
  const moving = scene.carried?.nodes;
  for (const id of scene.nodeTiles.query(seen)) if (!moving?.has(id)) add(id);
  for (const id of moving ?? []) add(id);
  if (shown.length === 0) return;

  // Few nodes are painted one by one, so that what lies above covers what lies below; many in groups of a color.
  for (const part of shown.length > ONE_BY_ONE ? [shown] : shown.map((placed) => [placed])) paintPart(ctx, part, look);
}

function paintPart(ctx: CanvasRenderingContext2D, shown: readonly Placed[], look: Look): void {
  const { view, palette, selected } = look;
  const bodies = new Map<string, Placed[]>();
  const titles = new Map<string, Placed[]>();
  const outlines = new Map<string, Placed[]>();
  const into = (map: Map<string, Placed[]>, color: string, placed: Placed) => {
    const list = map.get(color);
    if (list === undefined) map.set(color, [placed]);
    else list.push(placed);
  };
  for (const placed of shown) {
    const { node } = placed;
    const unknown = placed.type === undefined && placed.end === undefined;
    const body = NOTE_TYPES.includes(node.type) ? palette.note : (ownBody(node, palette.ownBody) ?? palette.node);
    into(bodies, node.mode === MODE.always ? body : palette.background, placed);
    into(titles, unknown ? palette.error : node.color ? ownColor(node.color, palette.ownTint) : palette.title, placed);
    const run = look.runs(placed.id);
    const color = selected.nodes.has(placed.id) ? palette.select : outlineOf(palette, run, node.mode);
    into(outlines, color, placed);
  }
  for (const [color, list] of bodies) fillBoxes(ctx, color, list, false);
  for (const [color, list] of titles) fillBoxes(ctx, color, list, true);
  if (view.zoom >= TITLES) paintRows(ctx, shown, palette);
  for (const [color, list] of outlines) {
    const strong = color !== palette.line;
    ctx.strokeStyle = color;
    ctx.lineWidth = (strong ? 2 : palette.lineWidth) / view.zoom;
    ctx.beginPath();
    for (const { box } of list) ctx.rect(box.x, box.y, box.width, box.height);
    ctx.stroke();
  }
  if (view.zoom >= TITLES) paintTitles(ctx, shown, look);
}

/** Where widgets are, so that a far node still has its face. */
function paintRows(ctx: CanvasRenderingContext2D, shown: readonly Placed[], palette: Palette): void {
  ctx.fillStyle = palette.field;
  ctx.beginPath();
  for (const { box, layout } of shown) {
    for (const row of layout.widgets) ctx.rect(box.x + 10, box.y + row.y, box.width - 20, row.height);
    if (layout.picture) ctx.rect(box.x + 8, box.y + layout.picture.y, box.width - 16, layout.picture.height);
  }
  ctx.fill();
}

function outlineOf(palette: Palette, run: RunState | undefined, mode: number): string {
  if (run === "running") return palette.accent;
  if (run === "failed") return palette.error;
  if (run === "done") return palette.ok;
  if (run === "cached") return palette.cached;
  if (mode === MODE.muted) return palette.muted;
  return mode === MODE.bypassed ? palette.bypass : palette.line;
}

function fillBoxes(ctx: CanvasRenderingContext2D, color: string, list: Placed[], title: boolean): void {
  ctx.fillStyle = color;
  ctx.beginPath();
  for (const { box, layout } of list) ctx.rect(box.x, box.y, box.width, title ? layout.title : box.height);
  ctx.fill();
}

function paintTitles(ctx: CanvasRenderingContext2D, shown: readonly Placed[], look: Look): void {
  const { palette, view } = look;
  const size = Math.max(13, Math.min(20, 9 / view.zoom));
  ctx.font = `${size}px ${palette.font}`;
  ctx.textBaseline = "middle";
  ctx.fillStyle = palette.text;
  for (const { node, type, box, layout } of shown) {
    if (layout.title === 0) continue;
    const title = node.title ?? type?.title ?? node.type;
    // Measuring each text would cost more than painting it: about as many letters as fit.
    const letters = Math.floor((box.width - 16) / (size * 0.52));
    ctx.fillText(
      title.length > letters ? `${title.slice(0, Math.max(1, letters - 1))}…` : title,
      box.x + 10,
      box.y + layout.title / 2,
    );
  }
}

export function paintSketch(ctx: CanvasRenderingContext2D, scene: Scene, sketch: Sketch, look: Look): void {
  const { view, palette, ratio } = look;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, look.width * ratio, look.height * ratio);
  ctx.setTransform(view.zoom * ratio, 0, 0, view.zoom * ratio, view.x * ratio, view.y * ratio);
  ctx.lineWidth = 3;
  ctx.lineCap = "round";
  for (const { course, type } of sketch.drafts) {
    ctx.strokeStyle = paintColor(palette, type);
    ctx.beginPath();
    trace(ctx, course, scene.style, view.zoom);
    ctx.stroke();
  }
  if (sketch.target !== null) {
    ctx.strokeStyle = palette.select;
    ctx.lineWidth = 2 / view.zoom;
    ctx.beginPath();
    ctx.arc(sketch.target[0], sketch.target[1], Math.max(9, 9 / view.zoom), 0, 2 * Math.PI);
    ctx.stroke();
  }
  if (sketch.box !== null) {
    const { x, y, width, height } = sketch.box;
    ctx.fillStyle = palette.accent;
    ctx.globalAlpha = 0.12;
    ctx.fillRect(x, y, width, height);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = palette.accent;
    ctx.lineWidth = 1 / view.zoom;
    ctx.strokeRect(x, y, width, height);
  }
  if (sketch.knife !== null) {
    ctx.strokeStyle = palette.error;
    ctx.lineWidth = 2 / view.zoom;
    ctx.setLineDash([6 / view.zoom, 4 / view.zoom]);
    ctx.beginPath();
    for (const [place, [x, y]] of sketch.knife.entries()) place === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }
}

function roundBox(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, radius);
}

function clipText(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  let letters = text.length;
  while (letters > 1 && ctx.measureText(`${text.slice(0, letters)}…`).width > width) letters--;
  return `${text.slice(0, letters)}…`;
}
