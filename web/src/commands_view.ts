// Commands that change what is seen and nothing else: panels, zoom, search, menus, modes. Knows the view's store and the
// canvas's handle.

import type { CommandTable } from "./commands";
import { hasDocument, here } from "./here";
import type { NodeId, Point } from "./model/types";
import { page } from "./store/page";
import { setSetting, settings } from "./store/settings";
import type { PanelName, UiState } from "./store/shapes";
import { leave, openDialog, togglePanel, ui } from "./store/ui";

const ZOOM_STEP = 1.25;
const PANELS: PanelName[] = [
  "queue",
  "gallery",
  "nodes",
  "workflows",
  "models",
  "templates",
  "inspector",
  "settings",
  "training",
  "keys",
];
const LINKS: UiState["links"][] = ["shown", "selected", "hidden"];

export const viewCommands: CommandTable = {
  ...Object.fromEntries(
    PANELS.map((name) => [
      `panel.${name}`,
      { group: "panel" as const, checked: () => ui.getState().panel === name, run: () => togglePanel(name) },
    ]),
  ),
  "panel.history": { group: "panel", run: () => ui.setState({ panel: "queue" }) },
  "panel.close": {
    group: "panel",
    enabled: () => ui.getState().panel !== null,
    run: () => ui.setState({ panel: null }),
  },
  "view.focus": {
    group: "view",
    checked: () => page.getState().focusMode,
    run: () => page.setState((state) => ({ focusMode: !state.focusMode })),
  },
  "view.minimap": {
    group: "view",
    checked: () => ui.getState().minimap,
    run: () => ui.setState((state) => ({ minimap: !state.minimap })),
  },
  "view.links": {
    group: "view",
    run: () => ui.setState((state) => ({ links: LINKS[(LINKS.indexOf(state.links) + 1) % LINKS.length] ?? "shown" })),
  },
  "view.snap": {
    group: "view",
    checked: () => settings.getState().snap,
    run: () => setSetting("snap", !settings.getState().snap),
  },
  "view.select": {
    group: "view",
    checked: () => ui.getState().mode === "select",
    run: () => ui.setState({ mode: "select" }),
  },
  "view.hand": {
    group: "view",
    checked: () => ui.getState().mode === "hand",
    run: () => ui.setState({ mode: "hand" }),
  },
  "view.fit": {
    group: "view",
    enabled: hasDocument,
    run: () => {
      const ids = here()?.ids ?? [];
      ui.getState().canvas?.fit(ids.length > 0 ? ids : undefined);
    },
  },
  "view.fitAll": { group: "view", enabled: hasDocument, run: () => ui.getState().canvas?.fit() },
  "view.zoomIn": { group: "view", run: () => ui.getState().canvas?.zoomBy(ZOOM_STEP) },
  "view.zoomOut": { group: "view", run: () => ui.getState().canvas?.zoomBy(1 / ZOOM_STEP) },
  "view.form": {
    group: "view",
    checked: () => ui.getState().panel === "inspector" && (here()?.items.length ?? 0) === 0,
    run: () => {
      const place = here();
      if (place !== null) ui.setState((state) => ({ selection: { ...state.selection, [place.tab]: [] } }));
      togglePanel("inspector");
    },
  },
  "view.log": { group: "view", run: () => openDialog({ kind: "log" }) },
  "view.escape": { group: "view", run: escape },
  "search.open": {
    group: "node",
    enabled: hasDocument,
    run: (at) => {
      const point = Array.isArray(at) ? (at as unknown as Point) : ui.getState().canvas?.pointer();
      ui.setState({ search: { at: point ?? [0, 0] } });
    },
  },
  "search.document": { group: "view", enabled: hasDocument, run: () => openDialog({ kind: "find" }) },
  "commands.list": { group: "view", run: () => openDialog({ kind: "commands" }) },
  "menu.open": {
    group: "view",
    enabled: hasDocument,
    run: () => {
      const place = here();
      const canvas = ui.getState().canvas;
      if (place === null || canvas === null) return;
      const id: NodeId | undefined = place.ids[0];
      const node = id === undefined ? undefined : place.content.nodes[id];
      const at = canvas.graphToScreen(node?.pos ?? canvas.pointer());
      openDialog({ kind: "menu", at, target: id === undefined ? { kind: "canvas" } : { kind: "node", id } });
    },
  },
};

/** Escape goes one step back: dialog, search, selection, subgraph, panel. */
function escape(): void {
  const state = ui.getState();
  const place = here();
  const panel = document.activeElement?.closest("[data-panel]");
  if (state.dialog !== null) ui.setState({ dialog: null });
  else if (state.search !== null) ui.setState({ search: null });
  else if (panel && state.panel !== null) {
    ui.setState({ panel: null });
    document.querySelector<HTMLElement>("[data-canvas]")?.focus({ preventScroll: true });
  } else if (page.getState().focusMode) page.setState({ focusMode: false });
  // Leaving comes before letting go, as in ComfyUI: the node left is selected, and the next press leaves on.
  else if (place !== null && place.path.length > 0) leave(place.tab);
  else if (place !== null && place.items.length > 0)
    ui.setState({ selection: { ...state.selection, [place.tab]: [] } });
  else if (state.panel !== null) ui.setState({ panel: null });
}
