// What the journal's object stores hold, and what is handed over to be written. Types only.

import type { NodeId } from "../model/types";
import type { TextRef } from "./pieces";
import type { FileRef, View } from "./shapes";
import type { Step } from "./steps";

export interface Head {
  id: string;
  /** The browser tab that writes it. */
  writer: string;
  /** The last entry. */
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
export type StepRecord = Kept & { op: Step["op"] };

/** Something to be written, in its order. */
export interface Pending {
  id: string;
  step?: StepRecord;
  checkpoint?: Kept;
  stack?: Kept;
  /** The head of a document that is new, or is written whole again. */
  fresh?: Head;
  head?: Partial<Head>;
  /** Called when it is written, or will not be. */
  done?(written: boolean): void;
}
