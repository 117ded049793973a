// The open documents: what is in them, how they came to be so, and the one way to change them: `edit`. Every change is
// one entry of undo and goes to the journal at once. Knows no server (`save.ts`) and nothing of how a page starts
// (`restore.ts`).

import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { t } from "../i18n";
import { record } from "../model/history";
import { type Doc, emptyDoc, type Item, type LayerKey, layerOf, type NodeId, ROOT } from "../model/types";
import type { Claims } from "./claims";
import type { Journal } from "./journal";
import type { Head } from "./records";
import { takeOver } from "./restore";
import type { DocsState, Entry, FileRef, OpenDoc } from "./shapes";
import { type Step, takeStep } from "./steps";
import { forgetTab, keyAt, pathOf, select, selectionOf, setPath, toast, ui } from "./ui";

export { exportDoc, openSaved, openTemplate, resolveConflict, saveDoc } from "./save";

export const docs = createStore<DocsState>(() => ({ order: [], byId: {}, active: null }));

/** What keeps documents beyond the page; null where the browser lets nothing be kept. */
export interface Backing {
  journal: Journal;
  claims: Claims;
  /** Documents of the journal, also those that are not open here. */
  known: Map<string, Pick<Head, "closed" | "edits" | "savedEdit">>;
}
let backing: Backing | null = null;

export function attachBacking(given: Backing | null): void {
  backing = given;
}

export function backingOf(): Backing | null {
  return backing;
}

// ---- reading -------------------------------------------------------------------------------------------------

export function openOf(tab: string): OpenDoc | undefined {
  return docs.getState().byId[tab];
}

export function activeDoc(): OpenDoc | undefined {
  const { active, byId } = docs.getState();
  return active === null ? undefined : byId[active];
}

/** A part of an open document, or undefined when it is none; drawn again when that part changes. */
export function useDoc<T>(tab: string | null, selector: (open: OpenDoc) => T): T | undefined {
  return useStore(docs, (state) => {
    const open = tab === null ? undefined : state.byId[tab];
    return open === undefined ? undefined : selector(open);
  });
}

/** Whether a document has changes that its file does not have; without a file: any at all. */
export function isChanged(open: OpenDoc): boolean {
  return open.edits !== open.savedEdit;
}

// ---- editing -------------------------------------------------------------------------------------------------

export interface EditOptions {
  /** Edits with the same gesture in a row are one step of undo: a drag, a burst of typing. */
  gesture?: string;
  /** The layer that is edited; the one shown if left out. */
  layer?: LayerKey;
}

/**
 * Change a document. `fn` gets a draft; the items it returns become the selection. What throws changes nothing.
 * Returns whether something changed.
 */
export function edit(tab: string, label: string, fn: (doc: Doc) => Item[] | void, options: EditOptions = {}): boolean {
  const open = openOf(tab);
  if (open === undefined) return false;
  if (open.readOnly) {
    sayReadOnly(open);
    return false;
  }
  const before = selectionOf(tab);
  const layer = options.layer ?? keyAt(open.doc, pathOf(tab)) ?? ROOT;
  const chosen: { items?: Item[] } = {};
  const { doc, forward, backward } = record(open.doc, (draft) => {
    // Plain copies: what an edit returns may be part of the draft, which ends with the edit.
    const items = fn(draft);
    if (items) chosen.items = items.map(({ kind, id }) => ({ kind, id }) as Item);
  });
  if (forward.length === 0) {
    if (chosen.items) select(tab, chosen.items);
    return false;
  }
  const after = chosen.items ?? existing(doc, layer, before);
  const { gesture } = options;
  const entry: Entry = { label, at: Date.now(), forward, backward, before, after, layer, ...(gesture && { gesture }) };
  const { past, future } = takeStep(open, { op: "edit", entry }, false);
  const next = { ...open, doc, past, future, edits: open.edits + 1 };
  put(next);
  backing?.journal.append(next, { op: "edit", entry });
  keepPath(tab, doc);
  select(tab, after);
  return true;
}

/** Take back the last step. Returns whether there was one. */
export function undo(tab: string): boolean {
  return step(tab, { op: "undo" });
}

export function redo(tab: string): boolean {
  return step(tab, { op: "redo" });
}

export function canUndo(tab: string): boolean {
  return (openOf(tab)?.past.length ?? 0) > 0;
}

export function canRedo(tab: string): boolean {
  return (openOf(tab)?.future.length ?? 0) > 0;
}

