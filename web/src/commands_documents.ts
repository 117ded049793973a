// Commands about whole workflows and their runs: new, open, save, close, undo, tabs, queue. Knows stores and the server's
// calls; draws nothing.

import { busy } from "./busy";
import { openFile, pickFile } from "./clipboard";
import type { CommandTable } from "./commands";
import { hasDocument, hasNodes, here, writable } from "./here";
import { t } from "./i18n";
import type { NodeId, NodePath } from "./model/types";
import * as api from "./server/api";
import { activate, closeDoc, docs, exportDoc, moveTab, newDoc, openTemplate, redo, saveDoc, undo } from "./store/docs";
import { announce, page } from "./store/page";
import { openCopy, takeOver } from "./store/restore";
import { runs } from "./store/runs";
import { refreshTypes } from "./store/types";
import { openDialog, toast } from "./store/ui";

export const documentCommands: CommandTable = {
  "file.new": { group: "file", run: () => void newDoc() },
  "file.open": {
    group: "file",
    run: () =>
      pickFile(".json,.png,.webp,.jpg,.jpeg,.mp4,.webm,.flac,.mp3,.latent", (file) => void busy(openFile(file))),
  },
  "file.save": {
    group: "file",
    enabled: hasDocument,
    run: async () => {
      const place = here();
      if (place !== null) await saveDoc(place.tab);
    },
  },
  "file.saveAs": {
    group: "file",
    enabled: hasDocument,
    run: () => openDialog({ kind: "saveAs", tab: here()?.tab, name: here()?.open.file?.name ?? here()?.open.title }),
  },
  "file.export": { group: "file", enabled: hasDocument, run: () => exportDoc(here()?.tab ?? "") },
  "file.exportApi": { group: "file", enabled: hasDocument, run: () => exportDoc(here()?.tab ?? "", "api") },
  "file.rename": {
    group: "file",
    enabled: () => writable() !== null,
    run: (tab) => openDialog({ kind: "rename", tab: typeof tab === "string" ? tab : here()?.tab }),
  },
  "file.takeOver": { group: "file", enabled: isReadOnly, run: () => takeOver(here()?.tab ?? "") },
  "file.copy": { group: "file", enabled: hasDocument, run: () => void openCopy(here()?.tab ?? "") },
  "file.close": {
    group: "file",
    enabled: hasDocument,
    run: (tab) => close(typeof tab === "string" ? tab : here()?.tab),
  },
  "file.recent": { group: "file", run: () => openDialog({ kind: "recent" }) },
  "file.default": { group: "file", run: openDefault },
  "file.report": { group: "file", enabled: hasDocument, run: () => openDialog({ kind: "report", tab: here()?.tab }) },
  "tab.next": { group: "file", enabled: () => docs.getState().order.length > 1, run: () => step(1) },
  "tab.previous": { group: "file", enabled: () => docs.getState().order.length > 1, run: () => step(-1) },
  "tab.right": { group: "file", enabled: () => shifted(1) !== null, run: () => shift(1) },
  "tab.left": { group: "file", enabled: () => shifted(-1) !== null, run: () => shift(-1) },

  "edit.undo": {
    group: "edit",
    enabled: () => (writable()?.open.past.length ?? 0) > 0,
    run: () => {
      const place = writable();
      if (place === null) return;
      announce(t("messages.undone", { what: place.open.past.at(-1)?.label ?? "" }));
      undo(place.tab);
    },
  },
  "edit.redo": {
    group: "edit",
    enabled: () => (writable()?.open.future.length ?? 0) > 0,
    run: () => {
      const place = writable();
      if (place === null) return;
      redo(place.tab);
      announce(t("messages.redone", { what: here()?.open.past.at(-1)?.label ?? "" }));
    },
  },

  "run.queue": { group: "run", enabled: hasDocument, run: (count) => run({ count }) },
  "run.front": { group: "run", enabled: hasDocument, run: (count) => run({ count, front: true }) },
  "run.toHere": {
    group: "run",
    enabled: hasNodes,
    run: () => {
      const place = here();
      if (place !== null) return run({ targets: place.ids.map((id) => pathOf(place.path, id)) });
    },
  },
  "run.interrupt": { group: "run", run: async () => (await import("./server/submit")).interrupt() },
  "run.check": { group: "run", enabled: hasDocument, run: () => openDialog({ kind: "check", tab: here()?.tab }) },
  "queue.pause": {
    group: "run",
    checked: () => runs.getState().paused !== "no",
    run: async (mode) => {
      const paused = runs.getState().paused !== "no";
      await api.queue.control({ pause: paused ? "no" : mode === "after_node" ? "after_node" : "after_job" });
    },
  },
  "types.refresh": {
    group: "run",
    run: async () => {
      await refreshTypes();
      announce(t("messages.refreshed"));
    },
  },
};

/** The execution path of a node in the layer that `path` leads to. */
export function pathOf(path: NodeId[], id: NodeId): NodePath {
  return [...path, id].join(":");
}

function isReadOnly(): boolean {
  return here()?.open.readOnly === true;
}

async function openDefault(): Promise<void> {
  const templates = await api.templates.list();
  const first = templates.find((template) => template.runs) ?? templates[0];
  if (first === undefined) toast("warning", t("messages.noTemplates"));
  else await openTemplate(first.name);
}

async function run(how: { front?: boolean; count?: unknown; targets?: NodePath[] }): Promise<void> {
  const place = here();
  if (place === null) return;
  const count = typeof how.count === "number" ? how.count : page.getState().runCount;
  const { runDocument } = await import("./server/submit");
  await runDocument(place.tab, { front: how.front, targets: how.targets, count });
}

function close(tab: string | undefined): void {
  if (tab !== undefined && docs.getState().byId[tab] !== undefined) closeDoc(tab);
}

function step(by: number): void {
  const { order, active } = docs.getState();
  const next = order[(order.indexOf(active ?? "") + by + order.length) % order.length];
  if (next !== undefined) activate(next);
}

/** The active tab's next place among the tabs; null when it is the last that way. */
function shifted(by: number): number | null {
  const { order, active } = docs.getState();
  const at = order.indexOf(active ?? "");
  return at < 0 || order[at + by] === undefined ? null : at + by;
}

function shift(by: number): void {
  const { active, order } = docs.getState();
  const to = shifted(by);
  if (active === null || to === null) return;
  moveTab(active, to);
  announce(t("messages.tabMoved", { at: to + 1, n: order.length }));
}
