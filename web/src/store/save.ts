// Documents and files: opened from the server, saved to it with the revision they are based on, never over somebody
// else's change without a question; exported as a download. Knows no journal.

import { t } from "../i18n";
import { readUi } from "../model/comfy";
import { type JsonObject, ROOT } from "../model/types";
import { documents, exported, ServerError, templates } from "../server/api";
import type { Missing, Note } from "../server/protocol";
import { docs, isChanged, openDoc, openOf, replaceOpen, setSaved } from "./docs";
import { settings } from "./settings";
import type { OpenDoc } from "./shapes";
import { types } from "./types";
import { closeDialog, openDialog, toast, viewOf } from "./ui";

const AUTOSAVE_MS = 2_000;

/** A document as the file format has it, with where one looks. */
export async function asFile(open: OpenDoc): Promise<JsonObject> {
  const view = viewOf(open.id, ROOT);
  const { writeUi } = await import("../model/comfy_write");
  return writeUi(open.doc, types.getState().types, view === undefined ? {} : { view });
}

/** Open what the server read from somewhere, as `POST /api/loom/open` and the lists of documents answer it. */
export function openAnswer(
  answer: { document: JsonObject | Record<string, unknown>; report: Note[]; missing: Missing[]; name: string },
  revision?: string,
  title?: string,
): string {
  const { doc, notes } = readUi(answer.document as JsonObject);
  const file = revision === undefined ? null : { name: answer.name, revision };
  const report = [...answer.report, ...notes];
  return openDoc(doc, { title: title || titleOf(answer.name), file, report, missing: answer.missing });
}

/** Open a file of the server; a tab that has it already is shown. Returns the tab. */
export async function openSaved(name: string): Promise<string> {
  const answer = await documents.get(name);
  return openAnswer(answer, answer.revision);
}

/** Open a workflow to begin with. It is asked for at once, and opened when `before` is over. */
export async function openTemplate(name: string, before?: Promise<unknown>): Promise<string> {
  const [answer] = await Promise.all([templates.get(name), before]);
  return openAnswer(answer, undefined, answer.title);
}

export interface SaveOptions {
  /** Another name; the document then belongs to that file. */
  as?: string;
  /** The revision to be replaced; what the document is based on if left out. */
  base?: string | null;
  /** Say nothing when it went well. */
  quiet?: boolean;
}

/**
 * Save a document to its file, or under another name. Without a name one is asked for ({kind: "saveAs"}); a file that
 * was changed meanwhile, or exists, leads to a question ({kind: "conflict"}). Returns whether it was saved.
 */
export async function saveDoc(tab: string, options: SaveOptions = {}): Promise<boolean> {
  const open = openOf(tab);
  if (open === undefined) return false;
  // The server names files without their ending.
  const name = (options.as ?? open.file?.name)?.replace(/\.json$/i, "");
  if (name === undefined || name === "") {
    openDialog({ kind: "saveAs", tab, name: open.title });
    return false;
  }
  const known = open.file?.name === name ? open.file.revision : null;
  const base = options.base === undefined ? known : options.base;
  try {
    const saved = await documents.put(name, await asFile(open), base);
    const file = { name: saved.name, revision: saved.revision };
    // What was edited while it was on its way is not saved: the number is that of what was sent.
    setSaved(tab, { title: titleOf(saved.name), file, savedEdit: open.edits });
    if (!options.quiet) toast("info", t("store.saved", { name: saved.name }));
    return true;
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 409) throw error;
    const { revision = null, modified = null } = error.body;
    openDialog({ kind: "conflict", tab, name, revision, modified });
    return false;
  }
}

export type ConflictChoice = "keep both" | "overwrite" | "open theirs";

/** Do what was chosen in the dialog of a conflict. `revision`: what was there when the user was asked. */
export async function resolveConflict(
  tab: string,
  name: string,
  revision: string | null,
  choice: ConflictChoice,
): Promise<boolean> {
  closeDialog("conflict");
  if (choice === "overwrite") return saveDoc(tab, { as: name, base: revision });
  if (choice === "keep both") return saveDoc(tab, { as: await freeName(name) });
  const answer = await documents.get(name);
  const { doc, notes } = readUi(answer.document as JsonObject);
  const mine = openOf(tab);
  if (mine?.file?.name === name) {
    // The tab no longer stands for the file: it keeps its content, and the file gets a tab of its own.
    replaceOpen({ ...mine, file: null });
  }
  openDoc(doc, {
    title: titleOf(name),
    file: { name, revision: answer.revision },
    report: [...answer.report, ...notes],
    missing: answer.missing,
  });
  return false;
}

/** Give the document to the user as a file; `api`: in the format in which scripts send it. */
export async function exportDoc(tab: string, format: "ui" | "api" = "ui"): Promise<void> {
  const open = openOf(tab);
  if (open === undefined) return;
  const file = await asFile(open);
  const text = JSON.stringify(format === "ui" ? file : (await exported(file)).prompt, null, 2);
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${open.title.replace(/[\\/:*?"<>|]/g, "_")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Save documents that have a file a moment after they were changed, if the user wants that. Returns what ends it. */
export function startAutosave(): () => void {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const save = (tab: string) => {
    timers.delete(tab);
    const open = openOf(tab);
    if (open?.file && isChanged(open) && !open.readOnly) {
      saveDoc(tab, { quiet: true }).catch((error: unknown) =>
        toast("error", t("store.notSaved", { why: String(error) })),
      );
    }
  };
  const stop = docs.subscribe((state, before) => {
    if (!settings.getState().autosave) return;
    for (const [tab, open] of Object.entries(state.byId)) {
      if (before.byId[tab] === undefined || before.byId[tab].edits === open.edits) continue;
      clearTimeout(timers.get(tab));
      timers.set(
        tab,
        setTimeout(() => save(tab), AUTOSAVE_MS),
      );
    }
  });
  return () => {
    stop();
    for (const timer of timers.values()) clearTimeout(timer);
  };
}

/** What a document is called after its file: the name without folders and ending. */
function titleOf(name: string): string {
  return (name.split("/").at(-1) ?? name).replace(/\.json$/i, "") || t("store.untitled");
}

/** A name beside this one that no file has. */
async function freeName(name: string): Promise<string> {
  const taken = new Set((await documents.list()).map((one) => one.name));
  let number = 2;
  while (taken.has(`${name} ${number}`)) number += 1;
  return `${name} ${number}`;
}
