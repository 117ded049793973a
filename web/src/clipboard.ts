// Copy, cut and paste through the system's clipboard as JSON text, and files that are dropped, pasted or chosen.
// The browser's clipboard events need no permission; commands started from menus use the asynchronous clipboard, and
// where there is none what was copied last in this page. Knows stores and the server's converter; draws nothing.

import { busy } from "./busy";
import type { CommandTable } from "./commands";
import { canEdit, hasSelection, here, writable } from "./here";
import { t } from "./i18n";
import { asText, cut, type Fragment, fromText, paste } from "./model/fragment";
import { makeNode } from "./model/nodetypes";
import { addNode, disconnect, removeGroup, removeNodes, removeReroute } from "./model/ops";
import type { NodeType } from "./model/spec";
import { type Item, type JsonObject, layerOf, type Point } from "./model/types";
import * as api from "./server/api";
import type { Opened } from "./server/protocol";
import { closeDoc, docs, edit, moveTab } from "./store/docs";
import { announce } from "./store/page";
import { openAnswer } from "./store/save";
import type { OpenDoc } from "./store/shapes";
import { refreshTypes, types } from "./store/types";
import { openDialog, toast, ui } from "./store/ui";

const PLAIN_PASTE_MS = 80;

/** What the server made of a file. */
export type OpenedFile = Pick<Opened, "document" | "name" | "report" | "missing">;

let lastCopied = "";
let linkedPaste: number | null = null;

export const clipboardCommands: CommandTable = {
  "edit.copy": { group: "edit", enabled: () => (here()?.items.length ?? 0) > 0, run: () => write(copied()) },
  "edit.cut": {
    group: "edit",
    enabled: hasSelection,
    run: async () => {
      await write(copied());
      removeSelection();
    },
  },
  "edit.paste": { group: "edit", enabled: canEdit, run: async () => pasteText(await read(), false) },
  "edit.pasteLinked": { group: "edit", enabled: canEdit, run: async () => pasteText(await read(), true) },
};

/** Listen to the clipboard's events of the page; return how to stop. */
export function bindClipboard(target: Window): () => void {
  const onCopy = (event: ClipboardEvent) => {
    if (isText(event) || (here()?.items.length ?? 0) === 0) return;
    lastCopied = copied();
    event.clipboardData?.setData("text/plain", lastCopied);
    event.preventDefault();
    if (event.type === "cut") removeSelection();
    else announce(t("messages.copied", { n: here()?.items.length ?? 0 }));
  };
  const onPaste = (event: ClipboardEvent) => {
    if (isText(event)) return;
    const linked = linkedPaste !== null;
    stopWaiting();
    event.preventDefault();
    const file = event.clipboardData?.files[0];
    if (file !== undefined) void busy(openFile(file, ui.getState().canvas?.pointer()));
    else pasteText(event.clipboardData?.getData("text/plain") ?? "", linked);
  };
  // Ctrl+Shift+V: the browser's event that follows does not say so; some browsers send none outside of text fields.
  const onKey = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.key.toLowerCase() !== "v" || isText(event))
      return;
    stopWaiting();
    linkedPaste = window.setTimeout(() => {
      linkedPaste = null;
      void busy(read().then((text) => pasteText(text, true)));
    }, PLAIN_PASTE_MS);
  };
  target.addEventListener("copy", onCopy);
  target.addEventListener("cut", onCopy);
  target.addEventListener("paste", onPaste);
  target.addEventListener("keydown", onKey);
  return () => {
    stopWaiting();
    target.removeEventListener("copy", onCopy);
    target.removeEventListener("cut", onCopy);
    target.removeEventListener("paste", onPaste);
    target.removeEventListener("keydown", onKey);
  };
}

/** Let the user choose a file. */
export function pickFile(accept: string, chosen: (file: File) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = accept;
  input.onchange = () => {
    const file = input.files?.[0];
    if (file !== undefined) chosen(file);
  };
  input.click();
}

/** Open a workflow, or a picture that carries one. With something open already the user says where it goes. */
export async function openFile(file: File, at?: Point): Promise<void> {
  let opened: OpenedFile;
  try {
    opened = await api.open(file, file.name);
  } catch (error) {
    const canLoad = file.type.startsWith("image/") && writable() !== null && pictureInput() !== null;
    if (canLoad) openDialog({ kind: "openPicture", file, at });
    else
      toast("error", t("messages.cannotOpen", { name: file.name, why: error instanceof Error ? error.message : "" }));
    return;
  }
  const place = here();
  const isEmpty = place === null || Object.keys(place.doc.root.nodes).length === 0;
  if (!isEmpty && !place.open.readOnly) return openDialog({ kind: "openFile", opened, at });
  const index = docs.getState().order.indexOf(place?.tab ?? "");
  const tab = openHere(opened);
  if (place === null || !isBlank(place.open)) return;
  moveTab(tab, index);
  closeDoc(place.tab);
}

