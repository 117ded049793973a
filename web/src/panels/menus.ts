// What stands in each menu, by what it is about: commands by name, and what only makes sense for one thing. Data for
// Menu.tsx; draws nothing.

import { here, writable } from "../here";
import { t } from "../i18n";
import { addNode, addReroute, disconnect } from "../model/ops";
import { type Item, type LinkId, MODE, NOTE_TYPES, type NodeId, type Point } from "../model/types";
import { edit } from "../store/docs";
import { openSearch, select, ui } from "../store/ui";

export type MenuEntry =
  | "line"
  | { command: string; arg?: unknown; label?: string; color?: string }
  | { label: string; run(): void }
  | { label: string; entries: MenuEntry[] };

export type MenuTarget =
  | { kind: "main" }
  | { kind: "run" }
  | { kind: "tab"; tab: string }
  | { kind: "canvas"; at?: Point }
  | { kind: "node"; id: NodeId }
  | { kind: "link"; id: LinkId; at?: Point }
  | { kind: "group"; id: string }
  | { kind: "reroute"; id: string };

/** ComfyUI's own node colors, so that files look the same in both. */
const COLORS: [name: string, color: string][] = [
  ["none", ""],
  ["red", "#322"],
  ["brown", "#332922"],
  ["green", "#232"],
  ["blue", "#223"],
  ["paleBlue", "#2a363b"],
  ["cyan", "#233"],
  ["purple", "#323"],
  ["yellow", "#432"],
  ["black", "#222"],
];

/** Return the entries of the menu about this; what it is about becomes the selection, unless it is part of it. */
export function menuFor(target: MenuTarget | undefined): MenuEntry[] {
  switch (target?.kind) {
    case "main":
      return mainMenu();
    case "run":
      return runMenu();
    case "node":
      return nodeMenu();
    case "group":
      return groupMenu();
    case "link":
      return linkMenu(target.id, target.at);
    case "reroute":
      return [{ command: "edit.delete" }];
    default:
      return canvasMenu();
  }
}

/** Make what was clicked the selection, unless it belongs to it already. */
export function selectTarget(target: MenuTarget): void {
  const place = here();
  if (place === null || !("id" in target)) return;
  const item: Item = { kind: target.kind, id: target.id };
  if (!place.items.some((other) => other.kind === item.kind && other.id === item.id)) select(place.tab, [item]);
}

function mainMenu(): MenuEntry[] {
  return [
    { command: "file.new" },
    { command: "file.open" },
    { command: "panel.workflows" },
    { command: "panel.templates" },
    { command: "file.recent" },
    "line",
    { command: "file.save" },
    { command: "file.saveAs" },
    { command: "file.export" },
    { command: "file.exportApi" },
    { command: "file.rename" },
    { command: "file.copy" },
    { command: "file.report" },
    { command: "file.close" },
    "line",
    { command: "edit.undo" },
    { command: "edit.redo" },
    { label: t("menu.view"), entries: viewEntries() },
    { command: "commands.list" },
    { command: "panel.keys" },
    { command: "panel.settings" },
  ];
}

function runMenu(): MenuEntry[] {
  return [
    { command: "run.queue" },
    { command: "run.front" },
    { command: "run.toHere" },
    { command: "run.check" },
    "line",
    { command: "queue.pause" },
    { command: "run.interrupt" },
    "line",
    { command: "panel.queue" },
  ];
}

function viewEntries(): MenuEntry[] {
  return [
    { command: "view.fitAll" },
    { command: "view.zoomIn" },
    { command: "view.zoomOut" },
    { command: "view.minimap" },
    { command: "view.links" },
    { command: "view.snap" },
    { command: "view.focus" },
    { command: "view.form" },
    { command: "view.log" },
    { command: "types.refresh" },
  ];
}

