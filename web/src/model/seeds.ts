// What the seeds of the next run become. Drawn before the run and put into the document, so that the number shown is the
// number used. Numbers are drawn below 2^53, which this language holds exactly; larger ones that a file brings are texts
// (see `parseJson`) and counted exactly. Changes nothing itself.

import { linksInto } from "./graph";
import { currentValue, typeOf } from "./kinds";
import type { InputSpec, NodeTypes } from "./spec";
import type { Doc, DocNode, Json, Layer, LayerKey, NodeId, NodePath, SeedControl, Sub } from "./types";
import { MODE, ROOT, SUB_INPUT } from "./types";

/** A value to be set: `path` tells the node as runs do, `layer` and `id` where it stands in the document. */
export interface DrawnSeed {
  path: NodePath;
  layer: LayerKey;
  id: NodeId;
  widget: string;
  value: Json;
}

interface Seat {
  layer: LayerKey;
  node: DocNode;
  input: InputSpec;
  path: NodePath;
}

/**
 * Return the new values of all seeds that are to change. `random` gives numbers from 0 to below 1. Seeds that a wire
 * feeds and those of nodes that will not run stay. A seed inside a subgraph is drawn once for all of its instances,
 * unless an instance has a value of its own.
 */
export function drawSeeds(doc: Doc, types: NodeTypes, random: () => number): DrawnSeed[] {
  const found = new Map<string, DrawnSeed>();
  const entered = new Set<string>();
  const walk = (layer: Layer, key: LayerKey, prefix: string): void => {
    for (const node of Object.values(layer.nodes)) {
      if (node.mode === MODE.muted || node.mode === MODE.bypassed) continue;
      const linked = new Set(linksInto(layer, node.id).map((link) => link.input));
      const path = prefix + node.id;
      for (const input of typeOf(doc, node, types)?.inputs ?? []) {
        if (input.widget?.kind !== "int" || !input.widget.control || linked.has(input.name)) continue;
        const seat = { layer: key, node, input, path };
        const end = doc.subs[node.type] ? innermost(doc, types, seat) : seat;
        const own = node.values[input.name] !== undefined || end === null ? seat : end;
        const control = node.control?.[input.name] ?? end?.node.control?.[end.input.name] ?? "fixed";
        const name = `${own.layer} ${own.node.id} ${own.input.name}`;
        const value = found.has(name) ? undefined : nextOf(own, control, random);
        if (value === undefined) continue;
        found.set(name, { path: own.path, layer: own.layer, id: own.node.id, widget: own.input.name, value });
      }
      const sub = doc.subs[node.type];
      if (!sub || entered.has(sub.id)) continue;
      entered.add(sub.id);
      walk(sub, sub.id, `${path}:`);
    }
  };
  walk(doc.root, ROOT, "");
  return [...found.values()];
}

/** Return the widget inside a subgraph that an instance's input shows; it may be shown through further instances. */
function innermost(doc: Doc, types: NodeTypes, seat: Seat): Seat | null {
  let at: Seat | null = seat;
  const seen = new Set<string>();
  while (at && doc.subs[at.node.type]) {
    const sub = doc.subs[at.node.type] as Sub;
    if (seen.has(sub.id)) return null;
    seen.add(sub.id);
    at = within(doc, types, at, sub);
    // An instance on the way that has a value of its own stands before what is deeper inside.
    if (at?.node.values[at.input.name] !== undefined) break;
  }
  return at;
}

function within(doc: Doc, types: NodeTypes, seat: Seat, sub: Sub): Seat | null {
  const place = sub.inputs.findIndex((slot) => slot.name === seat.input.name);
  const ends: [NodeId, string][] = [];
  if (place >= 0) {
    for (const link of Object.values(sub.links)) {
      if (link.from === SUB_INPUT && link.out === place) ends.push([link.to, link.input]);
    }
  } else {
    ends.push(...(seat.node.shown ?? []).filter(([inner, widget]) => `${inner}:${widget}` === seat.input.name));
  }
  for (const [id, name] of ends) {
    const node = sub.nodes[id];
    const input = node && typeOf(doc, node, types)?.inputs.find((entry) => entry.name === name);
    if (node && input?.widget?.kind === "int") return { layer: sub.id, node, input, path: `${seat.path}:${id}` };
  }
  return null;
}

function nextOf(seat: Seat, control: SeedControl, random: () => number): Json | undefined {
  const { widget } = seat.input;
  if (widget?.kind !== "int" || control === "fixed") return undefined;
  const step = Math.max(1, Math.round(widget.step));
  if (control === "randomize") {
    const high = Math.min(widget.max, Number.MAX_SAFE_INTEGER);
    const low = Math.min(Math.max(widget.min, high < 0 ? Number.MIN_SAFE_INTEGER : 0), high);
    const count = Math.floor((high - low) / step) + 1;
    return low + Math.min(Math.floor(random() * count), count - 1) * step;
  }
  const now = exact(currentValue(seat.node, seat.input));
  if (now === null) return undefined;
  const next = now + BigInt(control === "increment" ? step : -step);
  const [min, max] = [BigInt(widget.min), limit(widget.max)];
  const kept = next < min ? min : next > max ? max : next;
  return kept === now ? undefined : asJson(kept);
}

/** The greatest number of 64 bits is told one too large, as this language rounds it. */
const limit = (max: number): bigint => (max >= 2 ** 63 ? BigInt(max) - 1n : BigInt(max));

function exact(value: Json): bigint | null {
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : null;
}

const asJson = (value: bigint): Json => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value));
