// Tidying up: nodes in columns after what feeds them, in an order with few crossings, without overlaps; what is framed
// by a group stays together. Sizes come from the layouts. Changes nothing, draws nothing; no recursion.

import { index } from "./graph";
import { boxOf, type NodeLayout } from "./layout";
import type { Box, GroupId, Layer, NodeId, Point } from "./types";

/** Between columns, between nodes of a column, around the content of a group and above it for its title. */
const COLUMN = 60;
const ROW = 30;
const FRAME = 20;
const FRAME_TITLE = 36;
const SWEEPS = 8;

/** Something that is placed as one: a node, or a group with all that is in it. */
interface Block {
  id: string;
  width: number;
  height: number;
  /** Where the nodes in it lie, from its top left: the outer boxes, with their titles. */
  inside: { id: NodeId; x: number; y: number }[];
  order: number;
}

interface Wire {
  from: string;
  to: string;
}

/**
 * Return new positions of these nodes (all if left out), of nodes that have a layout. The drawing's top left stays
 * where it was.
 */
export function arrange(
  layer: Layer,
  ids: NodeId[] | undefined,
  layouts: Record<NodeId, NodeLayout>,
): Record<NodeId, Point> {
  const chosen = (ids ?? Object.keys(layer.nodes)).filter((id) => layer.nodes[id] && layouts[id]);
  const boxes = new Map(chosen.map((id) => [id, boxAt(layer, layouts, id)]));
  if (!boxes.size) return {};
  const owner = groupsOf(layer, boxes);
  const blocks = new Map<string, Block>();
  for (const [id, box] of boxes) {
    if (!owner.has(id)) blocks.set(id, single(id, box));
  }
  const members = new Map<string, NodeId[]>();
  for (const [id, group] of owner) members.set(group, [...(members.get(group) ?? []), id]);
  for (const [group, nodes] of members) {
    const parts = new Map(nodes.map((id) => [id, single(id, boxes.get(id) as Box)]));
    const placed = place(
      parts,
      wiresAmong(layer, (id) => (parts.has(id) ? id : undefined)),
    );
    blocks.set(`group ${group}`, framed(`group ${group}`, placed, parts, boxes));
  }
  const blockOf = (id: NodeId): string | undefined => {
    const group = owner.get(id);
    return group === undefined ? (boxes.has(id) ? id : undefined) : `group ${group}`;
  };
  const placed = place(blocks, wiresAmong(layer, blockOf));
  const left = Math.min(...[...boxes.values()].map((box) => box.x));
  const top = Math.min(...[...boxes.values()].map((box) => box.y));
  const tops: [NodeId, number, number][] = [];
  for (const [id, [x, y]] of placed) {
    for (const part of blocks.get(id)?.inside ?? []) tops.push([part.id, x + part.x, y + part.y]);
  }
  const [minX, minY] = [Math.min(...tops.map((entry) => entry[1])), Math.min(...tops.map((entry) => entry[2]))];
  const found: Record<NodeId, Point> = {};
  for (const [id, x, y] of tops) {
    found[id] = [Math.round(left + x - minX), Math.round(top + y - minY) + (layouts[id]?.title ?? 0)];
  }
  return found;
}

/**
 * Return the boxes of the groups after nodes moved to these positions: around what was in them before. Groups without
 * any of these nodes stay and are not named.
 */
export function arrangeGroups(
  layer: Layer,
  positions: Record<NodeId, Point>,
  layouts: Record<NodeId, NodeLayout>,
): Record<GroupId, Box> {
  const found: Record<GroupId, Box> = {};
  for (const group of Object.values(layer.groups)) {
    const inside = Object.keys(layouts).filter(
      (id) => layer.nodes[id] && isWithin(boxAt(layer, layouts, id), group.box),
    );
    if (!inside.some((id) => positions[id])) continue;
    const boxes = inside.map((id) => {
      const [box, pos] = [boxAt(layer, layouts, id), positions[id]];
      return pos ? { ...box, x: pos[0], y: pos[1] - (layouts[id]?.title ?? 0) } : box;
    });
    const x = Math.min(...boxes.map((box) => box.x)) - FRAME;
    const y = Math.min(...boxes.map((box) => box.y)) - FRAME_TITLE;
    const width = Math.max(...boxes.map((box) => box.x + box.width)) + FRAME - x;
    const height = Math.max(...boxes.map((box) => box.y + box.height)) + FRAME - y;
    found[group.id] = { x, y, width, height };
  }
  return found;
}

