// Long texts in the browser's database, cut into short records that are each written and deleted for themselves.
// Chromium keeps its databases in LevelDB: killed in the middle of a record, it goes on behind the torn one at the next
// start, and at the start after that takes all for corrupt and deletes it (google/leveldb #1287). The shorter what is
// written at once, the shorter the moment in which that can happen. Knows no document.

import { answerOf, changing, committed } from "./database";

/** Characters written at once; a block of LevelDB's log has 32 KiB, and a character takes up to two bytes. */
export const PIECE = 14_000;
/** Records deleted at once: what was in them is written once more until they are gone. */
const DELETE_AT_ONCE = 8;

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

export function piecesOf(text: string): number {
  return Math.ceil(text.length / PIECE);
}

/** Write a text if it is long, and say where it stands. Nothing refers to the pieces before all are written. */
export async function writeText(database: IDBDatabase, key: TextKey, text: string): Promise<TextRef> {
  if (!isLong(text)) return { text };
  // One after the other: many at once would stand before the steps that are made meanwhile.
  for (let at = 0; at < piecesOf(text); at += 1) await writePiece(database, key, text, at);
  return { pieces: piecesOf(text) };
}

/** Hand all pieces of a long text to the browser before this returns. */
export function writeAtOnce(database: IDBDatabase, key: TextKey, text: string): Promise<unknown> {
  return Promise.all(Array.from({ length: piecesOf(text) }, (_, at) => writePiece(database, key, text, at)));
}

function writePiece(database: IDBDatabase, key: TextKey, text: string, at: number): Promise<void> {
  const transaction = changing(database, ["pieces"]);
  const done = committed(transaction);
  transaction.objectStore("pieces").put(text.slice(at * PIECE, (at + 1) * PIECE), [...key, at]);
  transaction.commit?.();
  return done;
}

/** The texts of a document: finds one again, or throws when a piece of it is missing. */
export type Texts = (kind: TextKey[1], kept: TextRef & { seq: number }) => string;

/** Read all texts of a document, with nothing asked for after this returns: `pieces` is of the caller's transaction. */
export function readTexts(pieces: IDBObjectStore, id: string): Promise<Texts> {
  const all = IDBKeyRange.bound([id], [id, []]);
  const asked = [answerOf(pieces.getAllKeys(all)), answerOf(pieces.getAll(all))] as const;
  return Promise.all(asked).then(([keys, values]) => {
    const found = new Map(keys.map((key, place) => [String(key), values[place] as string]));
    return (kind, { seq, text, pieces: count = 0 }) => {
      if (text !== undefined) return text;
      const parts = Array.from({ length: count }, (_, at) => found.get(String([id, kind, seq, at])));
      const left = parts.filter((part) => part !== undefined);
      if (left.length < count) throw new Error(`${left.length} of ${count} pieces are left`);
      return left.join("");
    };
  });
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

/** Delete a range of records, a few at once; nothing of it waits for this page while others wait for it. */
export async function deleteGently(database: IDBDatabase, name: string, range: IDBKeyRange): Promise<void> {
  for (;;) {
    const reading = database.transaction(name, "readonly");
    const asked = answerOf(reading.objectStore(name).getAllKeys(range, DELETE_AT_ONCE));
    reading.commit?.();
    const keys = await asked;
    if (keys.length === 0) return;
    const deleting = changing(database, [name]);
    const done = committed(deleting);
    for (const key of keys) deleting.objectStore(name).delete(key);
    deleting.commit?.();
    await done;
  }
}
