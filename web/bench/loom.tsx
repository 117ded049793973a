// The editor's canvas as it is, with its stores and widgets, and without the panels around it.

import { createRoot } from "react-dom/client";
import "../src/theme.css";
import { Canvas } from "../src/canvas/Canvas";
import { readUi } from "../src/model/comfy";
import { readTypes } from "../src/model/nodetypes";
import type { JsonObject } from "../src/model/types";
import { docs, openDoc } from "../src/store/docs";
import { runs } from "../src/store/runs";
import { settings } from "../src/store/settings";
import { types } from "../src/store/types";
import { setView, ui } from "../src/store/ui";
import { objectInfo, uiJson } from "./graph";

const CLOSE = 0.7;

export async function open(root: HTMLElement, n: number, fit: boolean): Promise<number> {
  Object.assign(window, { __latentloom: { docs, ui, runs, types, settings, load } });
  const text = uiJson(n);
  types.setState({ types: readTypes(objectInfo()), state: "ready", error: "" });
  const start = performance.now();
  const { doc } = readUi(JSON.parse(text) as JsonObject);
  const tab = openDoc(doc, { title: "bench" });
  if (!fit) setView(tab, "", { x: 0, y: 40, zoom: CLOSE });
  createRoot(root).render(<Canvas />);
  // Until all nodes that are seen have their elements, or are painted as boxes.
  const wanted = fit ? 0 : 12;
  await new Promise<void>((resolve) => {
    const look = () => {
      const canvas = ui.getState().canvas;
      const count = document.querySelectorAll("[data-node]").length;
      if (canvas !== null && count >= wanted) requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
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
