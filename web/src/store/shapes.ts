// The shapes of the four stores: open documents, the view, node types, runs. Types only; each store is made in a file
// of its own. Components read them with narrow selectors, by node.

import type { Patch } from "immer";
import type { NodeTypes } from "../model/spec";
import type { Doc, Item, Json, LayerKey, NodeId, NodePath, Note, Point, Problem } from "../model/types";

// ---- documents -----------------------------------------------------------------------------------------------

/** One step of undo: the patches of a gesture, and what was selected around it. */
export interface Entry {
  label: string;
  at: number;
  forward: Patch[];
  backward: Patch[];
  before: Item[];
  after: Item[];
  layer: LayerKey;
  gesture?: string;
}

/** A file on the server that a document came from or was saved to; `revision` is what it was then. */
export interface FileRef {
  name: string;
  revision: string;
}

export interface OpenDoc {
  /** The tab's id; equals `doc.id`. */
  id: string;
  title: string;
  doc: Doc;
  past: Entry[];
  future: Entry[];
  file: FileRef | null;
  /** The number of the entry that was saved last; the document is changed when it differs from `edits`. */
  savedEdit: number;
  /** Counts entries made, undone and redone; never goes back. */
  edits: number;
  /** Another browser tab writes this document. */
  readOnly: boolean;
  report: Note[];
  missing: { type: string; nodes: NodePath[]; nearest: string[] }[];
}

export interface DocsState {
  order: string[];
  byId: Record<string, OpenDoc>;
  active: string | null;
}

// ---- view ----------------------------------------------------------------------------------------------------

export interface View {
  x: number;
  y: number;
  zoom: number;
}

export type PanelName =
  | "queue"
  | "gallery"
  | "nodes"
  | "workflows"
  | "models"
  | "templates"
  | "inspector"
  | "settings"
  | "training"
  | "keys";

/** Search for a node to add. `link`: only types that fit this end. */
export interface SearchRequest {
  at: Point;
  link?: { node: NodeId; output: number } | { node: NodeId; input: string };
}

export interface Dialog {
  kind: string;
  [key: string]: unknown;
}

export interface UiState {
  /** By tab: the subgraph nodes entered, from the root; empty at the root. */
  path: Record<string, NodeId[]>;
  selection: Record<string, Item[]>;
  /** By tab and layer, joined by a space. */
  views: Record<string, View>;
  panel: PanelName | null;
  search: SearchRequest | null;
  dialog: Dialog | null;
  /** Things said to the user, newest last; read out by screen readers. */
  toasts: {
    id: number;
    level: "info" | "warning" | "error";
    text: string;
    action?: { label: string; run: () => void };
  }[];
  canvas: CanvasHandle | null;
  mode: "select" | "hand";
  minimap: boolean;
  links: "shown" | "selected" | "hidden";
  /** Widget that should take the focus, with the problem to show there. */
  focus: { path: NodePath; input: string | null } | null;
}

/** What the rest of the editor may ask of the canvas. Screen points are CSS pixels of the window. */
export interface CanvasHandle {
  screenToGraph(point: Point): Point;
  graphToScreen(point: Point): Point;
  /** Show these nodes, or all. */
  fit(ids?: NodeId[]): void;
  /** Bring a point of the graph to the middle; `zoom` keeps the present one when left out. */
  panTo(point: Point, zoom?: number): void;
  zoomBy(factor: number): void;
  /** The part of the graph that is seen. */
  seen(): { x: number; y: number; width: number; height: number };
  /** Last place of the pointer over the canvas, in graph coordinates; the middle when it is elsewhere. */
  pointer(): Point;
  /** Move the keyboard's focus to a node, or to one of its sockets. */
  focusNode(id: NodeId, socket?: { input: string } | { output: number }): void;
  /** Begin to connect by keyboard from a socket. */
  startLink(from: { node: NodeId; output: number } | { node: NodeId; input: string }): void;
}

// ---- node types ----------------------------------------------------------------------------------------------

export interface TypesState {
  types: NodeTypes;
  state: "loading" | "ready" | "failed";
  error: string;
  /** How often words were put into the types, whose objects stay the same. */
  worded: number;
}

// ---- runs ----------------------------------------------------------------------------------------------------

export type RunState = "queued" | "cached" | "running" | "done" | "failed" | "blocked";

/** A result for the user; of pictures: where `/view` finds it. */
export interface OutputItem {
  filename?: string;
  subfolder?: string;
  type?: string;
  value?: Json;
  [key: string]: Json | undefined;
}

export interface NodeRun {
  state: RunState;
  value?: number;
  total?: number;
  note?: string;
  started?: number;
  seconds?: number;
  error?: Problem;
  /** By kind: "images", "text", ... */
  outputs?: Record<string, OutputItem[]>;
}

export interface JobRun {
  id: string;
  /** The document's id (and so the tab's), when it was sent from an editor. */
  document: string | null;
  title: string;
  state: "pending" | "running" | "done" | "failed" | "cancelled";
  held: boolean;
  priority: number;
  sequence: number;
  created: number;
  started: number | null;
  ended: number | null;
  error: Problem | null;
  /** By execution path; only of jobs that were seen running, or were opened. */
  nodes: Record<NodePath, NodeRun>;
  nodesTotal: number;
  /** Curves of training by "node name"; steps and values side by side. */
  curves: Record<string, { steps: number[]; values: (number | null)[] }>;
}

/** The latest picture of a node on its way. */
export interface Preview {
  job: string;
  path: NodePath;
  bitmap: ImageBitmap;
  /** Epoch milliseconds when the sampler handed it over, and when it arrived. */
  at: number;
  arrived: number;
}

export interface RunsState {
  connection: "connecting" | "open" | "lost";
  paused: "no" | "after_job" | "after_node";
  jobs: Record<string, JobRun>;
  /** By document: the job whose state its nodes show. */
  shown: Record<string, string>;
  /** By job, a space and path. Pictures of nodes inside subgraphs stand also under the enclosing paths. */
  previews: Record<string, Preview>;
  /** By document: what stands in the way of a run, from the last check. */
  problems: Record<string, Problem[]>;
}
