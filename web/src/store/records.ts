// What the journal's object stores hold, what is handed over to be written, and how far that is. Types only.

import type { NodeId } from "../model/types";
import type { TextRef } from "./pieces";
import type { FileRef, View } from "./shapes";
import type { Step } from "./steps";

export interface Head {
  id: string;
  /** The browser tab that writes it. */
  writer: string;
  /** The last step, and `edits`, as of the time of writing: steps that came later tell themselves. */
  seq: number;
  title: string;
  file: FileRef | null;
  edits: number;
  savedEdit: number;
  opened: number;
  changed: number;
  /** When its tab was closed; null while it is open. */
  closed: number | null;
}

/** Where one looked in a document. */
export interface Place {
  path: NodeId[];
  /** By layer. */
  views: Record<string, View>;
}

export interface SessionRecord {
  order: string[];
  active: string | null;
}

/** A text of a document as it was after an entry. */
export type Kept = TextRef & { id: string; seq: number };

export interface StepRecord extends TextRef {
  id: string;
  /** Counts the steps of a document, from 1. */
  seq: number;
  writer: string;
  op: Step["op"];
  /** `edits` of the document after it. */
  edits: number;
}

/** Who writes the steps after which; the present owner is the last. Stands among the steps, before the first. */
export interface Fence {
  id: string;
  seq: -1;
  writer: "";
  owners: [writer: string, after: number][];
}

/** Something to be written beside the steps, in its order. */
export interface Pending {
  id: string;
  checkpoint?: Kept;
  stack?: Kept;
  /** The head of a document that is new, or is written whole again. */
  fresh?: Head;
  head?: Partial<Head>;
  /** Called when it is written, or will not be. */
  done?(written: boolean): void;
}

/** Where the journal of a document stands, in this tab. */
export interface Mark {
  seq: number;
  checkpoint: number;
  stack: number;
  /** Entries until the next checkpoint: long documents are written more seldom. */
  every: number;
  /** A checkpoint is on its way. */
  busy: boolean;
  /** What waits for a long text before it, in order; a place without an item is one whose text is being written. */
  held: { item?: Pending }[];
}
