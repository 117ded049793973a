// Steps of a document: an edit, an undo, a redo; taken one by one, and again from a journal. Pure: knows neither the
// journal nor a store.

import { apply, push } from "../model/history";
import type { Doc } from "../model/types";
import type { Entry, OpenDoc } from "./shapes";

export type Step = { op: "edit"; entry: Entry } | { op: "undo" } | { op: "redo" };
export type Numbered = Step & { seq: number };
type Content = Pick<OpenDoc, "doc" | "past" | "future">;

/** Take one step; what cannot be undone or redone is left as it is. The last of `future` is the next to redo. */
export function takeStep<T extends Content>(at: T, step: Step, patch = true): T {
  if (step.op === "edit") {
    const doc = patch ? apply(at.doc, step.entry.forward) : at.doc;
    return { ...at, doc, past: push(at.past, step.entry), future: [] };
  }
  const [from, to] = step.op === "undo" ? [at.past, at.future] : [at.future, at.past];
  const entry = from.at(-1);
  if (entry === undefined) return at;
  const doc = patch ? apply(at.doc, step.op === "undo" ? entry.backward : entry.forward) : at.doc;
  const [less, more] = [from.slice(0, -1), [...to, entry]];
  return step.op === "undo" ? { ...at, doc, past: less, future: more } : { ...at, doc, past: more, future: less };
}

/**
 * Work out a document and its undo: the document as it was after the entry `checkpoint`, the stacks after `stack`, and
 * all steps since the older of the two. Stops before a step that does not fit; `unread` counts those left.
 */
export function replay(
  checkpoint: { seq: number; doc: Doc },
  stack: { seq: number; past: Entry[]; future: Entry[] },
  steps: Numbered[],
): { at: Content; unread: number } {
  let at = { doc: checkpoint.doc, past: stack.past, future: stack.future };
  for (const [number, step] of steps.entries()) {
    if (step.seq <= stack.seq) continue;
    try {
      // Up to the checkpoint only the stacks move: the document has these steps already.
      at = takeStep(at, step, step.seq > checkpoint.seq);
    } catch {
      return { at, unread: steps.length - number };
    }
  }
  return { at, unread: 0 };
}
