// A mask as bytes, one for each pixel of a picture: 255 is masked. Brush strokes, rectangles, and steps of undo that keep
// only the tiles that changed. Pure but for the mask it is given. Knows no canvas and no picture.

export interface Mask {
  width: number;
  height: number;
  data: Uint8Array;
}

export interface Brush {
  radius: number;
  /** Share of the radius that is painted in full; beyond it the edge fades out. */
  hardness: number;
  /** 0 to 1: how much of a mask the brush leaves at most. */
  strength: number;
  erase: boolean;
}

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Tiles before a change; swapped with the mask they are those after it. */
export interface Step {
  tiles: Map<number, Uint8Array>;
}

const TILE = 128;
/** Dabs of a stroke are this share of the radius apart: closer than one sees. */
const SPACING = 0.2;
const MOST_BYTES = 128 * 2 ** 20;

export function emptyMask(width: number, height: number): Mask {
  return { width, height, data: new Uint8Array(width * height) };
}

/** Return what lies inside the mask, of whole pixels; null if nothing does. */
export function clipped(mask: Mask, area: Area): Area | null {
  const left = Math.max(0, Math.floor(area.x));
  const top = Math.max(0, Math.floor(area.y));
  const right = Math.min(mask.width, Math.ceil(area.x + area.width));
  const bottom = Math.min(mask.height, Math.ceil(area.y + area.height));
  return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : null;
}

/** Paint a line of dabs and return the area that changed. Painting over itself does not darken. */
export function paintLine(
  mask: Mask,
  step: Step,
  from: [x: number, y: number],
  to: [x: number, y: number],
  brush: Brush,
): Area | null {
  const reach = brush.radius + 1;
  const area = clipped(mask, {
    x: Math.min(from[0], to[0]) - reach,
    y: Math.min(from[1], to[1]) - reach,
    width: Math.abs(to[0] - from[0]) + 2 * reach,
    height: Math.abs(to[1] - from[1]) + 2 * reach,
  });
  if (area === null) return null;
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const dabs = Math.max(1, Math.ceil(length / Math.max(0.5, brush.radius * SPACING)));
  for (let dab = length === 0 ? dabs : 0; dab <= dabs; dab += 1) {
    const share = dab / dabs;
    paintDab(mask, step, from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share, brush);
  }
  return area;
}

function paintDab(mask: Mask, step: Step, x: number, y: number, brush: Brush): void {
  const { radius, hardness, strength, erase } = brush;
  const area = clipped(mask, { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius });
  if (area === null) return;
  keep(mask, step, area);
  const solid = radius * Math.min(1, Math.max(0, hardness));
  // At least one pixel of edge, so that a hard brush is not jagged.
  const edge = Math.max(1, radius - solid);
  for (let row = area.y; row < area.y + area.height; row += 1) {
    const dy = row + 0.5 - y;
    let at = row * mask.width + area.x;
    for (let column = area.x; column < area.x + area.width; column += 1, at += 1) {
      const dx = column + 0.5 - x;
      const distance = Math.sqrt(dx * dx + dy * dy);
      const share = Math.min(1, (radius - distance) / edge);
      if (share <= 0) continue;
      const cover = Math.round(255 * strength * (share < 1 ? share * share * (3 - 2 * share) : 1));
      const present = mask.data[at] ?? 0;
      mask.data[at] = erase ? Math.min(present, 255 - cover) : Math.max(present, cover);
    }
  }
}

/** Set every pixel of a rectangle; returns the part that lies in the picture. */
export function paintRectangle(mask: Mask, step: Step, area: Area, value: number): Area | null {
  const inside = clipped(mask, area);
  if (inside === null) return null;
  keep(mask, step, inside);
  for (let row = inside.y; row < inside.y + inside.height; row += 1) {
    const at = row * mask.width + inside.x;
    mask.data.fill(value, at, at + inside.width);
  }
  return inside;
}

/** Mask what was free, and free what was masked. */
export function invert(mask: Mask, step: Step): Area {
  const all = whole(mask);
  keep(mask, step, all);
  for (let at = 0; at < mask.data.length; at += 1) mask.data[at] = 255 - (mask.data[at] ?? 0);
  return all;
}

export function whole(mask: Mask): Area {
  return { x: 0, y: 0, width: mask.width, height: mask.height };
}

/** Return how much of the picture is masked, from 0 to 1. */
export function coverage(mask: Mask): number {
  let sum = 0;
  for (const value of mask.data) sum += value;
  return mask.data.length === 0 ? 0 : sum / (255 * mask.data.length);
}

// ---- undo ----------------------------------------------------------------------------------------------------

export function newStep(): Step {
  return { tiles: new Map() };
}

/** Exchange a step's tiles with the mask's: undoes it, and done again redoes it. Returns the area that changed. */
export function swap(mask: Mask, step: Step): Area | null {
  let [left, top, right, bottom] = [mask.width, mask.height, 0, 0];
  for (const [tile, kept] of step.tiles) {
    const area = tileArea(mask, tile);
    step.tiles.set(tile, copyOf(mask, area));
    for (let row = 0; row < area.height; row += 1) {
      const line = kept.subarray(row * area.width, (row + 1) * area.width);
      mask.data.set(line, (area.y + row) * mask.width + area.x);
    }
    left = Math.min(left, area.x);
    top = Math.min(top, area.y);
    right = Math.max(right, area.x + area.width);
    bottom = Math.max(bottom, area.y + area.height);
  }
  return right > left ? { x: left, y: top, width: right - left, height: bottom - top } : null;
}

/** Return the steps with one more; the oldest go when together they are too large. A step that changed nothing does not count. */
export function withStep(steps: readonly Step[], step: Step): Step[] {
  if (step.tiles.size === 0) return [...steps];
  const next = [...steps, step];
  let bytes = 0;
  for (let at = next.length - 1; at >= 0; at -= 1) {
    for (const tile of next[at]?.tiles.values() ?? []) bytes += tile.length;
    if (bytes > MOST_BYTES && at < next.length - 1) return next.slice(at + 1);
  }
  return next;
}

/** Copy the tiles of an area into the step, those that it does not have yet. */
function keep(mask: Mask, step: Step, area: Area): void {
  const across = Math.ceil(mask.width / TILE);
  for (let y = Math.floor(area.y / TILE); y * TILE < area.y + area.height; y += 1) {
    for (let x = Math.floor(area.x / TILE); x * TILE < area.x + area.width; x += 1) {
      const tile = y * across + x;
      if (!step.tiles.has(tile)) step.tiles.set(tile, copyOf(mask, tileArea(mask, tile)));
    }
  }
}

function tileArea(mask: Mask, tile: number): Area {
  const across = Math.ceil(mask.width / TILE);
  const [x, y] = [(tile % across) * TILE, Math.floor(tile / across) * TILE];
  return { x, y, width: Math.min(TILE, mask.width - x), height: Math.min(TILE, mask.height - y) };
}

function copyOf(mask: Mask, area: Area): Uint8Array {
  const copy = new Uint8Array(area.width * area.height);
  for (let row = 0; row < area.height; row += 1) {
    const at = (area.y + row) * mask.width + area.x;
    copy.set(mask.data.subarray(at, at + area.width), row * area.width);
  }
  return copy;
}
