// Where everything on a node lies: rows of sockets, widgets, the picture. Page and canvas both draw from this, so that
// wires end at sockets without measuring. Coordinates count from the outer top left, the title bar included. Pure.

import { type Sockets, socketsOf } from "./sockets";
import type { InputSpec, NodeType, WidgetSpec } from "./spec";
import type { Box, DocNode, Point } from "./types";
import { NOTE_TYPES, REROUTE_TYPE } from "./types";

/** Height of the title bar, which lies above a node's position. */
export const TITLE = 30;
/** Height of a row with sockets only, and of a widget of one line. */
export const SLOT = 20;
export const WIDGET = 24;
/** Between widgets, and around everything. */
export const GAP = 4;
export const PAD = 8;
/** Least height of a text of several lines, and of a picture. */
export const LINES = 88;
export const PICTURE = 220;
const SMALL_PICTURE = 120;
export const MIN_WIDTH = 140;
/** Least height of a value shown as JSON. */
const JSON_LINES = 48;
const LETTER = 7.5;
const [NARROW, CHOICE_WIDTH, TEXT_WIDTH, WIDEST] = [210, 270, 400, 460];
const COLLAPSED_WIDTH = 160;
export const REROUTE_WIDTH = 40;
export const REROUTE_HEIGHT = 26;

export interface NodeLayout {
  width: number;
  /** With the title. */
  height: number;
  /** Height of the title bar; 0 for nodes without one. */
  title: number;
  inputs: { name: string; x: number; y: number }[];
  outputs: { index: number; x: number; y: number }[];
  widgets: { name: string; y: number; height: number }[];
  picture: { y: number; height: number } | null;
}

export interface LayoutOptions {
  /** There is a picture to be shown at the bottom. */
  picture?: boolean;
  /** What `socketsOf` gave with the wires that are there; asked without them when left out. */
  sockets?: Sockets;
}

/** Return the layout of a node; it is never smaller than its content, and takes the size the user gave beyond that. */
export function layoutNode(node: DocNode, type: NodeType | undefined, options: LayoutOptions = {}): NodeLayout {
  const sockets = options.sockets ?? socketsOf(node, type);
  if (node.type === REROUTE_TYPE) return dot(sockets);
  const width = Math.max(node.size[0], MIN_WIDTH);
  if (node.collapsed) return collapsed(node, type, sockets);
  if (NOTE_TYPES.includes(node.type)) return note(node, width, sockets);
  const wires = sockets.inputs.filter((socket) => socket.widget === undefined);
  const rows = Math.max(wires.length, sockets.outputs.length);
  const least = sockets.widgets.map((row) => leastHeight(row.input.widget));
  const body = bodyHeight(rows, least);
  const pictureLeast = options.picture ? SMALL_PICTURE + GAP : 0;
  const height = Math.max(node.size[1], body + pictureLeast);
  const spare = height - body - pictureLeast;
  // The picture takes what is left over; without one, texts of several lines share it.
  const tall = options.picture ? [] : sockets.widgets.filter((row) => grows(row.input.widget));
  const each = tall.length ? Math.floor(spare / tall.length) : 0;
  const inputs = new Map<string, number>();
  wires.forEach((socket, place) => {
    inputs.set(socket.name, TITLE + PAD + (place + 0.5) * SLOT);
  });
  const outputs = sockets.outputs.map((_, index) => ({ index, x: width, y: TITLE + PAD + (index + 0.5) * SLOT }));
  const widgets: NodeLayout["widgets"] = [];
  let y = TITLE + PAD + rows * SLOT + (rows && least.length ? GAP : 0);
  sockets.widgets.forEach((row, place) => {
    const own = (least[place] ?? WIDGET) + (tall.includes(row) ? each : 0);
    widgets.push({ name: row.name, y, height: own });
    inputs.set(row.name, y + WIDGET / 2);
    y += own + GAP;
  });
  const picture = options.picture ? { y, height: TITLE + height - PAD - y } : null;
  const placed = sockets.inputs.map(({ name, widget }) => ({
    name,
    x: 0,
    y: inputs.get(widget ?? name) ?? TITLE + PAD,
  }));
  return { width, height: TITLE + height, title: TITLE, inputs: placed, outputs, widgets, picture };
}

/** Return the outer box in graph coordinates. */
export function boxOf(node: DocNode, layout: NodeLayout): Box {
  return { x: node.pos[0], y: node.pos[1] - layout.title, width: layout.width, height: layout.height };
}