/** A node is in a group when the middle of its box is. */
function isWithin(box: Box, frame: Box): boolean {
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  return x >= frame.x && y >= frame.y && x <= frame.x + frame.width && y <= frame.y + frame.height;
}

function boxAt(layer: Layer, layouts: Record<NodeId, NodeLayout>, id: NodeId): Box {
  const node = layer.nodes[id];
  const layout = layouts[id];
  return node && layout ? boxOf(node, layout) : { x: 0, y: 0, width: 0, height: 0 };
}

/** Return which group each node is in: of several that frame it the largest, as the others lie in that. */
function groupsOf(layer: Layer, boxes: Map<NodeId, Box>): Map<NodeId, string> {
  const groups = Object.values(layer.groups).sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
  const found = new Map<NodeId, string>();
  for (const [id, box] of boxes) {
    const group = groups.find((one) => isWithin(box, one.box));
    if (group) found.set(id, group.id);
  }
  return found;
}

function wiresAmong(layer: Layer, blockOf: (id: NodeId) => string | undefined): Wire[] {
  const wires = new Map<string, Wire>();
  for (const links of index(layer).into.values()) {
    for (const link of links) {
      const [from, to] = [blockOf(link.from), blockOf(link.to)];
      if (from !== undefined && to !== undefined && from !== to) wires.set(`${from} ${to}`, { from, to });
    }
  }
  return [...wires.values()];
}

function single(id: NodeId, box: Box): Block {
  return { id, width: box.width, height: box.height, inside: [{ id, x: 0, y: 0 }], order: box.y + box.x / 1000 };
}

function framed(id: string, placed: Map<string, Point>, parts: Map<string, Block>, boxes: Map<NodeId, Box>): Block {
  const block: Block = { id, width: 0, height: 0, inside: [], order: Number.POSITIVE_INFINITY };
  for (const [part, [x, y]] of placed) {
    const { width, height } = parts.get(part) as Block;
    block.inside.push({ id: part, x: x + FRAME, y: y + FRAME_TITLE });
    block.width = Math.max(block.width, x + width + 2 * FRAME);
    block.height = Math.max(block.height, y + height + FRAME + FRAME_TITLE);
    const box = boxes.get(part);
    if (box) block.order = Math.min(block.order, box.y + box.x / 1000);
  }
  return block;
}

/** Return where each block stands, from 0, 0: its column by rank, its place in the column by what it is joined to. */
function place(blocks: Map<string, Block>, wires: Wire[]): Map<string, Point> {
  const columns = columnsOf(blocks, wires);
  untangle(columns, wires);
  const found = new Map<string, Point>();
  const heights = columns.map((column) => column.reduce((sum, id) => sum + size(blocks, id).height + ROW, -ROW));
  let x = 0;
  const feeding = neighbors(wires, (wire) => [wire.to, wire.from]);
  columns.forEach((column, number) => {
    const wished = column.map((id) => {
      const sources = (feeding.get(id) ?? []).filter((source) => found.has(source));
      const middles = sources.map((source) => (found.get(source)?.[1] ?? 0) + size(blocks, source).height / 2);
      return middles.length
        ? middles.reduce((sum, y) => sum + y, 0) / middles.length - size(blocks, id).height / 2
        : null;
    });
    // Each as near to the middle of what feeds it as those above and below let it.
    let least = 0;
    let rest = heights[number] ?? 0;
    const most = Math.max(...heights);
    column.forEach((id, row) => {
      const { height } = size(blocks, id);
      const y = Math.min(Math.max(least, wished[row] ?? least), Math.max(least, most - rest));
      found.set(id, [x, y]);
      least = y + height + ROW;
      rest -= height + ROW;
    });
    x += Math.max(...column.map((id) => size(blocks, id).width)) + COLUMN;
  });
  return found;
}

