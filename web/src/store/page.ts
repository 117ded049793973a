// Small state of the page itself that no document and no panel owns: what was said last, how many runs are queued at
// once, whether only the canvas is shown, which node types were used lately. Knows no other store.

import { createStore } from "zustand/vanilla";

export interface PageState {
  /** For screen readers: what happened last that is seen, and not heard. */
  spoken: string;
  /** How often "run" queues the workflow. */
  runCount: number;
  /** Only the canvas is shown. */
  focusMode: boolean;
  /** Ids of node types, the latest used first. */
  recentTypes: string[];
}

const MOST_RECENT = 20;
const KEY = "latentloom.recent-types";

export const page = createStore<PageState>(() => ({
  spoken: "",
  runCount: 1,
  focusMode: false,
  recentTypes: readRecent(),
}));

/** Say something to screen readers only. */
export function announce(text: string): void {
  // The same text twice is said twice only if something in between was another.
  page.setState((state) => ({ spoken: state.spoken === text ? `${text}\u00a0` : text }));
}

export function usedType(id: string): void {
  const recentTypes = [id, ...page.getState().recentTypes.filter((other) => other !== id)].slice(0, MOST_RECENT);
  page.setState({ recentTypes });
  try {
    localStorage.setItem(KEY, JSON.stringify(recentTypes));
  } catch {
    // Without storage the list lives as long as the page.
  }
}

function readRecent(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}
