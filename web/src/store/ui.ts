// The view: what is selected, where one looks, what stands open. Gone with the page but for paths and views, which
// the journal keeps. Knows documents only by their tabs' ids, and draws nothing.

import { createStore } from "zustand/vanilla";
import {
  type Doc,
  type Item,
  type Layer,
  type LayerKey,
  layerOf,
  type NodeId,
  type NodePath,
  ROOT,
} from "../model/types";
import { docs } from "./docs";
import type { CanvasHandle, Dialog, PanelName, SearchRequest, UiState, View } from "./shapes";

export type Level = UiState["toasts"][number]["level"];

export const ui = createStore<UiState>(() => ({
  path: {},
  selection: {},
  views: {},
  panel: null,
  search: null,
  dialog: null,
  toasts: [],
  canvas: null,
  mode: "select",
  minimap: true,
  links: "shown",
  focus: null,
}));

/** More toasts than this are not shown at once; the oldest go. */
const MOST_TOASTS = 5;
const NO_PATH: readonly NodeId[] = [];
const NO_ITEMS: readonly Item[] = [];

// ---- selection -----------------------------------------------------------------------------------------------

/** Select exactly these. An equal selection is left as it is, so that nothing is drawn again. */
export function select(tab: string, items: Item[]): void {
  const before = ui.getState().selection[tab] ?? NO_ITEMS;
  if (before.length === items.length && before.every((item, at) => sameItem(item, items[at]))) return;
  ui.setState((state) => ({ selection: { ...state.selection, [tab]: items } }));
}

/** Add or take away one. */
export function toggleSelected(tab: string, item: Item): void {
  const before = selectionOf(tab);
  const without = before.filter((other) => !sameItem(other, item));
  select(tab, without.length < before.length ? without : [...before, item]);
}

export function selectionOf(tab: string): Item[] {
  return ui.getState().selection[tab] ?? (NO_ITEMS as Item[]);
}

/** Ids of the selected nodes. */
export function selectedNodes(tab: string): NodeId[] {
  return selectionOf(tab).flatMap((item) => (item.kind === "node" ? [item.id] : []));
}

function sameItem(one: Item, other: Item | undefined): boolean {
  return other !== undefined && one.kind === other.kind && one.id === other.id;
}

// ---- layers and views ----------------------------------------------------------------------------------------

/** Where one is: the active tab and the layer shown. null when no tab is open. */
export function activeLayer(): { tab: string; layer: LayerKey; path: NodeId[]; doc: Doc; content: Layer } | null {
  const { active, byId } = docs.getState();
  const open = active === null ? undefined : byId[active];
  if (open === undefined) return null;
  const path = pathOf(open.id);
  const key = keyAt(open.doc, path);
  const content = key === undefined ? undefined : layerOf(open.doc, key);
  if (key === undefined || content === undefined) {
    return { tab: open.id, layer: ROOT, path: [], doc: open.doc, content: open.doc.root };
  }
  return { tab: open.id, layer: key, path, doc: open.doc, content };
}

export function pathOf(tab: string): NodeId[] {
  return ui.getState().path[tab] ?? (NO_PATH as NodeId[]);
}

/** The layer that a path of subgraph nodes leads to, or undefined when it leads nowhere. */
export function keyAt(doc: Doc, path: readonly NodeId[]): LayerKey | undefined {
  let key: LayerKey = ROOT;
  for (const id of path) {
    const type = layerOf(doc, key)?.nodes[id]?.type;
    if (type === undefined || doc.subs[type] === undefined) return undefined;
    key = type;
  }
  return key;
}

/** Show the layer that this path leads to; the selection ends, as it belongs to the layer left. */
export function setPath(tab: string, path: NodeId[]): void {
  const before = pathOf(tab);
  if (before.length === path.length && before.every((id, at) => id === path[at])) return;
  ui.setState((state) => ({
    path: { ...state.path, [tab]: path },
    selection: { ...state.selection, [tab]: [] },
    search: null,
  }));
}

