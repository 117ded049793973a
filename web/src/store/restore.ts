// The start and the life of a page's documents: tabs as they were left, one writer per document over all browser tabs,
// closed documents to be had again. Connects the journal, the claims and the stores; knows no server.

import { t } from "../i18n";
import { Claims } from "./claims";
import {
  activate,
  addRestored,
  attachBacking,
  backingOf,
  docs,
  isChanged,
  newId,
  openDoc,
  openOf,
  replaceOpen,
} from "./docs";
import { Journal } from "./journal";
import type { Head, Place } from "./records";
import { startAutosave } from "./save";
import type { OpenDoc, View } from "./shapes";
import { pathOf, toast, ui } from "./ui";

const PLACE_MS = 400;
const FOLLOW_MS = 250;

/**
 * Open the documents that were open. Resolves when the active one is there; the others follow. `first`: nothing was
 * ever opened in this browser. `stop` ends everything, for tests and hot reload.
 */
export async function startDocs(): Promise<{ first: boolean; others: Promise<void>; stop: () => Promise<void> }> {
  const stopAutosave = startAutosave();
  window.addEventListener("beforeunload", warn);
  const stopWarning = () => window.removeEventListener("beforeunload", warn);
  let journal: Journal;
  try {
    journal = await Journal.open(newId(), {
      onLost: (id, unsaved) => void giveWay(id, unsaved > 0),
      onTrouble: sayTrouble,
      onWritten: (ids) => backingOf()?.claims.tellWritten(ids),
      current: openOf,
    });
  } catch (error) {
    toast("warning", t("store.noJournal", { why: error instanceof Error ? error.message : String(error) }));
    const stop = async () => {
      stopAutosave();
      stopWarning();
    };
    return { first: false, others: Promise.resolve(), stop };
  }
  const follow = new Map<string, ReturnType<typeof setTimeout>>();
  const claims = new Claims(journal.writer, {
    onAsked: async (id) => {
      setReadOnly(id);
      await journal.flush();
      // What cannot be written, the other tab will not see: it stays here as a document of its own.
      if (journal.isTorn(id)) openCopy(id);
      journal.release(id);
    },
    onLost: (id) => void lostClaim(id),
    onFree: (id) => void adopt(id),
    onWritten: (ids) => {
      for (const id of ids.filter((one) => openOf(one)?.readOnly && !follow.has(one))) {
        follow.set(
          id,
          setTimeout(() => void refresh(id).finally(() => follow.delete(id)), FOLLOW_MS),
        );
      }
    },
  });
  const heads = await journal.heads();
  const known = new Map(heads.map((head) => [head.id, head]));
  attachBacking({ journal, claims, known });
  const session = await journal.session();
  const rank = new Map((session?.order ?? []).map((id, at) => [id, at]));
  const wanted = heads.filter((head) => head.closed === null);
  wanted.sort((one, other) => (rank.get(one.id) ?? 1e9) - (rank.get(other.id) ?? 1e9) || one.opened - other.opened);
  const active = wanted.find((head) => head.id === session?.active) ?? wanted[0];
  if (active !== undefined) {
    await bringBack(active.id);
    activate(active.id);
  }
  const stopKeeping = keepPlaces(journal);
  const others = (async () => {
    for (const [at, head] of wanted.entries()) if (head !== active) await bringBack(head.id, at);
    await journal.prune(Date.now());
  })();
  others.catch(sayTrouble);
  const stop = async () => {
    await others.catch(() => undefined);
    stopKeeping();
    stopAutosave();
    stopWarning();
    await journal.flush();
    claims.close();
    for (const timer of follow.values()) clearTimeout(timer);
    attachBacking(null);
  };
  return { first: heads.length === 0, others, stop };
}

/** Make this browser tab the writer of a document that another one writes. */
export async function takeOver(tab: string): Promise<void> {
  const backing = backingOf();
  if (backing === null || !openOf(tab)?.readOnly) return;
  await backing.claims.takeOver(tab);
  await adopt(tab);
}

/** Open the document's present content as a document of its own. Returns its tab. */
export function openCopy(tab: string): string {
  const open = openOf(tab);
  if (open === undefined) return tab;
  const { doc, title, report, missing } = open;
  const options = { title: t("store.copyOf", { title }), report, missing, isNew: true };
  return openDoc({ ...doc, id: newId() }, options);
}

/** Documents whose tabs were closed in the last 30 days, the last closed first. */
export async function recentlyClosed(): Promise<Pick<Head, "id" | "title" | "file" | "closed">[]> {
  return (await backingOf()?.journal.prune(Date.now())) ?? [];
}

/** Open a closed document again, with its undo. Returns whether it was still there. */
export async function reopenDoc(id: string): Promise<boolean> {
  if (openOf(id) === undefined) await bringBack(id);
  if (openOf(id) === undefined) return false;
  activate(id);
  return true;
}

