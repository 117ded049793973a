// The editor's canvas as it is, with its stores and widgets, and without the panels around it.

import { createRoot } from "react-dom/client";
import "../src/theme.css";
import { Canvas } from "../src/canvas/Canvas";
import { readUi } from "../src/model/comfy";
import { readTypes } from "../src/model/nodetypes";
import type { DocNode, JsonObject } from "../src/model/types";
import { docs, openDoc } from "../src/store/docs";
import { runs } from "../src/store/runs";
import { settings } from "../src/store/settings";
import { types } from "../src/store/types";
import { setView, ui } from "../src/store/ui";
import { objectInfo, uiJson } from "./graph";

const CLOSE = 0.7;
const TOP = 40;

export async function open(root: HTMLElement, n: number, fit: boolean): Promise<number> {
  Object.assign(window, { __latentloom: { docs, ui, runs, types, settings, load } });
  const text = uiJson(n);
  types.setState({ types: readTypes(objectInfo()), state: "ready", error: "" });
  const start = performance.now();
  const { doc } = readUi(JSON.parse(text) as JsonObject);
  const tab = openDoc(doc, { title: "bench" });
  if (!fit) setView(tab, "", { x: 0, y: TOP, zoom: CLOSE });
  createRoot(root).render(<Canvas />);
  // Until every node that is seen has its element, or is painted as a box.
  await new Promise<void>((resolve) => {
    const isSeen = ({ pos: [x, y] }: DocNode) => x < innerWidth / CLOSE && y < (innerHeight - TOP) / CLOSE;
    const seen = fit ? [] : Object.values(doc.root.nodes).filter(isSeen);
    const look = () => {
      const isThere = seen.every((node) => document.querySelector(`[data-node="${node.id}"]`) !== null);
      if (ui.getState().canvas !== null && isThere) requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  return performance.now() - start;
}

/** Open another document with other node types; for pictures of it and for tests of gestures. */
function load(info: JsonObject, document: JsonObject): string {
  types.setState({ types: readTypes(info), state: "ready", error: "" });
  return openDoc(readUi(document).doc, { title: "loaded" });
}
