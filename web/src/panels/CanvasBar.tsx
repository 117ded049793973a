// The small bar over the canvas: select or hand, zoom, fit, undo, map. Redrawn when what it shows changes.
// Knows commands by name only.

import { useStore } from "zustand";
import { t } from "../i18n";
import { docs } from "../store/docs";
import { ui } from "../store/ui";
import { CommandButton } from "./CommandButton";

export function CanvasBar() {
  const mode = useStore(ui, (state) => state.mode);
  const minimap = useStore(ui, (state) => state.minimap);
  // Undo and redo are on or off by what this document's history holds.
  useStore(docs, (state) => {
    const open = state.active === null ? undefined : state.byId[state.active];
    return `${open?.id} ${open?.past.length === 0} ${open?.future.length === 0} ${open?.readOnly}`;
  });
  return (
    <div className="canvas-bar" role="toolbar" aria-label={t("shell.view")}>
      <CommandButton id="edit.undo" icon="undo" className="icon-button" />
      <CommandButton id="edit.redo" icon="redo" className="icon-button" />
      <span className="divider" />
      <CommandButton id="view.select" icon="pointer" className="icon-button" pressed={mode === "select"} />
      <CommandButton id="view.hand" icon="hand" className="icon-button" pressed={mode === "hand"} />
      <span className="divider" />
      <CommandButton id="view.zoomOut" icon="minus" className="icon-button" />
      <CommandButton id="view.zoomIn" icon="plus" className="icon-button" />
      <CommandButton id="view.fit" icon="fit" className="icon-button" />
      <CommandButton id="view.minimap" icon="map" className="icon-button" pressed={minimap} />
      <span className="divider" />
      <CommandButton id="search.open" icon="search" className="icon-button" />
    </div>
  );
}
