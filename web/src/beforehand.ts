// Fetches what the first presses will ask for once the page stands and has nothing to do, so that nobody waits for it and
// the start does not either. Knows only that there are loaders.

import { loadWords } from "./store/types";

/** So long after the start at the earliest, and so long after that at the latest. */
const REST_MS = 1_000;
const PATIENCE_MS = 4_000;

/** What commands ask for, and what tooltips say. */
const LATER: (() => Promise<unknown>)[] = [
  loadWords,
  () => import("./server/submit"),
  () => import("./model/subgraph"),
  () => import("./model/arrange"),
];

/** Fetch these, and what commands need, one after the other. */
export function beforehand(loaders: (() => Promise<unknown>)[]): void {
  const fetchAll = async () => {
    // A part that does not come now is asked for again, and missed, when it is needed.
    for (const load of [...loaders, ...LATER]) await load().catch(() => undefined);
  };
  setTimeout(() => {
    if (typeof requestIdleCallback === "function") requestIdleCallback(() => void fetchAll(), { timeout: PATIENCE_MS });
    else void fetchAll();
  }, REST_MS);
}