function canvasMenu(): MenuEntry[] {
  return [
    { command: "search.open" },
    { command: "edit.paste" },
    { command: "edit.pasteLinked" },
    { label: t("menu.note"), run: addNote },
    "line",
    { command: "edit.selectAll" },
    { command: "node.arrange" },
    { command: "search.document" },
    "line",
    { command: "run.queue" },
    { command: "subgraph.leave" },
    { label: t("menu.view"), entries: viewEntries() },
  ];
}

function nodeMenu(): MenuEntry[] {
  const many = (here()?.ids.length ?? 0) > 1;
  return [
    { command: "run.toHere" },
    "line",
    { command: "node.rename" },
    { command: "node.collapse" },
    { command: "node.bypass" },
    { command: "node.mute" },
    { command: "node.pin" },
    { label: t("menu.color"), entries: colors() },
    "line",
    { command: "edit.copy" },
    { command: "edit.cut" },
    { command: "edit.duplicate" },
    { command: "edit.duplicateLinked" },
    { command: "node.disconnect" },
    { command: "node.replace" },
    ...(many ? [{ label: t("menu.align"), entries: alignment() }] : []),
    { label: t("menu.select"), entries: [{ command: "edit.selectUpstream" }, { command: "edit.selectDownstream" }] },
    "line",
    { command: "group.add" },
    { command: "subgraph.make" },
    ...subgraphEntries(),
    { command: "panel.inspector" },
    "line",
    { command: "edit.deleteReconnect" },
    { command: "edit.delete" },
  ];
}

function subgraphEntries(): MenuEntry[] {
  const place = here();
  const isSub = place?.ids.some((id) => place.doc.subs[place.content.nodes[id]?.type ?? ""] !== undefined);
  if (!isSub) return [];
  return [{ command: "subgraph.enter" }, { command: "subgraph.unpack" }, { command: "subgraph.independent" }];
}

function groupMenu(): MenuEntry[] {
  return [
    { command: "node.rename" },
    { command: "group.select" },
    { command: "group.bypass" },
    { command: "group.mute" },
    { label: t("menu.color"), entries: colors() },
    "line",
    { command: "edit.delete" },
  ];
}

function linkMenu(id: LinkId, at?: Point): MenuEntry[] {
  const place = writable();
  const link = place?.content.links[id];
  if (place === null || link === undefined) return [];
  const point = at ?? ui.getState().canvas?.pointer() ?? [0, 0];
  return [
    {
      label: t("menu.addBetween"),
      run: () => openSearch({ at: point, link: { node: link.from, output: link.out } }),
    },
    {
      label: t("menu.reroute"),
      run: () =>
        edit(place.tab, t("menu.reroute"), (doc) => void addReroute(doc, place.layer, id, point), {
          layer: place.layer,
        }),
    },
    "line",
    {
      label: t("menu.disconnect"),
      run: () =>
        edit(place.tab, t("menu.disconnect"), (doc) => void disconnect(doc, place.layer, [id]), { layer: place.layer }),
    },
  ];
}

function colors(): MenuEntry[] {
  return COLORS.map(([name, color]) => ({ command: "node.color", arg: color, label: t(`color.${name}`), color }));
}

function alignment(): MenuEntry[] {
  const sides = ["left", "center", "right", "top", "middle", "bottom"];
  return [
    ...sides.map((side) => ({ command: `node.align.${side}` })),
    "line",
    { command: "node.distribute.horizontal" },
    { command: "node.distribute.vertical" },
    { command: "node.arrange" },
  ];
}

function addNote(): void {
  const place = writable();
  if (place === null) return;
  const pos = ui.getState().canvas?.pointer() ?? [0, 0];
  edit(
    place.tab,
    t("menu.note"),
    (doc): Item[] => {
      const base = { inputs: [], outputs: [], mode: MODE.always, values: { text: "" } };
      const id = addNode(doc, place.layer, { ...base, type: NOTE_TYPES[1] ?? "", pos, size: [240, 120] });
      return [{ kind: "node", id }];
    },
    { layer: place.layer },
  );
}
