// The document as the editor holds it: layers of nodes, links, groups and reroutes, all by id, widget values by name.
// Plain data that can be put into JSON as it is; what a file holds beyond this stands in `rest` and is written back.
// Knows no React, no server and no node type.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Ids are texts, also where files have numbers; unique within a layer. */
export type NodeId = string;
export type LinkId = string;
export type GroupId = string;
export type RerouteId = string;
/** Which layer of a document: "" for the root, else the id of a subgraph's definition. */
export type LayerKey = string;
/** A node as runs name it: ids from the root's subgraph node down to the node, joined by ":" ("12:7:3"). */
export type NodePath = string;
export type Point = [x: number, y: number];
export type Box = { x: number; y: number; width: number; height: number };

export const ROOT: LayerKey = "";
/** Ends of links inside a subgraph that stand for its own inputs and outputs; ComfyUI's numbers. */
export const SUB_INPUT: NodeId = "-10";
export const SUB_OUTPUT: NodeId = "-20";

/** When a node takes part in a run: always, never (and nothing that needs it), or stepped over. ComfyUI's numbers. */
export const MODE = { always: 0, muted: 2, bypassed: 4 } as const;

/** Node kinds of ComfyUI's file format that exist only in editors. */
export const NOTE_TYPES: readonly string[] = ["Note", "MarkdownNote"];
export const REROUTE_TYPE = "Reroute";
export const PRIMITIVE_TYPE = "PrimitiveNode";
export const VIRTUAL_TYPES: readonly string[] = [...NOTE_TYPES, REROUTE_TYPE, PRIMITIVE_TYPE];

/** What becomes of a seed before the next run. */
export type SeedControl = "fixed" | "increment" | "decrement" | "randomize";

/** A socket as the file has it. For known node types the declaration counts and this only adds a label or `rest`. */
export interface Slot {
  name: string;
  type: string;
  label?: string;
  /** Set on an input that belongs to a widget: the widget's name. */
  widget?: string;
  rest?: JsonObject;
}

export interface DocNode {
  id: NodeId;
  /** A node type's id, the id of a subgraph's definition, or one of VIRTUAL_TYPES. */
  type: string;
  /** Only if it is not the type's own title. */
  title?: string;
  /** Top left of the body; the title bar lies above it, as in ComfyUI. */
  pos: Point;
  /** Of the body, without the title bar. */
  size: Point;
  mode: number;
  collapsed?: boolean;
  pinned?: boolean;
  color?: string;
  inputs: Slot[];
  outputs: Slot[];
  /** Widget values by name; a widget without an entry has its default. A note's text stands under "text". */
  values: Record<string, Json>;
  /** By widget: what becomes of a seed before the next run. */
  control?: Record<string, SeedControl>;
  /** Values that have no names because nobody declares the type; kept as they are. */
  unnamed?: Json;
  /** Of a subgraph node: widgets of inner nodes shown on it, in order (ComfyUI's `proxyWidgets`). */
  shown?: [inner: NodeId, widget: string][];
  rest?: JsonObject;
}

/** A wire. Sources are named by place, targets by name: that is how node types tell them apart. */
export interface Link {
  id: LinkId;
  from: NodeId;
  /** Place among the source's outputs; from SUB_INPUT: among the subgraph's inputs. */
  out: number;
  to: NodeId;
  /** The target's input; to SUB_OUTPUT: the name of the subgraph's output. */
  input: string;
  type: string;
  /** The reroute nearest to the target; that one names the one before it. */
  reroute?: RerouteId;
  rest?: JsonObject;
}

export interface Reroute {
  id: RerouteId;
  pos: Point;
  parent?: RerouteId;
  rest?: JsonObject;
}

export interface Group {
  id: GroupId;
  title: string;
  box: Box;
  color?: string;
  rest?: JsonObject;
}

export interface Layer {
  nodes: Record<NodeId, DocNode>;
  links: Record<LinkId, Link>;
  groups: Record<GroupId, Group>;
  reroutes: Record<RerouteId, Reroute>;
}

export interface SubSlot {
  id: string;
  name: string;
  type: string;
  label?: string;
  rest?: JsonObject;
}

/** A subgraph's definition; every node whose `type` is its id is an instance. */
export interface Sub extends Layer {
  id: string;
  name: string;
  inputs: SubSlot[];
  outputs: SubSlot[];
  /** Where the inner ends are drawn. */
  inputBox: Box;
  outputBox: Box;
  rest?: JsonObject;
}

export interface Doc {
  /** The workflow's own id, a UUID; stays the same over renames and copies of the file's content do not share it. */
  id: string;
  root: Layer;
  subs: Record<string, Sub>;
  /** Counters: ids are never used twice in a document. */
  lastNode: number;
  lastLink: number;
  lastGroup: number;
  lastReroute: number;
  /** The file's unknown root fields. */
  rest: JsonObject;
}

/** Something selected; links and groups and reroutes have ids of their own. */
export type Item =
  | { kind: "node"; id: NodeId }
  | { kind: "link"; id: LinkId }
  | { kind: "group"; id: GroupId }
  | { kind: "reroute"; id: RerouteId };

/** What stands in the way of a run, or went wrong in one; the record of the server's API. */
export interface Problem {
  code: string;
  node_id: NodePath | null;
  input: string | null;
  where: string;
  expected: string;
  got: string;
  fix: string;
  message: string;
}

/** What a conversion could not carry over. */
export interface Note {
  level: "info" | "warning" | "error";
  code: string;
  node: NodePath | null;
  type: string | null;
  text: string;
}

export function emptyLayer(): Layer {
  return { nodes: {}, links: {}, groups: {}, reroutes: {} };
}

export function emptyDoc(id: string): Doc {
  return { id, root: emptyLayer(), subs: {}, lastNode: 0, lastLink: 0, lastGroup: 0, lastReroute: 0, rest: {} };
}

/** Return the layer, or undefined when the document has no such subgraph (any more). */
export function layerOf(doc: Doc, key: LayerKey): Layer | undefined {
  return key === ROOT ? doc.root : doc.subs[key];
}
