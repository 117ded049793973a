import { afterEach, beforeEach, expect, it, vi } from "vitest";

const kept = new Map<string, string>();
beforeEach(() => {
  kept.clear();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  });
});
afterEach(() => vi.unstubAllGlobals());

async function load(): Promise<typeof import("../src/store/settings")> {
  vi.resetModules();
  return import("../src/store/settings");
}

it("what was chosen is there at the next start, and what was not is as usual", async () => {
  const one = await load();
  one.setSetting("theme", "contrast");
  one.setSetting("customKeys", { "edit.undo": ["Ctrl+U"] });
  const two = await load();
  const changed = { theme: "contrast", customKeys: { "edit.undo": ["Ctrl+U"] } };
  expect(two.settings.getState()).toEqual({ ...two.DEFAULT_SETTINGS, ...changed });
  two.resetSettings();
  expect((await load()).settings.getState()).toEqual(two.DEFAULT_SETTINGS);
});

it.each([
  ["no JSON", "{"],
  ["no object", "3"],
  ["values of other kinds", JSON.stringify({ theme: "pink", snap: "yes", gridSize: null, more: 1 })],
])("of a stored entry that is unfit (%s) nothing is taken", async (_name, text) => {
  kept.set("latentloom.settings", text);
  const { settings, DEFAULT_SETTINGS } = await load();
  expect(settings.getState()).toEqual(DEFAULT_SETTINGS);
});

it("what another browser tab chooses is followed", async () => {
  const page = new EventTarget();
  vi.stubGlobal("window", page);
  const { followSettings, settings } = await load();
  const stop = followSettings();
  kept.set("latentloom.settings", JSON.stringify({ theme: "light" }));
  page.dispatchEvent(Object.assign(new Event("storage"), { key: "latentloom.settings" }));
  expect(settings.getState().theme).toBe("light");
  stop();
});
