// Documents for tests of the model: a few node types, random documents and edits from a seed, what must hold of every
// document, and what a document runs. Knows operations and definitions; asks no server.

import { asText, cut, fromText, paste } from "../src/model/fragment";
import * as ops from "../src/model/ops";
import type { NodeType, NodeTypes } from "../src/model/spec";
import * as sub from "../src/model/subgraph";
import type { Doc, DocNode, Item, Layer, LayerKey, NodeId, Point } from "../src/model/types";
import { emptyDoc, layerOf, MODE, REROUTE_TYPE, ROOT, SUB_INPUT, SUB_OUTPUT } from "../src/model/types";

const base: Omit<NodeType, "id" | "title" | "inputs" | "outputs"> = {
  category: "test",
  description: "",
  isOutput: false,
  deprecated: false,
  experimental: false,
  aliases: [],
  repeat: null,
  formerIds: [],
  pack: "",
};

const INT = { kind: "int", min: 0, max: 100, step: 1, control: true, seed: true } as const;

/** Describe a node type: inputs and outputs as "name:TYPE", widgets with a star at the end. */
export function nodeType(id: string, inputs: string[], outputs: string[]): NodeType {
  return {
    ...base,
    id,
    title: id,
    inputs: inputs.map((text) => {
      const [name = "", type = ""] = text.replace("*", "").split(":");
      const widget = text.endsWith("*") ? INT : null;
      return { name, type, required: !widget, widget, default: widget ? 0 : undefined, tooltip: "" };
    }),
    outputs: outputs.map((text) => {
      const [name = "", type = ""] = text.split(":");
      return { name, type, isList: false, tooltip: "" };
    }),
  };
}

export const TYPES: NodeTypes = new Map(
  [
    nodeType("Load", ["name:INT*"], ["model:MODEL", "clip:CLIP", "vae:VAE"]),
    nodeType("Encode", ["clip:CLIP", "text:INT*"], ["cond:COND"]),
    nodeType(
      "Sample",
      ["model:MODEL", "positive:COND", "negative:COND", "latent:LATENT", "seed:INT*"],
      ["latent:LATENT"],
    ),
    nodeType("Decode", ["latent:LATENT", "vae:VAE"], ["image:IMAGE", "mask:MASK"]),
    nodeType("Mix", ["one:IMAGE", "two:IMAGE,MASK", "amount:INT*"], ["image:IMAGE"]),
    nodeType("Number", ["value:INT*"], ["int:INT"]),
  ].map((type) => [type.id, type]),
);

export function newNode(type: string, pos: Point = [0, 0]): Omit<DocNode, "id"> {
  const isReroute = type === REROUTE_TYPE;
  const values = Object.fromEntries(
    (TYPES.get(type)?.inputs ?? []).filter((one) => one.widget).map(({ name }) => [name, 0]),
  );
  return {
    type,
    pos,
    size: [200, 100],
    mode: MODE.always,
    inputs: isReroute ? [{ name: "", type: "*" }] : [],
    outputs: isReroute ? [{ name: "", type: "*" }] : [],
    values,
  };
}

export type Random = () => number;

/** Return numbers from 0 to 1 that are the same for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const pick = <T>(random: Random, list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
const some = <T>(random: Random, list: readonly T[], most: number): T[] => {
  const count = Math.ceil(random() * most);
  return [...new Set(Array.from({ length: count }, () => pick(random, list)))].filter((one) => one !== undefined);
};
const place = (random: Random): Point => [Math.floor(random() * 2000), Math.floor(random() * 1200)];

/** Inputs of a node by name with their types. */
function inputsOf(doc: Doc, node: DocNode): { name: string; type: string }[] {
  if (node.type === REROUTE_TYPE) return [{ name: "", type: "*" }];
  return doc.subs[node.type]?.inputs ?? TYPES.get(node.type)?.inputs ?? [];
}

function outputsOf(doc: Doc, node: DocNode): { type: string }[] {
  if (node.type === REROUTE_TYPE) return [{ type: node.outputs[0]?.type ?? "*" }];
  return doc.subs[node.type]?.outputs ?? TYPES.get(node.type)?.outputs ?? [];
}

/** Make a random link that closes no ring; nothing if the dice say so. */
export function linkAny(doc: Doc, layer: LayerKey, random: Random): void {
  const at = layerOf(doc, layer) as Layer;
  const inner = doc.subs[layer];
  const sources = [...Object.keys(at.nodes), ...(inner?.inputs.length ? [SUB_INPUT] : [])];
  const targets = [...Object.keys(at.nodes), ...(inner?.outputs.length ? [SUB_OUTPUT] : [])];
  const [from, to] = [pick(random, sources), pick(random, targets)];
  if (from === undefined || to === undefined) return;
  const given = from === SUB_INPUT ? (inner?.inputs ?? []) : outputsOf(doc, at.nodes[from] as DocNode);
  const wanted = to === SUB_OUTPUT ? (inner?.outputs ?? []) : inputsOf(doc, at.nodes[to] as DocNode);
  const out = Math.floor(random() * given.length);
  const input = pick(random, wanted);
  if (given[out] === undefined || input === undefined || from === to || reaches(at, to, from)) return;
  const passed = Object.values(at.links).filter((link) => link.from === from && link.out === out && link.reroute);
  const reroute = random() < 0.3 ? pick(random, passed)?.reroute : undefined;
  ops.connect(doc, layer, { from, out, to, input: input.name, type: given[out].type }, reroute ? { reroute } : {});
}

