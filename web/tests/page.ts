// A browser tab's worth of the editor's stores for tests: modules of its own over a database, channel and locks that
// all tabs of a test share. Knows nothing of what is tested.

import * as database from "fake-indexeddb";
import { vi } from "vitest";

export interface TabPage {
  docs: typeof import("../src/store/docs");
  restore: typeof import("../src/store/restore");
  ui: typeof import("../src/store/ui");
  stop: () => Promise<void>;
  first: boolean;
}

/** Begin with an empty browser. */
export function freshBrowser(): void {
  for (const [name, value] of Object.entries(database)) if (name.startsWith("IDB")) vi.stubGlobal(name, value);
  vi.stubGlobal("indexedDB", new database.IDBFactory());
  vi.stubGlobal("window", new EventTarget());
}

/** Open the page in one more tab of the browser, with all that it restores. */
export async function openPage(): Promise<TabPage> {
  vi.resetModules();
  const docs = await import("../src/store/docs");
  const restore = await import("../src/store/restore");
  const ui = await import("../src/store/ui");
  const { first, others, stop } = await restore.startDocs();
  await others;
  return { docs, restore, ui, stop, first };
}

/** Wait until something is so; fails after `seconds`. */
export async function until(test: () => boolean, seconds = 5): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!test()) {
    if (Date.now() > end) throw new Error(`not so after ${seconds} s: ${test}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