function step(tab: string, way: Step & { op: "undo" | "redo" }): boolean {
  const open = openOf(tab);
  if (open === undefined) return false;
  if (open.readOnly) {
    sayReadOnly(open);
    return false;
  }
  const entry = (way.op === "undo" ? open.past : open.future).at(-1);
  if (entry === undefined) return false;
  const next = { ...takeStep(open, way), edits: open.edits + 1 };
  put(next);
  backing?.journal.append(next, way);
  showLayer(tab, next.doc, entry.layer);
  select(tab, existing(next.doc, entry.layer, way.op === "undo" ? entry.before : entry.after));
  return true;
}

/** Those of the items that are in the layer. */
function existing(doc: Doc, key: LayerKey, items: Item[]): Item[] {
  const layer = layerOf(doc, key);
  if (layer === undefined) return [];
  const kept = items.filter(({ kind, id }) => layer[`${kind}s`][id] !== undefined);
  return kept.length === items.length ? items : kept;
}

/** Leave subgraphs that are gone. */
function keepPath(tab: string, doc: Doc): void {
  let path = pathOf(tab);
  while (keyAt(doc, path) === undefined) path = path.slice(0, -1);
  setPath(tab, path);
}

/** Go to the layer in which something was undone, if one is elsewhere. */
function showLayer(tab: string, doc: Doc, layer: LayerKey): void {
  if (keyAt(doc, pathOf(tab)) === layer) return;
  const path = pathTo(doc, layer);
  if (path === undefined) keepPath(tab, doc);
  else setPath(tab, path);
}

/** The shortest way from the root to a node that shows this layer. */
export function pathTo(doc: Doc, wanted: LayerKey): NodeId[] | undefined {
  const seen = new Set<LayerKey>([ROOT]);
  let level: [LayerKey, NodeId[]][] = [[ROOT, []]];
  while (level.length > 0) {
    const below: [LayerKey, NodeId[]][] = [];
    for (const [key, path] of level) {
      if (key === wanted) return path;
      for (const node of Object.values(layerOf(doc, key)?.nodes ?? {})) {
        if (doc.subs[node.type] === undefined || seen.has(node.type)) continue;
        seen.add(node.type);
        below.push([node.type, [...path, node.id]]);
      }
    }
    level = below;
  }
  return undefined;
}

// ---- opening and closing -------------------------------------------------------------------------------------

export interface OpenOptions {
  title: string;
  file?: FileRef | null;
  report?: OpenDoc["report"];
  missing?: OpenDoc["missing"];
  /** Its id was made just now. */
  isNew?: boolean;
}

/** Open an empty document in a tab of its own. Returns the tab. */
export function newDoc(title = t("store.untitled")): string {
  return openDoc(emptyDoc(newId()), { title: freeTitle(title), isNew: true });
}

/** Open a document in a tab, or go to the tab in which its file is open. Returns the tab. */
export function openDoc(given: Doc, options: OpenOptions): string {
  const { title, file = null, report = [], missing = [], isNew = false } = options;
  const { byId } = docs.getState();
  const same = file && Object.values(byId).find((one) => one.file?.name === file.name);
  if (same) {
    activate(same.id);
    if (same.file?.revision !== file.revision) toast("warning", t("store.fileChanged", { name: file.name }));
    return same.id;
  }
  const free = byId[given.id] === undefined && isFree(given.id);
  const doc = free ? given : { ...given, id: newId() };
  const counts = { edits: 0, savedEdit: 0, past: [], future: [], readOnly: false };
  put({ id: doc.id, title, doc, file, report, missing, ...counts });
  activate(doc.id);
  if (isNew || !free) beginNew(doc.id);
  else void begin(doc.id);
  return doc.id;
}

/** Show a document that the journal had. `at`: its place among the tabs. */
export function addRestored(open: OpenDoc, at?: number): void {
  docs.setState((state) => {
    const order = state.order.filter((id) => id !== open.id);
    order.splice(at ?? order.length, 0, open.id);
    return { byId: { ...state.byId, [open.id]: open }, order };
  });
}