function reaches(at: Layer, from: NodeId, to: NodeId): boolean {
  const waiting = [from];
  const seen = new Set<NodeId>();
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (id === to) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    for (const link of Object.values(at.links)) if (link.from === id) waiting.push(link.to);
  }
  return false;
}

/** Change a document in some way; a refused edit throws, as it does for users. */
export function editAny(doc: Doc, random: Random): string {
  const layer = pick(random, [ROOT, ROOT, ...Object.keys(doc.subs)]) as LayerKey;
  const at = layerOf(doc, layer) as Layer;
  const ids = Object.keys(at.nodes);
  const id = pick(random, ids);
  const links = Object.keys(at.links);
  const link = pick(random, links);
  const hosts = ids.filter((one) => doc.subs[(at.nodes[one] as DocNode).type] !== undefined);
  const host = pick(random, hosts);
  const definition = pick(random, Object.keys(doc.subs));
  const items: Item[] = [
    ...some(random, ids, 5).map((one): Item => ({ kind: "node", id: one })),
    ...some(random, Object.keys(at.reroutes), 2).map((one): Item => ({ kind: "reroute", id: one })),
    ...some(random, Object.keys(at.groups), 1).map((one): Item => ({ kind: "group", id: one })),
  ];
  const crowded = ids.length > 30 || Object.keys(doc.subs).length > 14;
  const kinds: [name: string, weight: number, work: () => unknown][] = [
    [
      "add",
      crowded ? 1 : 12,
      () => ops.addNode(doc, layer, newNode(pick(random, [...TYPES.keys(), REROUTE_TYPE]) as string, place(random))),
    ],
    ["link", 25, () => linkAny(doc, layer, random)],
    [
      "remove",
      crowded ? 25 : 3,
      () => ops.removeNodes(doc, layer, some(random, ids, crowded ? 15 : 2), { reconnect: random() < 0.5 }),
    ],
    ["move", 4, () => ops.moveNodes(doc, layer, place(random), some(random, ids, 5))],
    [
      "place",
      2,
      () => ops.setPos(doc, layer, Object.fromEntries(some(random, ids, 5).map((one) => [one, place(random)]))),
    ],
    ["size", 1, () => id && ops.resizeNode(doc, layer, id, place(random))],
    ["title", 1, () => id && ops.setTitle(doc, layer, id, random() < 0.5 ? "" : "Title")],
    ["mode", 2, () => ops.setMode(doc, layer, some(random, ids, 3), pick(random, [0, 2, 4]) as number)],
    ["collapse", 1, () => ops.setCollapsed(doc, layer, some(random, ids, 3), random() < 0.5)],
    ["pin", 1, () => ops.setPinned(doc, layer, some(random, ids, 1), random() < 0.3)],
    ["color", 1, () => ops.setColor(doc, layer, some(random, ids, 3), random() < 0.5 ? undefined : "#345")],
    [
      "value",
      6,
      () =>
        id && ops.setValue(doc, layer, id, pick(random, ["seed", "text", "name"]) as string, Math.floor(random() * 99)),
    ],
    [
      "control",
      1,
      () => id && ops.setControl(doc, layer, id, "seed", pick(random, ["fixed", "randomize"] as const) ?? "fixed"),
    ],
    ["disconnect", 3, () => ops.disconnect(doc, layer, some(random, links, 2))],
    [
      "group",
      2,
      () => ops.addGroup(doc, layer, { title: "G", box: { x: place(random)[0], y: 0, width: 500, height: 700 } }),
    ],
    ["ungroup", 1, () => items.map((item) => item.kind === "group" && ops.removeGroup(doc, layer, item.id))],
    [
      "move group",
      2,
      () =>
        items.map(
          (item) => item.kind === "group" && ops.moveGroup(doc, layer, item.id, place(random), { withMembers: true }),
        ),
    ],
    ["reroute", 6, () => link && ops.addReroute(doc, layer, link, place(random))],
    ["no reroute", 2, () => items.map((item) => item.kind === "reroute" && ops.removeReroute(doc, layer, item.id))],
    ["move reroute", 1, () => ops.moveReroutes(doc, layer, place(random), Object.keys(at.reroutes).slice(0, 2))],
    [
      "align",
      1,
      () =>
        ops.alignNodes(doc, layer, some(random, ids, 4), pick(random, ["left", "bottom", "center"] as const) ?? "top"),
    ],
    [
      "distribute",
      1,
      () => ops.distribute(doc, layer, some(random, ids, 5), random() < 0.5 ? "horizontal" : "vertical"),
    ],
    [
      "duplicate",
      crowded ? 0 : 2,
      () => ops.duplicate(doc, layer, items, { offset: [30, 30], withInputs: random() < 0.5 }),
    ],
    ["paste", crowded ? 0 : 2, () => pasteAny(doc, layer, items, random)],
    [
      "replace",
      2,
      () => id && ops.replaceType(doc, layer, id, TYPES.get(pick(random, [...TYPES.keys()]) as string) as NodeType),
    ],
    ["make", Object.keys(doc.subs).length > 12 ? 0 : 3, () => sub.makeSubgraph(doc, layer, items, TYPES, "Sub")],
    ["unpack", 3, () => host && sub.unpack(doc, layer, host)],
    ["copy definition", 1, () => host && sub.makeIndependent(doc, layer, host)],
    [
      "slot",
      2,
      () => definition && roomy(doc, definition) && sub.addSubInput(doc, definition, { name: "more", type: "INT" }),
    ],
    [
      "slot out",
      2,
      () => definition && roomy(doc, definition) && sub.addSubOutput(doc, definition, { name: "more", type: "IMAGE" }),
    ],
    [
      "rename slot",
      2,
      () =>
        slotAny(doc, definition, random, (side, slot) =>
          sub.renameSubSlot(doc, definition as string, side, slot, pick(random, ["a", "b", "image"]) as string),
        ),
    ],
    [
      "remove slot",
      2,
      () => slotAny(doc, definition, random, (side, slot) => sub.removeSubSlot(doc, definition as string, side, slot)),
    ],
    ["show", 4, () => host && showAny(doc, layer, host, random)],
    [
      "hide",
      1,
      () =>
        host &&
        (at.nodes[host] as DocNode).shown
          ?.slice(0, 1)
          .map(([inner, widget]) => sub.hideWidget(doc, layer, host, inner, widget)),
    ],
    [
      "another instance",
      crowded ? 0 : 2,
      () => definition && ops.addNode(doc, layer, { ...newNode(definition, place(random)) }),
    ],
  ];
  let dice = random() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight, work] of kinds) {
    dice -= weight;
    if (dice >= 0) continue;
    work();
    return name;
  }
  return "";
}