/** Put a document of the journal into a tab: to be edited, or read-only while another browser tab has it. */
async function bringBack(id: string, at?: number): Promise<void> {
  const backing = backingOf();
  if (backing === null) return;
  try {
    const mine = await backing.claims.claim(id);
    const open = await backing.journal.restore(id, mine);
    if (open === null) throw new Error(t("store.incomplete"));
    if (mine) backing.known.set(id, { closed: null, edits: open.edits, savedEdit: open.savedEdit });
    const place = await backing.journal.place(id);
    if (place !== undefined) showPlace(id, place);
    addRestored(open, at);
  } catch (error) {
    toast("error", t("store.notRestored", { why: error instanceof Error ? error.message : String(error) }));
  }
}

/** Read the document anew and write it from now on. */
async function adopt(id: string): Promise<void> {
  const open = await backingOf()?.journal.restore(id, true);
  if (!open || openOf(id) === undefined) return;
  replaceOpen(open);
  toast("info", t("store.yours", { title: open.title }));
}

/** Show what the writer of a read-only document has written. */
async function refresh(id: string): Promise<void> {
  const open = await backingOf()?.journal.restore(id, false);
  if (open && openOf(id)?.readOnly) replaceOpen(open);
}

/** Another browser tab has taken a document away. Steps of ours that are on their way tell whether they still count. */
async function lostClaim(id: string): Promise<void> {
  const journal = backingOf()?.journal;
  if (journal === undefined) return;
  const isTorn = journal.isTorn(id);
  setReadOnly(id);
  await journal.flush();
  // If they did not count, the journal said so itself.
  if (journal.writes(id)) await giveWay(id, isTorn);
}

/** Another browser tab writes the document. What it cannot know of is kept as a document of its own. */
async function giveWay(id: string, unsaved: boolean): Promise<void> {
  const open = openOf(id);
  const backing = backingOf();
  if (open === undefined || backing === null) return;
  setReadOnly(id);
  backing.journal.release(id);
  backing.claims.release(id);
  if (unsaved) {
    openCopy(id);
    toast("warning", t("store.keptCopy", { title: open.title }));
  } else {
    toast("warning", t("store.takenOver", { title: open.title }));
  }
  await refresh(id);
}

function setReadOnly(id: string): void {
  const open = openOf(id);
  if (open !== undefined && !open.readOnly) replaceOpen({ ...open, readOnly: true });
}

function showPlace(id: string, place: Place): void {
  const views = Object.fromEntries(Object.entries(place.views).map(([layer, view]) => [`${id} ${layer}`, view]));
  ui.setState((state) => ({ path: { ...state.path, [id]: place.path }, views: { ...state.views, ...views } }));
}

/** Keep which tabs there are, and where one looks in each. Returns what ends it. */
function keepPlaces(journal: Journal): () => void {
  const changed = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const write = () => {
    timer = null;
    const { order, active } = docs.getState();
    void journal.saveSession({ order, active });
    for (const id of changed) if (openOf(id) !== undefined) journal.savePlace(id, placeOf(id));
    changed.clear();
  };
  const soon = () => {
    timer ??= setTimeout(write, PLACE_MS);
  };
  const now = () => {
    if (timer !== null) clearTimeout(timer);
    write();
  };
  const stopDocs = docs.subscribe((state, before) => {
    if (state.order !== before.order || state.active !== before.active) soon();
  });
  const stopUi = ui.subscribe((state, before) => {
    if (state.path === before.path && state.views === before.views) return;
    for (const id of docs.getState().order) {
      if (state.path[id] !== before.path[id] || id === docs.getState().active) changed.add(id);
    }
    soon();
  });
  window.addEventListener("pagehide", now);
  soon();
  return () => {
    stopDocs();
    stopUi();
    window.removeEventListener("pagehide", now);
    if (timer !== null) now();
  };
}

function placeOf(id: string): Place {
  const views: Record<string, View> = {};
  for (const [key, view] of Object.entries(ui.getState().views)) {
    if (key.startsWith(`${id} `)) views[key.slice(id.length + 1)] = view;
  }
  return { path: pathOf(id), views };
}

function sayTrouble(error: unknown): void {
  if (error === null) toast("info", t("store.journalBack"));
  else toast("error", t("store.journalTrouble", { why: error instanceof Error ? error.message : String(error) }));
}

/** Ask before the page goes if something would be lost by it: only where there is no journal. */
function warn(event: BeforeUnloadEvent): void {
  const atRisk = (open: OpenDoc) => isChanged(open) && !open.readOnly;
  if (backingOf() === null && Object.values(docs.getState().byId).some(atRisk)) event.preventDefault();
}
