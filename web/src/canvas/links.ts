// Curves of links: their points, the distance to them, what crosses them, and how they are painted on one canvas.
// Near they are smooth, far away straight. Knows places and colors, no document and no store.

import type { Box } from "../model/types";
import { TILE } from "./cull";

export type LinkStyle = "curve" | "straight" | "step";

/** A link as it is drawn: x and y of its source, its reroutes and its target, one after the other. */
export type Course = readonly number[];

/** Steps into which one piece of a curve is cut when distances are measured. */
const STEPS = 16;
/** Below this zoom curves are painted as straight lines: nobody can see the difference. */
const STRAIGHT_ZOOM = 0.2;

/** How far the curve runs on before it turns. */
export function reach(x0: number, y0: number, x1: number, y1: number): number {
  const distance = Math.hypot(x1 - x0, y1 - y0);
  const most = x1 >= x0 ? 160 : 240;
  return Math.min(most, Math.max(Math.min(24, distance / 2), distance * 0.32));
}

/** Points along the course, close enough together for hit tests and for tiles. */
export function along(course: Course, style: LinkStyle, steps = STEPS): number[] {
  const points: number[] = [course[0] ?? 0, course[1] ?? 0];
  for (let i = 0; i + 3 < course.length; i += 2) {
    const x0 = course[i] as number;
    const y0 = course[i + 1] as number;
    const x1 = course[i + 2] as number;
    const y1 = course[i + 3] as number;
    if (style === "straight") {
      points.push(x1, y1);
    } else if (style === "step") {
      const middle = (x0 + x1) / 2;
      points.push(middle, y0, middle, y1, x1, y1);
    } else {
      const d = reach(x0, y0, x1, y1);
      for (let step = 1; step <= steps; step++) {
        const t = step / steps;
        const u = 1 - t;
        const a = u * u * u;
        const b = 3 * u * u * t;
        const c = 3 * u * t * t;
        const e = t * t * t;
        points.push(a * x0 + b * (x0 + d) + c * (x1 - d) + e * x1, (a + b) * y0 + (c + e) * y1);
      }
    }
  }
  return points;
}

function toSegment(px: number, py: number, x0: number, y0: number, x1: number, y1: number): number {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - x0) * dx + (py - y0) * dy) / length));
  return Math.hypot(px - x0 - t * dx, py - y0 - t * dy);
}

/** How far the point is from the curve, in graph pixels. */
export function distanceTo(course: Course, style: LinkStyle, x: number, y: number): number {
  const points = along(course, style);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 3 < points.length; i += 2) {
    least = Math.min(
      least,
      toSegment(x, y, points[i] as number, points[i + 1] as number, points[i + 2] as number, points[i + 3] as number),
    );
  }
  return least;
}

/** The middle of the course: where its dot is drawn. */
export function middleOf(course: Course, style: LinkStyle): [number, number] {
  const points = along(course, style);
  let whole = 0;
  for (let i = 0; i + 3 < points.length; i += 2) whole += pieceLength(points, i);
  let left = whole / 2;
  for (let i = 0; i + 3 < points.length; i += 2) {
    const length = pieceLength(points, i);
    if (length >= left && length > 0) {
      const t = left / length;
      const x0 = points[i] as number;
      const y0 = points[i + 1] as number;
      return [x0 + t * ((points[i + 2] as number) - x0), y0 + t * ((points[i + 3] as number) - y0)];
    }
    left -= length;
  }
  return [points[0] ?? 0, points[1] ?? 0];
}

function pieceLength(points: readonly number[], i: number): number {
  return Math.hypot(
    (points[i + 2] as number) - (points[i] as number),
    (points[i + 3] as number) - (points[i + 1] as number),
  );
}

function turns(ax: number, ay: number, bx: number, by: number, cx: number, cy: number): number {
  return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
}

/** Whether the stroke from a to b goes through the curve. */
export function crosses(
  course: Course,
  style: LinkStyle,
  a: readonly [number, number],
  b: readonly [number, number],
): boolean {
  const points = along(course, style);
  for (let i = 0; i + 3 < points.length; i += 2) {
    const x0 = points[i] as number;
    const y0 = points[i + 1] as number;
    const x1 = points[i + 2] as number;
    const y1 = points[i + 3] as number;
    const parted =
      turns(x0, y0, x1, y1, a[0], a[1]) > 0 !== turns(x0, y0, x1, y1, b[0], b[1]) > 0 &&
      turns(a[0], a[1], b[0], b[1], x0, y0) > 0 !== turns(a[0], a[1], b[0], b[1], x1, y1) > 0;
    if (parted) return true;
  }
  return false;
}

/** Boxes that cover the curve, for the tiles: a long link does not lie in all tiles between its ends. */
export function coverOf(course: Course, style: LinkStyle): Box[] {
  let longest = 0;
  for (let i = 0; i + 3 < course.length; i += 2) longest = Math.max(longest, pieceLength(course, i));
  const points = along(course, style, Math.max(4, Math.ceil(longest / (TILE / 2))));
  const boxes: Box[] = [];
  for (let i = 0; i + 3 < points.length; i += 2) {
    const x0 = points[i] as number;
    const y0 = points[i + 1] as number;
    const x1 = points[i + 2] as number;
    const y1 = points[i + 3] as number;
    // The pieces bend between their points, by less than this.
    const slack = 16;
    boxes.push({
      x: Math.min(x0, x1) - slack,
      y: Math.min(y0, y1) - slack,
      width: Math.abs(x1 - x0) + 2 * slack,
      height: Math.abs(y1 - y0) + 2 * slack,
    });
  }
  return boxes;
}

/** Add the course to the context's path, in graph coordinates. */
export function trace(ctx: CanvasRenderingContext2D, course: Course, style: LinkStyle, zoom: number): void {
  ctx.moveTo(course[0] as number, course[1] as number);
  const plain = style === "straight" || zoom < STRAIGHT_ZOOM;
  for (let i = 0; i + 3 < course.length; i += 2) {
    const x0 = course[i] as number;
    const y0 = course[i + 1] as number;
    const x1 = course[i + 2] as number;
    const y1 = course[i + 3] as number;
    if (plain) {
      ctx.lineTo(x1, y1);
    } else if (style === "step") {
      const middle = (x0 + x1) / 2;
      ctx.lineTo(middle, y0);
      ctx.lineTo(middle, y1);
      ctx.lineTo(x1, y1);
    } else {
      const d = reach(x0, y0, x1, y1);
      ctx.bezierCurveTo(x0 + d, y0, x1 - d, y1, x1, y1);
    }
  }
}

/** Paint many links, all of one color in one stroke. `courses` are grouped by color. */
export function paintLinks(
  ctx: CanvasRenderingContext2D,
  groups: ReadonlyMap<string, Course[]>,
  style: LinkStyle,
  zoom: number,
  width: number,
): void {
  ctx.lineWidth = width;
  ctx.lineCap = zoom < STRAIGHT_ZOOM ? "butt" : "round";
  ctx.lineJoin = "round";
  for (const [color, courses] of groups) {
    ctx.strokeStyle = color;
    ctx.beginPath();
    for (const course of courses) trace(ctx, course, style, zoom);
    ctx.stroke();
  }
}
