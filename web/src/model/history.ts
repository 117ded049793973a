// Undo and redo: an edit becomes patches there and back, entries of one gesture become one, patches are applied, and
// a document can be written in one way only, to be compared. Knows no store and no particular edit.

import { enablePatches, Immer, type Patch } from "immer";
import type { Entry } from "../store/shapes";
import type { Doc } from "./types";

export const MAX_ENTRIES = 1000;

let engine: Immer | undefined;

/** Make ready what edits need; called by the store, and by the first edit if nobody did. */
export function prepareHistory(): Immer {
  if (engine === undefined) {
    enablePatches();
    // Freezing walks through all of a new value, and nobody but edits changes documents.
    engine = new Immer({ autoFreeze: false });
  }
  return engine;
}

/** Run an edit. Return the changed document with the patches there and back; nothing changes if the edit throws. */
export function record(doc: Doc, fn: (draft: Doc) => void): { doc: Doc; forward: Patch[]; backward: Patch[] } {
  const [changed, forward, backward] = prepareHistory().produceWithPatches(doc, (draft: Doc) => {
    fn(draft);
  });
  return { doc: changed, forward, backward };
}

/** Apply the patches of an entry, there or back. */
export function apply(doc: Doc, patches: readonly Patch[]): Doc {
  return patches.length === 0 ? doc : (prepareHistory().applyPatches(doc, patches) as Doc);
}

/** Return the past with one entry more; an entry of the same gesture as the last one is joined to it. */
export function push(past: readonly Entry[], entry: Entry): Entry[] {
  const last = past.at(-1);
  if (last === undefined || entry.gesture === undefined || last.gesture !== entry.gesture || last.layer !== entry.layer)
    return [...past.slice(Math.max(0, past.length + 1 - MAX_ENTRIES)), entry];
  const replaced = replaces(last.forward, entry.forward);
  const joined: Entry = {
    ...last,
    at: entry.at,
    after: entry.after,
    // Each step of dragging a number replaces the same value: the last one says it all.
    forward: replaced ? entry.forward : [...last.forward, ...entry.forward],
    backward: replaced ? last.backward : [...entry.backward, ...last.backward],
  };
  return [...past.slice(0, -1), joined];
}

/** Tell whether the later patches only replace the values that the earlier ones replaced or added. */
function replaces(earlier: readonly Patch[], later: readonly Patch[]): boolean {
  return (
    earlier.length === later.length &&
    earlier.every((patch, place) => {
      const other = later[place] as Patch;
      return patch.op === "replace" && other.op === "replace" && samePath(patch.path, other.path);
    })
  );
}

function samePath(one: Patch["path"], other: Patch["path"]): boolean {
  return one.length === other.length && one.every((part, place) => part === other[place]);
}

/** Return the document as text that is the same for equal documents: JSON with its keys sorted. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    const source = part as Record<string, unknown>;
    // Keys that look like numbers come first whatever one does, in their own order: also always the same.
    return Object.fromEntries(
      Object.keys(source)
        .sort()
        .map((key) => [key, source[key]]),
    );
  });
}
