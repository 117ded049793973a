// The node types that the server has, as a store. The browser keeps the last answer, so that a second start shows nodes
// at once and asks the server only whether something changed. Descriptions and tooltips follow when there is time for
// them, or when somebody wants to read them. Knows no document.

import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { addWords, readTypes } from "../model/nodetypes";
import type { JsonObject } from "../model/types";
import { nodeTypes, nodeWords } from "../server/api";
import type { TypesState } from "./shapes";

export const types = createStore<TypesState>(() => ({ types: new Map(), state: "loading", error: "", worded: 0 }));

/** What is shown, by the server's tag of it. */
let shown = "";
/** The words of what is shown, once they were asked for. */
let words: Promise<void> | null = null;

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

/** Bring what the types say of themselves, unless it is there. What cannot be fetched is asked for the next time. */
export function loadWords(): Promise<void> {
  words ??= fetchWords();
  return words;
}

/** Draw again when words come, and ask for them. */
export function useWords(): void {
  useStore(types, (state) => state.worded);
  useEffect(() => void loadWords(), []);
}

async function fetchWords(): Promise<void> {
  try {
    addWords(types.getState().types, await nodeWords());
    types.setState(({ worded }) => ({ worded: worded + 1 }));
  } catch {
    words = null;
  }
}

async function fetchTypes(age: "kept" | "fresh"): Promise<void> {
  try {
    const { types: found, etag } = await nodeTypes(age);
    if (etag === "" || etag !== shown) {
      const wanted = words !== null;
      words = null;
      types.setState({ types: readTypes(found as unknown as JsonObject) });
      if (wanted) void loadWords();
    }
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
