// What the files of documents' second copies are called, and their records as bytes: a head of thirteen bytes and a text
// each, one after the other. A file that was torn in the middle of a record, or damaged, is good up to there. Pure; knows
// no JSON.
//
// Every record says which edit of the document it leads to: the first is the document whole, a step counts one on.

export const FOLDER = "copies";

export type Kind = "whole" | "step" | "head";

export interface Found {
  kind: Kind;
  text: string;
}

/** What begins every record of a kind: bytes that no text in UTF-8 contains. */
const MARKS: Record<Kind, number> = { whole: 0xf8, step: 0xf9, head: 0xfa };
const KINDS = new Map(Object.entries(MARKS).map(([kind, mark]) => [mark, kind as Kind]));
/** Mark, edits and length, and then the check over these and the text. */
const CHECKED = 9;
export const HEAD = 13;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 as in gzip (ISO 3309); `before`: that of the bytes before. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (let at = 0; at < bytes.length; at += 1)
    value = (TABLE[(value ^ (bytes[at] as number)) & 0xff] as number) ^ (value >>> 8);
  return ~value >>> 0;
}

/** The two files that a browser tab writes of a document. */
export function fileNames(id: string, writer: string): [string, string] {
  const name = `${encodeURIComponent(id)}~${writer}`;
  return [`${name}~0`, `${name}~1`];
}

/** Whose file it is, or undefined if it is none of ours. */
export function ownerOf(name: string): { id: string; writer: string } | undefined {
  const [, id, writer] = /^(.*)~([^~]*)~[01]$/.exec(name) ?? [];
  return id === undefined || writer === undefined ? undefined : { id: decodeURIComponent(id), writer };
}

export function encode(kind: Kind, edits: number, text: string): Uint8Array {
  const content = new TextEncoder().encode(text);
  const bytes = new Uint8Array(HEAD + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, MARKS[kind]);
  view.setUint32(1, edits);
  view.setUint32(5, content.length);
  view.setUint32(CHECKED, crc32(content, crc32(bytes.subarray(0, CHECKED))));
  bytes.set(content, HEAD);
  return bytes;
}

/** Read a file as far as it is whole. `edits`: of the document after the last record; -1 if there is none. */
export function scan(bytes: Uint8Array): { edits: number; end: number; records: () => Found[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places: [Kind, number, number][] = [];
  let [edits, end] = [-1, 0];
  while (end + HEAD <= bytes.length) {
    const kind = KINDS.get(view.getUint8(end));
    const now = view.getUint32(end + 1);
    const start = end + HEAD;
    const next = start + view.getUint32(end + 5);
    const follows = edits < 0 ? kind === "whole" : kind !== "whole" && now === edits + (kind === "step" ? 1 : 0);
    if (kind === undefined || !follows || next > bytes.length) break;
    const check = crc32(bytes.subarray(start, next), crc32(bytes.subarray(end, end + CHECKED)));
    if (check !== view.getUint32(end + CHECKED)) break;
    places.push([kind, start, next]);
    [edits, end] = [now, next];
  }
  const decoder = new TextDecoder();
  const records = () => places.map(([kind, from, to]) => ({ kind, text: decoder.decode(bytes.subarray(from, to)) }));
  return { edits, end, records };
}