/** Open what the server made of a file in a tab of its own. Returns the tab. */
export function openHere(opened: OpenedFile): string {
  return openAnswer(opened, undefined, opened.name.replace(/\.\w+$/, ""));
}

/** Was nothing ever done with this document? */
function isBlank({ doc, edits, file, past, future, readOnly }: OpenDoc): boolean {
  const hasContent = [doc.root.nodes, doc.root.groups, doc.subs].some((things) => Object.keys(things).length > 0);
  return !hasContent && edits === 0 && past.length + future.length === 0 && file === null && !readOnly;
}

/** Put all of a workflow into the layer that is shown. */
export function insertHere(document: JsonObject, at?: Point): void {
  const fragment = fromText(JSON.stringify(document));
  if (fragment !== null) put(fragment, at, false);
}

/** Send a picture to the server and add a node that loads it. */
export async function addPicture(file: File, at?: Point): Promise<void> {
  const found = pictureInput();
  const place = writable();
  if (found === null || place === null) return;
  const stored = await api.upload(file, { type: "input" });
  const name = stored.subfolder ? `${stored.subfolder}/${stored.name}` : stored.name;
  // The types list the files there are: the new one is to be among them.
  await refreshTypes();
  const pos = at ?? ui.getState().canvas?.pointer() ?? [0, 0];
  edit(
    place.tab,
    t("command.edit.paste"),
    (doc): Item[] => {
      const node = makeNode(found.type, pos);
      node.values[found.input] = name;
      return [{ kind: "node", id: addNode(doc, place.layer, node) }];
    },
    { layer: place.layer },
  );
}

/** The simplest node type that has a widget for pictures of the user's own. */
function pictureInput(): { type: NodeType; input: string } | null {
  let best: { type: NodeType; input: string } | null = null;
  for (const type of types.getState().types.values()) {
    const input = type.inputs.find(({ widget }) => widget?.kind === "file" && widget.picture && widget.upload);
    const isSimpler = best === null || type.inputs.length < best.type.inputs.length;
    if (input !== undefined && !type.isOutput && !type.deprecated && isSimpler) best = { type, input: input.name };
  }
  return best;
}

function copied(): string {
  const place = here();
  return place === null || place.items.length === 0 ? "" : asText(cut(place.doc, place.layer, place.items));
}

async function write(text: string): Promise<void> {
  if (text === "") return;
  lastCopied = text;
  await navigator.clipboard?.writeText(text).catch(() => undefined);
}

async function read(): Promise<string> {
  const text = await navigator.clipboard?.readText().catch(() => "");
  return text || lastCopied;
}

/** Cutting closes the gap: what came in goes on to where the cut nodes led, by type. */
function removeSelection(): void {
  const place = writable();
  if (place === null) return;
  edit(
    place.tab,
    t("command.edit.cut"),
    (doc): Item[] => {
      removeNodes(doc, place.layer, place.ids, { reconnect: true });
      for (const item of place.items) {
        const content = layerOf(doc, place.layer);
        if (item.kind === "group") removeGroup(doc, place.layer, item.id);
        if (item.kind === "link" && content?.links[item.id]) disconnect(doc, place.layer, [item.id]);
        if (item.kind === "reroute" && content?.reroutes[item.id]) removeReroute(doc, place.layer, item.id);
      }
      return [];
    },
    { layer: place.layer },
  );
}

function pasteText(text: string, linked: boolean): void {
  if (text.trim() === "") return;
  const fragment = fromText(text);
  if (fragment !== null) put(fragment, undefined, linked);
  else if (text.trim().startsWith("{")) {
    // Not the editor's own form: perhaps an API prompt; the server knows all of them.
    void busy(openFile(new File([text], t("messages.pasted"), { type: "application/json" })));
  } else toast("info", t("messages.nothingToPaste"));
}

function put(fragment: Fragment, at: Point | undefined, inputs: boolean): void {
  const place = writable();
  if (place === null) return;
  const pos = at ?? ui.getState().canvas?.pointer() ?? [0, 0];
  edit(
    place.tab,
    t("command.edit.paste"),
    (doc): Item[] => paste(doc, place.layer, fragment, pos, { inputs }).map((id) => ({ kind: "node", id })),
    { layer: place.layer },
  );
}

function stopWaiting(): void {
  if (linkedPaste !== null) window.clearTimeout(linkedPaste);
  linkedPaste = null;
}

/** Is the event about text that somebody is writing or has marked? */
function isText(event: Event): boolean {
  const element = event.target instanceof Element ? event.target : null;
  if (element?.closest("input, textarea, select, [contenteditable], [role=dialog]")) return true;
  return event.type !== "paste" && window.getSelection()?.isCollapsed === false;
}
