// What the parts of the canvas hand to each other: placed nodes and links, what lies under a point, and the stage on
// which gestures and keys work. Types only.

import type { NodeLayout } from "../model/layout";
import type { Sockets } from "../model/nodetypes";
import type { NodeType } from "../model/spec";
import type {
  Box,
  Doc,
  DocNode,
  GroupId,
  Item,
  LayerKey,
  Link,
  LinkId,
  NodeId,
  Point,
  RerouteId,
  Sub,
} from "../model/types";
import type { View } from "../store/shapes";
import type { Course } from "./links";
import type { Scene } from "./scene";

/** A node of the layer, or an end of the subgraph that is shown, at its place. */
export interface Placed {
  id: NodeId;
  node: DocNode;
  type: NodeType | undefined;
  sockets: Sockets;
  layout: NodeLayout;
  box: Box;
  /** Names of the inputs that wires enter. */
  linked: readonly string[];
  /** Outputs that wires leave. */
  linkedOut: ReadonlySet<number>;
  /** Its type is a subgraph. */
  isSub: boolean;
  /** Set for the two boxes that stand for the subgraph's own inputs and outputs. */
  end?: Sub;
}

export interface Wire {
  link: Link;
  course: Course;
  /** What flows through it; a link whose file does not say has its source's type. */
  type: string;
}

export type Hit =
  | { kind: "node" | "group" | "corner" | "reroute"; id: string }
  | { kind: "link" | "dot"; id: LinkId }
  | { kind: "canvas" };

export interface Moving {
  nodes: ReadonlySet<NodeId>;
  reroutes: ReadonlySet<RerouteId>;
  groups: ReadonlySet<GroupId>;
  wires: ReadonlySet<LinkId>;
  dx: number;
  dy: number;
  resized?: { id: GroupId; box: Box };
}

/** One end of a link. */
export type End = { node: NodeId; output: number } | { node: NodeId; input: string };

/** A socket on which a link may end. */
export interface Candidate {
  end: End;
  at: Point;
  /** Nothing enters it yet. */
  free: boolean;
}

/** What goes on from a press of the pointer to its release. */
export interface Gesture {
  move(event: PointerEvent): void;
  end(event: PointerEvent): void;
  cancel(): void;
}

/** What gestures and keys may do with the canvas; made by Canvas.tsx. */
export interface Stage {
  readonly scene: Scene;
  readonly root: HTMLElement;
  /** What a gesture shows above the nodes; call `paint` after changing it. */
  readonly sketch: Sketch;
  /** The link under the pointer, or the one on which a node would be put. */
  hovered: LinkId | null;
  /** A link that is being made by keyboard or by taps: its fixed end, where it may end, and which of these is meant. */
  linking: { from: End; list: Candidate[]; at: number } | null;
  view(): View;
  setView(view: View): void;
  /** Null when nothing is open. */
  place(): { tab: string; layer: LayerKey; path: NodeId[]; readOnly: boolean } | null;
  toGraph(event: { clientX: number; clientY: number }): Point;
  toScreen(point: Point): Point;
  /** Draw again in the next frame; `moved`: elements of nodes have to follow. */
  paint(moved?: boolean): void;
  /** Follow the document now instead of in the next frame. */
  sync(): void;
  /** Change the layer shown, as one step of undo. False when it cannot be written or the change is refused. */
  change(label: string, work: (doc: Doc, layer: LayerKey) => Item[] | void, gesture?: string): boolean;
  showNode(id: NodeId): Promise<HTMLElement | null>;
}

/** What a gesture shows above the nodes, in graph coordinates. */
export interface Sketch {
  box: Box | null;
  knife: Point[] | null;
  drafts: { course: Course; type: string }[];
  /** The socket that a link would enter if it were let go now. */
  target: Point | null;
}
