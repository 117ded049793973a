// What all edits stand on: reading a document that may be an immer draft without making drafts of what is only read,
// new ids, and the error of an edit that makes no sense. Knows no particular edit.

import { current, isDraft, isModified, original } from "immer";
import type { Doc, DocNode, Layer, LayerKey, Link, NodeId } from "./types";
import { layerOf } from "./types";

/** An edit that cannot be made, in words for the user. The document may be half changed: the edit is to be dropped. */
export class EditError extends Error {
  override name = "EditError";
}

/** Return the values of a record, to be read only: of a draft they may be parts of the document before the edit. */
export function rows<T>(record: Record<string, T>): readonly Readonly<T>[] {
  if (!isDraft(record)) return Object.values(record);
  if (!isModified(record)) return Object.values(original<Record<string, T>>(record as never) ?? {});
  return Reflect.ownKeys(record).map((key) => Object.getOwnPropertyDescriptor(record, key)?.value as T);
}

/** Return one value of a record, to be read only. */
export function peek<T>(record: Record<string, T>, key: string): Readonly<T> | undefined {
  return Object.getOwnPropertyDescriptor(record, key)?.value as T | undefined;
}

/** Return a deep copy that shares nothing with the document. */
export function clone<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (isDraft(value)) return (isModified(value) ? current(value as never) : clone(original(value as never))) as T;
  if (Array.isArray(value)) return value.map(clone) as T;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) copy[key] = clone((value as Record<string, unknown>)[key]);
  return copy as T;
}

export function need(doc: Doc, layer: LayerKey): Layer {
  const found = layerOf(doc, layer);
  if (found === undefined) throw new EditError("This subgraph is no longer in the workflow.");
  return found;
}

export function needNode(at: Layer, id: NodeId): DocNode {
  const found = at.nodes[id];
  if (found === undefined) throw new EditError(`There is no node ${id} here.`);
  return found;
}

export function needLink(at: Layer, id: string): Link {
  const found = at.links[id];
  if (found === undefined) throw new EditError(`There is no link ${id} here.`);
  return found;
}

type Counter = "lastNode" | "lastLink" | "lastGroup" | "lastReroute";

/** Return a number that was never an id in this document, as text; `taken` are the ids of the layer (files may err). */
function next(doc: Doc, counter: Counter, taken: Record<string, unknown>): string {
  do doc[counter] += 1;
  while (String(doc[counter]) in taken);
  return String(doc[counter]);
}

export const nextNode = (doc: Doc, at: Layer): string => next(doc, "lastNode", at.nodes);
export const nextLink = (doc: Doc, at: Layer): string => next(doc, "lastLink", at.links);
export const nextGroup = (doc: Doc, at: Layer): string => next(doc, "lastGroup", at.groups);
export const nextReroute = (doc: Doc, at: Layer): string => next(doc, "lastReroute", at.reroutes);

/** Return a random UUID; also where the page has no secure context, so that `crypto.randomUUID` is not there. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Return the name, or the name with the first number that makes it differ from all that are taken. */
export function unique(name: string, taken: ReadonlySet<string>, joint = "_"): string {
  let free = name;
  for (let number = 1; taken.has(free); number += 1) free = `${name}${joint}${number}`;
  return free;
}
