// A node gets another type and keeps what fits: values by name, links by name and else by type. Used for types that
// are missing and for changing one's mind. Knows no store.

import { dropUnused, refuseRing } from "./definitions";
import { need, needNode, rows } from "./draft";
import { fits } from "./graph";
import type { NodeType } from "./spec";
import type { Doc, DocNode, Json, LayerKey, Link, NodeId, SeedControl } from "./types";
import { removeLinks } from "./wires";

const CONTROLS: readonly Json[] = ["fixed", "increment", "decrement", "randomize"];

/** Give a node another type. Values and links for which the type has no place go. */
export function replaceType(doc: Doc, layer: LayerKey, id: NodeId, type: NodeType): void {
  const at = need(doc, layer);
  const node = needNode(at, id);
  refuseRing(doc, layer, type.id);
  const lost: string[] = [];
  const entering = rows(at.links).filter((link) => link.to === id);
  const leaving = rows(at.links).filter((link) => link.from === id);
  const taken = new Set<string>();
  const open: Readonly<Link>[] = [];
  for (const link of entering) {
    const input = type.inputs.find((one) => one.name === link.input);
    if (input !== undefined && fits(input.type, link.type)) taken.add(link.input);
    else if (isRepeated(type, link.input) && fits(type.repeat?.type ?? "*", link.type)) taken.add(link.input);
    else open.push(link);
  }
  for (const link of open) {
    const free = type.inputs.filter((one) => !taken.has(one.name) && fits(one.type, link.type));
    const input = free.find((one) => one.type === link.type) ?? free.find((one) => one.widget === null) ?? free[0];
    if (input === undefined) lost.push(link.id);
    else {
      taken.add(input.name);
      (at.links[link.id] as Link).input = input.name;
    }
  }
  const moves: [string, number, string][] = [];
  for (const link of leaving) {
    const name = node.outputs[link.out]?.name;
    const places = [type.outputs.findIndex((one) => one.name === name), link.out];
    const suits = (place: number) => fits(link.type, type.outputs[place]?.type ?? "\0");
    const place = places.find(suits) ?? type.outputs.findIndex((_one, number) => suits(number));
    if (place < 0) lost.push(link.id);
    else moves.push([link.id, place, type.outputs[place]?.type ?? "*"]);
  }
  for (const [link, out, given] of moves) {
    const moved = at.links[link] as Link;
    if (moved.out !== out) moved.out = out;
    if (given !== "*" && moved.type !== given) moved.type = given;
  }
  removeLinks(at, lost);
  takeValues(node, type);
  const old = node.type;
  node.type = type.id;
  node.inputs = node.inputs.filter((slot) => type.inputs.some((one) => one.name === slot.name));
  node.outputs = type.outputs.map((output, place) => {
    const slot = node.outputs[place];
    return slot?.name === output.name && slot.type === output.type ? slot : { name: output.name, type: output.type };
  });
  dropUnused(doc, [old]);
}

function isRepeated(type: NodeType, name: string): boolean {
  if (type.repeat === null) return false;
  const [before = "", after = ""] = type.repeat.pattern.split("{n}");
  if (type.repeat.pattern === "*") return true;
  const middle = name.slice(before.length, name.length - after.length);
  return name.startsWith(before) && name.endsWith(after) && /^\d+$/.test(middle);
}

/** Keep the values that the type has widgets for; values without names are taken in the order of its widgets. */
function takeValues(node: DocNode, type: NodeType): void {
  const widgets = type.inputs.filter((input) => input.widget !== null);
  const values: Record<string, Json> = {};
  const control: Record<string, SeedControl> = {};
  const list = Array.isArray(node.unnamed) ? [...node.unnamed] : [];
  for (const input of widgets) {
    const given = node.values[input.name] ?? list.shift();
    if (given !== undefined && given !== null) values[input.name] = given;
    const kept = node.control?.[input.name];
    const listed = input.widget?.kind === "int" && input.widget.control && CONTROLS.includes(list[0] ?? null);
    const found = kept ?? (listed ? (list.shift() as SeedControl) : undefined);
    if (found !== undefined) control[input.name] = found;
  }
  node.values = values;
  delete node.unnamed;
  delete node.shown;
  if (Object.keys(control).length > 0) node.control = control;
  else delete node.control;
}
