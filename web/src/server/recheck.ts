// Looks again at documents with problems a moment after they were edited. What checks them is fetched with the first run,
// before which there are no problems. Knows the stores; shows nothing.

import { docs } from "../store/docs";
import { runs } from "../store/runs";

const RECHECK_MS = 500;

/** Begin to look. Returns what ends it. */
export function recheckEdited(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = docs.subscribe((state, before) => {
    const tab = state.active;
    if (tab === null || state.byId[tab]?.doc === before.byId[tab]?.doc) return;
    if ((runs.getState().problems[tab] ?? []).length === 0) return;
    clearTimeout(timer);
    timer = setTimeout(() => void recheck(tab), RECHECK_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

async function recheck(tab: string): Promise<void> {
  await (await import("./submit")).recheck(tab);
}
