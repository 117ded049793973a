// Long texts in the browser's database, cut into short records that are each written and deleted for themselves.
// Chromium keeps its databases in LevelDB, which breaks when it is killed in the middle of a record that is longer than
// one block of its log (google/leveldb #1287); all of a site's data are then dropped at the start after the next. So
// nothing that we write at once is longer than a fraction of a block. Knows no document.

import { answerOf, committed } from "./database";

/** Characters written at once; a block of LevelDB's log has 32 KiB, and a character takes up to two bytes. */
export const PIECE = 14_000;
/** Records deleted at once: each leaves some hundred bytes in the log. */
const DELETE_AT_ONCE = 24;

/** Whose text it is, of which kind, and of which entry. */
export type TextKey = [id: string, kind: "checkpoint" | "stack" | "entry", seq: number];
/** Where a text stands: in the record itself, or in so many pieces. */
export interface TextRef {
  text?: string;
  pieces?: number;
}

export function isLong(text: string): boolean {
  return text.length > PIECE;
}

/** Write a text if it is long, and say where it stands. Nothing refers to the pieces before all are written. */
export async function writeText(database: IDBDatabase, key: TextKey, text: string): Promise<TextRef> {
  if (!isLong(text)) return { text };
  let at = 0;
  for (; at * PIECE < text.length; at += 1) {
    const transaction = database.transaction("pieces", "readwrite", { durability: "relaxed" });
    const done = committed(transaction);
    transaction.objectStore("pieces").put(text.slice(at * PIECE, (at + 1) * PIECE), [...key, at]);
    transaction.commit?.();
    // One after the other: many at once would stand before the steps that are made meanwhile.
    await done;
  }
  return { pieces: at };
}

/** Read a text within a transaction, whose `pieces` this is. Throws when a piece is missing. */
export async function readText(pieces: IDBObjectStore, key: TextKey, ref: TextRef): Promise<string> {
  if (ref.text !== undefined) return ref.text;
  const found = (await answerOf(
    pieces.getAll(IDBKeyRange.bound([...key, 0], [...key, (ref.pieces ?? 0) - 1])),
  )) as string[];
  if (found.length !== ref.pieces) throw new Error(`${found.length} of ${ref.pieces} pieces are left`);
  return found.join("");
}

/** Delete the texts of a kind that belong to entries from `first` up to and with `last`. */
export function deleteTexts(
  database: IDBDatabase,
  id: string,
  kind: TextKey[1],
  first: number,
  last: number,
): Promise<void> {
  return deleteGently(database, "pieces", IDBKeyRange.bound([id, kind, first], [id, kind, last, []]));
}

/** Delete a range of records, a few at once. */
export async function deleteGently(database: IDBDatabase, name: string, range: IDBKeyRange): Promise<void> {
  for (;;) {
    const transaction = database.transaction(name, "readwrite", { durability: "relaxed" });
    const done = committed(transaction);
    const store = transaction.objectStore(name);
    const keys = await answerOf(store.getAllKeys(range, DELETE_AT_ONCE));
    for (const key of keys) store.delete(key);
    await done;
    if (keys.length < DELETE_AT_ONCE) return;
  }
}
