// Which things are near: a grid of tiles over the graph that answers "what may lie in this box", and the choice of
// nodes that get elements of their own. Nodes enter and leave the page a few at a time, so that no frame pays for many.
// Knows boxes and ids, not what they belong to.

import type { Box } from "../model/types";
import type { View } from "../store/shapes";

/** Side of a tile, in graph pixels; also how far the view may move before the near set is looked at again. */
export const TILE = 600;
/** How far outside the view nodes are kept on the page, in graph pixels. */
const MARGIN = 240;
/** Below this zoom no node has elements: boxes are painted instead. */
export const FAR = 0.35;
/** Tiles are numbered from here, so that a pair of numbers makes one. */
const HALF = 1 << 20;

export function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

export function contains(box: Box, x: number, y: number): boolean {
  return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
}

/** The box that holds both points. */
export function between(x0: number, y0: number, x1: number, y1: number): Box {
  return { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) };
}

/** The smallest box around all, or null when there is none. */
export function around(boxes: Iterable<Box>): Box | null {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const box of boxes) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.width);
    bottom = Math.max(bottom, box.y + box.height);
  }
  return left > right ? null : { x: left, y: top, width: right - left, height: bottom - top };
}

export function grown(box: Box, by: number): Box {
  return { x: box.x - by, y: box.y - by, width: box.width + 2 * by, height: box.height + 2 * by };
}

/** The part of the graph that is seen. */
export function seenBox(view: View, width: number, height: number): Box {
  return { x: -view.x / view.zoom, y: -view.y / view.zoom, width: width / view.zoom, height: height / view.zoom };
}

/** Finds by place. A thing may be put with several boxes (a long link takes those along its curve). */
export class Tiles {
  private readonly tiles = new Map<number, string[]>();
  private readonly places = new Map<string, number[]>();

  put(id: string, boxes: readonly Box[]): void {
    this.remove(id);
    const keys: number[] = [];
    for (const box of boxes) {
      const right = Math.floor((box.x + box.width) / TILE);
      const bottom = Math.floor((box.y + box.height) / TILE);
      for (let column = Math.floor(box.x / TILE); column <= right; column++) {
        for (let row = Math.floor(box.y / TILE); row <= bottom; row++) {
          const key = (column + HALF) * 2 * HALF + row + HALF;
          if (keys.includes(key)) continue;
          keys.push(key);
          const tile = this.tiles.get(key);
          if (tile === undefined) this.tiles.set(key, [id]);
          else tile.push(id);
        }
      }
    }
    this.places.set(id, keys);
  }

  remove(id: string): void {
    for (const key of this.places.get(id) ?? []) {
      const tile = this.tiles.get(key);
      if (tile === undefined) continue;
      const place = tile.indexOf(id);
      const last = tile.pop() as string;
      if (last !== id) tile[place] = last;
      if (tile.length === 0) this.tiles.delete(key);
    }
    this.places.delete(id);
  }

  clear(): void {
    this.tiles.clear();
    this.places.clear();
  }

  /** Ids of everything that may touch the box: those of the tiles that it touches. */
  query(box: Box): Iterable<string> {
    const left = Math.floor(box.x / TILE);
    const top = Math.floor(box.y / TILE);
    const right = Math.floor((box.x + box.width) / TILE);
    const bottom = Math.floor((box.y + box.height) / TILE);
    if ((right - left + 1) * (bottom - top + 1) > this.tiles.size) return this.places.keys();
    const found = new Set<string>();
    for (let column = left; column <= right; column++) {
      for (let row = top; row <= bottom; row++) {
        const tile = this.tiles.get((column + HALF) * 2 * HALF + row + HALF);
        if (tile !== undefined) for (const id of tile) found.add(id);
      }
    }
    return found;
  }
}

/** Return the tiles that the view and its margin touch, as text: when it is the same, the near set is the same. */
export function tilesOf(view: View, width: number, height: number): string {
  const box = grown(seenBox(view, width, height), MARGIN);
  return [box.x, box.y, box.x + box.width, box.y + box.height].map((edge) => Math.floor(edge / (TILE / 4))).join(" ");
}

/** Ids of nodes near the view, the nearest to its middle first. */
export function nearNodes(
  tiles: Tiles,
  boxes: (id: string) => Box | undefined,
  view: View,
  width: number,
  height: number,
): string[] {
  if (view.zoom < FAR) return [];
  const box = grown(seenBox(view, width, height), MARGIN);
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2;
  const found: { id: string; distance: number }[] = [];
  for (const id of tiles.query(box)) {
    const own = boxes(id);
    if (own === undefined || !overlaps(own, box)) continue;
    found.push({ id, distance: Math.hypot(own.x + own.width / 2 - x, own.y + own.height / 2 - y) });
  }
  found.sort((a, b) => a.distance - b.distance);
  return found.map((one) => one.id);
}

/**
 * Return the next set of nodes on the page: those of `now` that are still wanted, and at most `most` new ones.
 * Returns `now` itself when nothing changes.
 */
export function stepNear(now: ReadonlySet<string>, wanted: readonly string[], most: number): ReadonlySet<string> {
  const all = new Set(wanted);
  const next = new Set<string>();
  // Those that stay keep their order: elements that change places would be taken out and put in again.
  for (const id of now) if (all.has(id)) next.add(id);
  const kept = next.size;
  for (const id of wanted) {
    if (next.size - kept >= most) break;
    next.add(id);
  }
  return next.size === kept && kept === now.size ? now : next;
}