/** Return the size of the body at which a node of the type is comfortably readable: what a new node gets. */
export function minSize(node: DocNode, type: NodeType | undefined): Point {
  if (node.type === REROUTE_TYPE) return [REROUTE_WIDTH, REROUTE_HEIGHT];
  if (NOTE_TYPES.includes(node.type)) return [NARROW, LINES];
  const sockets = socketsOf(node, type);
  const left = longest(sockets.inputs.filter((socket) => socket.widget === undefined).map((socket) => socket.label));
  const right = longest(sockets.outputs.map((output) => output.name));
  const title = (node.title ?? type?.title ?? node.type).length + 3;
  let width = Math.max(NARROW, Math.max(title, left + right + 4) * LETTER);
  for (const row of sockets.widgets) {
    const widget = row.input.widget;
    if (widget.kind === "text" && widget.multiline) width = Math.max(width, TEXT_WIDTH);
    else if (widget.kind === "choice" || widget.kind === "file") width = Math.max(width, CHOICE_WIDTH);
    else width = Math.max(width, (row.label.length + 12) * LETTER);
  }
  const wires = sockets.inputs.filter((socket) => socket.widget === undefined).length;
  const least = sockets.widgets.map((row) => leastHeight(row.input.widget));
  const height = bodyHeight(Math.max(wires, sockets.outputs.length), least);
  return [Math.floor(Math.min(width, WIDEST) / 10) * 10, height + (type && showsPicture(type) ? PICTURE + GAP : 0)];
}

/** Return the least body to which a node may be made smaller by hand. */
export function leastSize(node: DocNode, type: NodeType | undefined, options: LayoutOptions = {}): Point {
  const layout = layoutNode({ ...node, size: [0, 0], collapsed: false }, type, options);
  return [layout.width, layout.height - layout.title];
}

/** Tell whether nodes of the type show a picture: one that they load, or one that they were made to show. */
export function showsPicture(type: NodeType): boolean {
  const loads = type.inputs.some((input: InputSpec) => input.widget?.kind === "file" && input.widget.picture);
  return (
    loads || (type.isOutput && type.inputs.some((input) => !input.widget && input.type.split(",").includes("IMAGE")))
  );
}

function bodyHeight(rows: number, widgets: number[]): number {
  const tall = widgets.reduce((sum, height) => sum + height + GAP, 0);
  const between = rows && widgets.length ? GAP : 0;
  return 2 * PAD + rows * SLOT + between + tall - (widgets.length ? GAP : 0);
}

function leastHeight(widget: WidgetSpec): number {
  if (widget.kind === "text" && widget.multiline) return LINES;
  return widget.kind === "json" ? JSON_LINES : WIDGET;
}

const grows = (widget: WidgetSpec): boolean => (widget.kind === "text" && widget.multiline) || widget.kind === "json";
const longest = (texts: string[]): number => texts.reduce((most, text) => Math.max(most, text.length), 0);

/** One row: all sockets at its ends. */
function collapsed(node: DocNode, type: NodeType | undefined, sockets: Sockets): NodeLayout {
  const letters = (node.title ?? type?.title ?? node.type).length;
  const width = Math.min(Math.max(80, letters * LETTER + 50), Math.max(node.size[0], COLLAPSED_WIDTH));
  const y = TITLE / 2;
  return {
    width,
    height: TITLE,
    title: TITLE,
    inputs: sockets.inputs.map(({ name }) => ({ name, x: 0, y })),
    outputs: sockets.outputs.map((_, index) => ({ index, x: width, y })),
    widgets: [],
    picture: null,
  };
}

function dot(sockets: Sockets): NodeLayout {
  const y = REROUTE_HEIGHT / 2;
  return {
    width: REROUTE_WIDTH,
    height: REROUTE_HEIGHT,
    title: 0,
    inputs: sockets.inputs.map(({ name }) => ({ name, x: 0, y })),
    outputs: sockets.outputs.map((_, index) => ({ index, x: REROUTE_WIDTH, y })),
    widgets: [],
    picture: null,
  };
}

function note(node: DocNode, width: number, sockets: Sockets): NodeLayout {
  const height = Math.max(node.size[1], WIDGET + 2 * PAD);
  const widgets = sockets.widgets.map((row) => ({ name: row.name, y: TITLE + PAD, height: height - 2 * PAD }));
  const inputs: NodeLayout["inputs"] = [];
  return { width, height: TITLE + height, title: TITLE, inputs, outputs: [], widgets, picture: null };
}