/** Go into a subgraph node of the layer shown. */
export function enter(tab: string, id: NodeId): void {
  setPath(tab, [...pathOf(tab), id]);
}

/** Go back to the enclosing layer; the node left is selected. */
export function leave(tab: string): void {
  const path = pathOf(tab);
  const last = path.at(-1);
  if (last === undefined) return;
  setPath(tab, path.slice(0, -1));
  select(tab, [{ kind: "node", id: last }]);
}

export function viewKey(tab: string, layer: LayerKey): string {
  return `${tab} ${layer}`;
}

export function viewOf(tab: string, layer: LayerKey): View | undefined {
  return ui.getState().views[viewKey(tab, layer)];
}

/** Remember where one looks; to be called when a pan or zoom ends, not at every frame. */
export function setView(tab: string, layer: LayerKey, view: View): void {
  ui.setState((state) => ({ views: { ...state.views, [viewKey(tab, layer)]: view } }));
}

/** Forget what belongs to a closed tab. */
export function forgetTab(tab: string): void {
  ui.setState((state) => {
    const views = Object.fromEntries(Object.entries(state.views).filter(([key]) => !key.startsWith(`${tab} `)));
    const { [tab]: _path, ...path } = state.path;
    const { [tab]: _selection, ...selection } = state.selection;
    return { views, path, selection };
  });
}

/** Show a node by its path from the root, selected and with the focus on an input if one is named. */
export function reveal(tab: string, path: NodePath, input: string | null = null): void {
  const ids = path.split(":");
  const id = ids.pop();
  if (id === undefined) return;
  setPath(tab, ids);
  select(tab, [{ kind: "node", id }]);
  ui.setState({ focus: { path, input } });
  const focus = () => ui.getState().canvas?.focusNode(id, input === null ? undefined : { input });
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(focus);
}

// ---- what stands open ----------------------------------------------------------------------------------------

export function setPanel(panel: PanelName | null): void {
  ui.setState({ panel });
}

export function togglePanel(panel: PanelName): void {
  ui.setState((state) => ({ panel: state.panel === panel ? null : panel }));
}

export function openSearch(search: SearchRequest): void {
  ui.setState({ search });
}

export function closeSearch(): void {
  ui.setState({ search: null });
}

export function openDialog(dialog: Dialog): void {
  ui.setState({ dialog });
}

/** Close the dialog; with `kind` only if it is the one that is open. */
export function closeDialog(kind?: string): void {
  ui.setState((state) => (kind === undefined || state.dialog?.kind === kind ? { dialog: null } : {}));
}

export function setCanvas(canvas: CanvasHandle | null): void {
  ui.setState({ canvas });
}

export function setMode(mode: UiState["mode"]): void {
  ui.setState({ mode });
}

export function setMinimap(minimap: boolean): void {
  ui.setState({ minimap });
}

export function setLinks(links: UiState["links"]): void {
  ui.setState({ links });
}

export function setFocus(focus: UiState["focus"]): void {
  ui.setState({ focus });
}

// ---- toasts --------------------------------------------------------------------------------------------------

/** Say something to the user. The same text is not said twice at once. Returns the toast's id. */
export function toast(level: Level, text: string, action?: { label: string; run: () => void }): number {
  const { toasts } = ui.getState();
  const same = toasts.find((one) => one.level === level && one.text === text && action === undefined);
  if (same !== undefined) return same.id;
  const id = Math.max(0, lastToast, ...toasts.map((one) => one.id)) + 1;
  lastToast = id;
  ui.setState({ toasts: [...toasts, { id, level, text, ...(action && { action }) }].slice(-MOST_TOASTS) });
  return id;
}

export function dismissToast(id: number): void {
  ui.setState((state) => ({ toasts: state.toasts.filter((one) => one.id !== id) }));
}

let lastToast = 0;