function pasteAny(doc: Doc, layer: LayerKey, items: Item[], random: Random): void {
  const fragment = fromText(asText(cut(doc, layer, items)));
  if (fragment === null) throw new Error("our own text is not read");
  // Now and then a definition of the same id that says something else, as from another document.
  if (random() < 0.4) for (const one of fragment.subs) one.name = `${one.name} other`;
  const target = pick(random, [ROOT, layer, ...Object.keys(doc.subs)]) as LayerKey;
  paste(doc, target, fragment, place(random), { inputs: random() < 0.5 });
}

/** Slots that are added are more than those that go: without a limit they would be all that there is. */
function roomy(doc: Doc, id: string): boolean {
  return (doc.subs[id]?.inputs.length ?? 0) < 6 && (doc.subs[id]?.outputs.length ?? 0) < 6;
}

function slotAny(doc: Doc, id: string | undefined, random: Random, work: (side: sub.Side, slot: string) => void): void {
  const side = random() < 0.5 ? "input" : "output";
  const slot = pick(random, (id && doc.subs[id]?.[side === "input" ? "inputs" : "outputs"]) || []);
  if (slot) work(side, slot.id);
}

function showAny(doc: Doc, layer: LayerKey, host: NodeId, random: Random): void {
  const definition = doc.subs[layerOf(doc, layer)?.nodes[host]?.type ?? ""];
  const inner = pick(random, Object.values(definition?.nodes ?? {}));
  const widget = pick(random, inner ? shownNames(doc, inner) : []);
  if (inner && widget) sub.exposeWidget(doc, layer, host, inner.id, widget);
}

function shownNames(doc: Doc, node: DocNode): string[] {
  const own = (doc.subs[node.type] ? [] : (TYPES.get(node.type)?.inputs ?? []))
    .filter((one) => one.widget)
    .map(({ name }) => name);
  return [...own, ...(node.shown ?? []).map(([inner, widget]) => `${inner}:${widget}`)];
}

/** Return a document of random nodes, links and subgraphs. */
export function anyDoc(seed: number, edits: number): Doc {
  const random = randomFrom(seed);
  const doc = emptyDoc("doc");
  for (let number = 0; number < edits; number += 1) attempt(doc, random);
  return doc;
}

/** Make a random edit of a plain document; one that is refused leaves it as it was. */
export function attempt(doc: Doc, random: Random): string {
  const copy = structuredClone(doc);
  try {
    const name = editAny(copy, random);
    Object.assign(doc, copy);
    return name;
  } catch (error) {
    if ((error as Error).name !== "EditError") throw error;
    return "refused";
  }
}
