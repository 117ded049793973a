// A document read back from the journal's object stores: as its last valid step left it, with undo and redo. Asks for
// all at once, so that whoever writes need not wait until this page comes to ask for more. Changes nothing.

import { answerOf } from "./database";
import { fenceKey, stepKeys, validSteps } from "./entries";
import { readTexts } from "./pieces";
import type { Fence, Head, Kept, StepRecord } from "./records";
import type { Entry, OpenDoc } from "./shapes";
import { type Numbered, replay } from "./steps";

/** What a reading transaction is over. */
export const PARTS = ["heads", "checkpoints", "stacks", "entries", "pieces"];

export type CheckpointText = Pick<OpenDoc, "doc" | "report" | "missing">;
export type StackText = Pick<OpenDoc, "past" | "future">;

export function contentText({ doc, report, missing }: CheckpointText): string {
  return JSON.stringify({ doc, report, missing } satisfies CheckpointText);
}

export function stackText({ past, future }: StackText): string {
  return JSON.stringify({ past, future } satisfies StackText);
}

export interface Found {
  open: Omit<OpenDoc, "readOnly">;
  head: Head;
  checkpoint: Kept;
  stack: Kept;
  /** Who wrote the steps that are still read. */
  owners: Fence["owners"];
  /** The last valid step. */
  seq: number;
  /** Steps that are there and cannot be read, or do not fit. */
  unread: number;
}

/** Read a document, or null when there is none. `ends`: nothing else is done in the transaction. */
export async function readDocument(transaction: IDBTransaction, id: string, ends: boolean): Promise<Found | null> {
  const store = (name: string) => transaction.objectStore(name);
  const asked = Promise.all([
    answerOf(store("heads").get(id) as IDBRequest<Head | undefined>),
    answerOf(store("checkpoints").get(id) as IDBRequest<Kept | undefined>),
    answerOf(store("stacks").get(id) as IDBRequest<Kept | undefined>),
    answerOf(store("entries").get(fenceKey(id)) as IDBRequest<Fence | undefined>),
    answerOf(store("entries").getAll(stepKeys(id)) as IDBRequest<StepRecord[]>),
    readTexts(store("pieces"), id),
  ]);
  if (ends) transaction.commit?.();
  const [head, checkpoint, stack, fence, records, textOf] = await asked;
  if (head === undefined || checkpoint === undefined || stack === undefined) return null;
  const { doc, report, missing } = JSON.parse(textOf("checkpoint", checkpoint)) as CheckpointText;
  const stacks = JSON.parse(textOf("stack", stack)) as StackText;
  const all = fence?.owners ?? [];
  const since = Math.min(checkpoint.seq, stack.seq);
  const valid = validSteps(records, all, since);
  const steps: Numbered[] = [];
  for (const record of valid) {
    try {
      const { op, seq } = record;
      steps.push(op === "edit" ? { op, seq, entry: JSON.parse(textOf("entry", record)) as Entry } : { op, seq });
    } catch {
      break;
    }
  }
  const { at, unread } = replay({ ...checkpoint, doc }, { ...stack, ...stacks }, steps);
  const last = valid.at(-1);
  const seq = Math.max(checkpoint.seq, stack.seq, last?.seq ?? 0);
  const owners = all.filter((_, place) => (all[place + 1]?.[1] ?? seq) > since);
  const { title, file, savedEdit } = head;
  const edits = Math.max(head.edits, last?.edits ?? 0);
  const open = { id, title, file, edits, savedEdit, report, missing, ...at };
  return { open, head, checkpoint, stack, owners, seq, unread: unread + valid.length - steps.length };
}
