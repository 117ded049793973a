// The node types that the server has, as a store. The browser keeps the last answer, so that a second start shows nodes
// at once and asks the server only whether something changed. Knows no document.

import { createStore } from "zustand/vanilla";
import { readTypes } from "../model/nodetypes";
import type { JsonObject } from "../model/types";
import { objectInfo } from "../server/api";
import type { TypesState } from "./shapes";

export const types = createStore<TypesState>(() => ({ types: new Map(), state: "loading", error: "" }));

/** What is shown, by the server's tag of it. */
let shown = "";

/** Set once the browser has an answer of the server to begin with the next time. */
const KEPT = "latentloom.types";

/** Show the types that the browser has from the last time, and bring them up to date. `state` tells how it went. */
export async function loadTypes(): Promise<void> {
  const storage = typeof localStorage === "undefined" ? undefined : localStorage;
  if (storage?.getItem(KEPT)) await fetchTypes("kept");
  await fetchTypes("fresh");
  if (types.getState().state === "ready") storage?.setItem(KEPT, "yes");
}

/** Ask the server for its types again, e.g. after a model or a pack was added. */
export async function refreshTypes(): Promise<void> {
  await fetchTypes("fresh");
}

async function fetchTypes(age: "kept" | "fresh"): Promise<void> {
  try {
    const { types: found, etag } = await objectInfo(age);
    if (etag === "" || etag !== shown) types.setState({ types: readTypes(found as unknown as JsonObject) });
    shown = etag;
    types.setState({ state: "ready", error: "" });
  } catch (error) {
    const known = types.getState().types.size > 0;
    types.setState({
      state: known ? "ready" : "failed",
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
