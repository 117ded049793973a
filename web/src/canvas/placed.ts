// How a node, or an end of the subgraph shown, becomes a placed one: its type, sockets, layout and box. Knows the model
// and nothing of what else lies around.

import { t } from "../i18n";
import { boxOf, layoutNode, type NodeLayout, SLOT, TITLE } from "../model/layout";
import { type Sockets, socketsOf, typeOf } from "../model/nodetypes";
import type { NodeType, NodeTypes } from "../model/spec";
import { type Doc, type DocNode, type Layer, type Link, type NodeId, SUB_INPUT, type Sub } from "../model/types";
import type { Placed } from "./stage";

/** The socket of a subgraph's end that makes a new one. */
export const NEW_SLOT = "+";

/** What links there are at a node: names of inputs entered, places of outputs left. */
export interface Linked {
  into: readonly string[];
  out: ReadonlySet<number>;
}

export function placedNode(doc: Doc, types: NodeTypes, node: DocNode, pictured: boolean, linked: Linked): Placed {
  const type = typeOf(doc, node, types);
  const isSub = doc.subs[node.type] !== undefined;
  const sockets = socketsOf(node, type, linked.into);
  const layout = layoutNode(node, type, { picture: pictured || loadedFile(node, type) !== null, sockets });
  const box = boxOf(node, layout);
  return { id: node.id, node, type, sockets, layout, box, linked: linked.into, linkedOut: linked.out, isSub };
}

/** The same node with another size, while its corner is dragged. */
export function resized(placed: Placed, width: number, height: number): Placed {
  const node: DocNode = { ...placed.node, size: [width, height - placed.layout.title] };
  const layout = layoutNode(node, placed.type, { picture: placed.layout.picture !== null, sockets: placed.sockets });
  return { ...placed, node, layout, box: boxOf(node, layout) };
}

/** The file that a node loads and could show: its widget's folder and value. */
export function loadedFile(node: DocNode, type: NodeType | undefined): { value: string; folder: string } | null {
  for (const input of type?.inputs ?? []) {
    const value = node.values[input.name];
    if (input.widget?.kind === "file" && input.widget.picture && typeof value === "string" && value !== "") {
      return { value, folder: input.widget.folder };
    }
  }
  return null;
}

export const NONE: readonly string[] = [];
export const NO_OUTPUTS: ReadonlySet<number> = new Set();

export function sameNames<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((name, place) => name === other[place]);
}

/** Names of inputs that wires enter, and places of outputs that they leave, by node. */
export function linksAt(layer: Layer): { into: Map<NodeId, string[]>; out: Map<NodeId, Set<number>> } {
  const into = new Map<NodeId, string[]>();
  const out = new Map<NodeId, Set<number>>();
  for (const id in layer.links) {
    const link = layer.links[id] as Link;
    const names = into.get(link.to);
    if (names === undefined) into.set(link.to, [link.input]);
    else names.push(link.input);
    const places = out.get(link.from);
    if (places === undefined) out.set(link.from, new Set([link.out]));
    else places.add(link.out);
  }
  return { into, out };
}

/** The box for a subgraph's own inputs (which are outputs to the nodes inside) or outputs, laid out like a node. */
export function placedEnd(sub: Sub, id: NodeId): Placed {
  const inward = id === SUB_INPUT;
  const slots = inward ? sub.inputs : sub.outputs;
  const { x, y, width: asked } = inward ? sub.inputBox : sub.outputBox;
  const width = Math.max(120, asked);
  const at = (index: number) => TITLE + 4 + index * SLOT + SLOT / 2;
  const height = TITLE + 8 + (slots.length + 1) * SLOT;
  const named = [...slots.map((slot) => ({ name: slot.name, type: slot.type, label: slot.label ?? slot.name }))];
  named.push({ name: NEW_SLOT, type: "*", label: t("canvas.newSlot") });
  const sockets = {
    inputs: inward ? [] : named.map((slot) => ({ ...slot, required: false })),
    outputs: inward ? named.map((slot) => ({ name: slot.label, type: slot.type, isList: false, tooltip: "" })) : [],
    widgets: [],
  } as Sockets;
  const layout = {
    width,
    height,
    title: TITLE,
    inputs: inward ? [] : named.map((slot, index) => ({ name: slot.name, x: 0, y: at(index) })),
    outputs: inward ? named.map((_, index) => ({ index, x: width, y: at(index) })) : [],
    widgets: [],
    picture: null,
  } as NodeLayout;
  const node: DocNode = {
    id,
    type: id,
    pos: [x, y + TITLE],
    size: [width, height - TITLE],
    mode: 0,
    inputs: [],
    outputs: [],
    values: {},
  };
  return {
    id,
    node,
    type: undefined,
    sockets,
    layout,
    box: { x, y, width, height },
    linked: NONE,
    linkedOut: NO_OUTPUTS,
    isSub: false,
    end: sub,
  };
}