/** Close a tab. The document is kept for 30 days, with all its steps. */
export function closeDoc(tab: string): void {
  const { order, byId, active } = docs.getState();
  const open = byId[tab];
  if (open === undefined) return;
  const at = order.indexOf(tab);
  const left = order.filter((id) => id !== tab);
  const { [tab]: _closed, ...rest } = byId;
  docs.setState({
    order: left,
    byId: rest,
    active: active === tab ? (left[Math.min(at, left.length - 1)] ?? null) : active,
  });
  forgetTab(tab);
  if (backing === null) return;
  const { journal, claims, known } = backing;
  if (!open.readOnly) {
    const closed = Date.now();
    known.set(tab, { closed, edits: open.edits, savedEdit: open.savedEdit });
    journal.change(tab, { closed, edits: open.edits });
  }
  void journal.flush().then(() => {
    if (openOf(tab) !== undefined) return; // opened again meanwhile
    journal.release(tab);
    claims.release(tab);
  });
}

export function activate(tab: string): void {
  const { byId, active } = docs.getState();
  if (tab === active || byId[tab] === undefined) return;
  docs.setState({ active: tab });
  ui.setState({ search: null, focus: null });
}

/** Put a tab elsewhere among the tabs. */
export function moveTab(tab: string, index: number): void {
  docs.setState((state) => {
    const order = state.order.filter((id) => id !== tab);
    order.splice(index, 0, tab);
    return { order };
  });
}

/** Call a document something else; its file keeps its name. */
export function renameDoc(tab: string, title: string): void {
  const open = openOf(tab);
  if (open === undefined || open.title === title || open.readOnly) return;
  put({ ...open, title });
  backing?.journal.change(tab, { title });
}

/** Change what is known of an open document beside its content, here and in the journal. */
export function setSaved(tab: string, changes: { title?: string; file: FileRef; savedEdit: number }): void {
  const open = openOf(tab);
  if (open === undefined) return;
  put({ ...open, ...changes });
  backing?.journal.change(tab, changes);
}

/** Replace an open document by another state of it, such as another browser tab's. */
export function replaceOpen(open: OpenDoc): void {
  if (openOf(open.id) === undefined) return;
  put(open);
  keepPath(open.id, open.doc);
}

/** A new id for a document: a UUID. `crypto.randomUUID` is missing on pages from other machines by plain http. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Whether the journal has nothing under this id that would be lost. */
function isFree(id: string): boolean {
  const head = backing?.known.get(id);
  return head === undefined || (head.closed !== null && head.edits === head.savedEdit);
}

/** Begin the journal of a document that has none: its id is new, or what it had is of no more use. */
function beginNew(id: string): void {
  const open = openOf(id);
  if (backing === null || open === undefined) return;
  backing.known.set(id, { closed: null, edits: open.edits, savedEdit: open.savedEdit });
  backing.claims.take(id);
  backing.journal.create(open);
}

/** Begin the journal of a document that may have one, here or in another browser tab; nothing kept is written over. */
async function begin(id: string): Promise<void> {
  if (backing === null) return;
  const { journal, claims } = backing;
  const mine = await claims.claim(id);
  const head = await journal.head(id).catch(() => undefined);
  const open = openOf(id);
  if (open === undefined) return claims.release(id);
  const unsaved = head !== undefined && (head.closed === null || head.edits !== head.savedEdit);
  if (mine && !unsaved) {
    if (head !== undefined) await journal.remove(id).catch(() => undefined);
    return beginNew(id);
  }
  const kept = await journal.restore(id, mine).catch(() => null);
  if (!mine) {
    replaceOpen(kept ?? { ...open, readOnly: true });
    sayReadOnly(open);
  } else if (kept !== null) {
    // Another browser tab had it open meanwhile and closed it with changes: those are shown, and what was opened now.
    replaceOpen(kept);
    backing.known.set(id, { closed: null, edits: kept.edits, savedEdit: kept.savedEdit });
    openDoc({ ...open.doc, id: newId() }, { ...open, file: null, isNew: true });
  }
}

function sayReadOnly(open: OpenDoc): void {
  const text = t("store.readOnly", { title: open.title });
  // One is enough, however often somebody tries.
  if (ui.getState().toasts.some((one) => one.text === text)) return;
  const run = () => void takeOver(open.id);
  toast("warning", text, { label: t("store.takeOver"), run });
}

function put(open: OpenDoc): void {
  docs.setState((state) => ({
    byId: { ...state.byId, [open.id]: open },
    ...(state.byId[open.id] === undefined && { order: [...state.order, open.id] }),
  }));
}

function freeTitle(title: string): string {
  const taken = new Set(Object.values(docs.getState().byId).map((open) => open.title));
  if (!taken.has(title)) return title;
  let number = 2;
  while (taken.has(`${title} ${number}`)) number += 1;
  return `${title} ${number}`;
}