const size = (blocks: Map<string, Block>, id: string): Block => blocks.get(id) as Block;

/** Return the blocks by column, each right of what feeds it; wires that close a ring are passed over. */
function columnsOf(blocks: Map<string, Block>, wires: Wire[]): string[][] {
  const ids = [...blocks.values()].sort((a, b) => a.order - b.order).map((block) => block.id);
  const after = neighbors(wires, (wire) => [wire.from, wire.to]);
  const waiting = new Map(ids.map((id) => [id, 0]));
  for (const { to } of wires) waiting.set(to, (waiting.get(to) ?? 0) + 1);
  const fed = new Map(waiting);
  const rank = new Map(ids.map((id) => [id, 0]));
  const done = new Set<string>();
  const sorted: string[] = [];
  const ready = ids.filter((id) => waiting.get(id) === 0);
  let first = 0;
  while (sorted.length < ids.length) {
    let id = ready.shift();
    if (id === undefined) {
      while (done.has(ids[first] ?? "")) first++;
      id = ids[first] as string;
    }
    if (done.has(id)) continue;
    done.add(id);
    sorted.push(id);
    for (const next of after.get(id) ?? []) {
      if (done.has(next)) continue;
      rank.set(next, Math.max(rank.get(next) ?? 0, (rank.get(id) ?? 0) + 1));
      waiting.set(next, (waiting.get(next) ?? 0) - 1);
      if (waiting.get(next) === 0) ready.push(next);
    }
  }
  // What feeds more than it is fed by moves right, to shorten its wires.
  const place = new Map(sorted.map((id, number) => [id, number]));
  for (const id of sorted.reverse()) {
    const ahead = (after.get(id) ?? []).filter((next) => (place.get(next) ?? 0) > (place.get(id) ?? 0));
    if (ahead.length <= (fed.get(id) ?? 0)) continue;
    rank.set(id, Math.max(rank.get(id) ?? 0, Math.min(...ahead.map((next) => rank.get(next) ?? 0)) - 1));
  }
  const columns: string[][] = [];
  for (const id of ids) {
    const number = rank.get(id) ?? 0;
    while (columns.length <= number) columns.push([]);
    columns[number]?.push(id);
  }
  return columns.filter((column) => column.length > 0);
}

/** Order each column by the mean place of the neighbors, to and fro. Source: Sugiyama, Tagawa and Toda (1981). */
function untangle(columns: string[][], wires: Wire[]): void {
  const before = neighbors(wires, (wire) => [wire.to, wire.from]);
  const after = neighbors(wires, (wire) => [wire.from, wire.to]);
  const place = new Map<string, number>();
  const number = (column: string[]): void => {
    column.forEach((id, row) => {
      place.set(id, (row + 0.5) / column.length);
    });
  };
  for (const column of columns) number(column);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const joined = sweep % 2 ? after : before;
    for (const column of sweep % 2 ? [...columns].reverse() : columns) {
      const mean = new Map(
        column.map((id) => {
          const others = joined.get(id) ?? [];
          const sum = others.reduce((total, other) => total + (place.get(other) ?? 0), 0);
          return [id, others.length ? sum / others.length : (place.get(id) ?? 0)];
        }),
      );
      column.sort((a, b) => (mean.get(a) ?? 0) - (mean.get(b) ?? 0));
      number(column);
    }
  }
}

function neighbors(wires: Wire[], ends: (wire: Wire) => [string, string]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const wire of wires) {
    const [id, other] = ends(wire);
    const known = found.get(id);
    if (known) known.push(other);
    else found.set(id, [other]);
  }
  return found;
}
