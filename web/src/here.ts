// Where the user is: the open document, the layer that is shown, what is selected. Read at the moment a command runs;
// draws nothing and changes nothing.

import { layerAt } from "./model/definitions";
import { type Doc, type Item, type Layer, type LayerKey, layerOf, type NodeId, ROOT } from "./model/types";
import { docs } from "./store/docs";
import type { OpenDoc } from "./store/shapes";
import { ui } from "./store/ui";

export interface Here {
  tab: string;
  open: OpenDoc;
  doc: Doc;
  layer: LayerKey;
  content: Layer;
  path: NodeId[];
  items: Item[];
  /** The selected nodes. */
  ids: NodeId[];
}

/** Return the active document with its layer and selection, or null when nothing is open. */
export function here(): Here | null {
  const { active, byId } = docs.getState();
  const open = active === null ? undefined : byId[active];
  if (open === undefined) return null;
  const path = ui.getState().path[open.id] ?? [];
  const layer = layerAt(open.doc, path) ?? ROOT;
  const content = layerOf(open.doc, layer) ?? open.doc.root;
  const items = ui.getState().selection[open.id] ?? [];
  return {
    tab: open.id,
    open,
    doc: open.doc,
    layer,
    content,
    path,
    items,
    ids: items.flatMap((item) => (item.kind === "node" && content.nodes[item.id] ? [item.id] : [])),
  };
}

/** Return `here()` if the document may be changed. */
export function writable(): Here | null {
  const place = here();
  return place === null || place.open.readOnly ? null : place;
}

export function hasDocument(): boolean {
  return here() !== null;
}

export function canEdit(): boolean {
  return writable() !== null;
}

export function hasSelection(): boolean {
  return (writable()?.items.length ?? 0) > 0;
}

export function hasNodes(): boolean {
  return (writable()?.ids.length ?? 0) > 0;
}
