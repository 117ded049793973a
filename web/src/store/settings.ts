// What the user chose for this browser: look, language, keys, habits. Kept in localStorage and followed by every
// browser tab. Knows nothing of documents, and does nothing with a choice itself: who is concerned subscribes.

import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";

export interface Settings {
  theme: "system" | "dark" | "light" | "contrast";
  /** "auto": as the browser says. */
  language: "auto" | "en" | "zh-CN";
  keyPreset: "comfy" | "blender";
  /** By command: these keys instead of the preset's. */
  customKeys: Record<string, string[]>;
  /** Whether nodes snap to the grid while they are dragged; Shift does the opposite. */
  snap: boolean;
  gridSize: number;
  linkStyle: "curve" | "straight" | "step";
  motion: "system" | "reduced" | "full";
  /** What the wheel does over the canvas; with Ctrl it does the other. */
  wheel: "zoom" | "pan";
  /** Pictures while a run goes on. */
  previews: boolean;
  /** Height of pictures on nodes, in graph units. */
  previewSize: number;
  /** Whether changes go to the document's own file on the server by themselves. The journal does not depend on it. */
  autosave: boolean;
}

export const DEFAULT_SETTINGS: Readonly<Settings> = {
  theme: "system",
  language: "auto",
  keyPreset: "comfy",
  customKeys: {},
  snap: false,
  gridSize: 10,
  linkStyle: "curve",
  motion: "system",
  wheel: "zoom",
  previews: true,
  previewSize: 220,
  autosave: false,
};

const KEY = "latentloom.settings";
const CHOICES: Partial<Record<keyof Settings, readonly string[]>> = {
  theme: ["system", "dark", "light", "contrast"],
  language: ["auto", "en", "zh-CN"],
  keyPreset: ["comfy", "blender"],
  linkStyle: ["curve", "straight", "step"],
  motion: ["system", "reduced", "full"],
  wheel: ["zoom", "pan"],
};

export const settings = createStore<Settings>(() => ({ ...DEFAULT_SETTINGS, ...readStored() }));

/** Change one setting, or several; they are kept for the next start. */
export function setSetting<K extends keyof Settings>(name: K, value: Settings[K]): void {
  setSettings({ [name]: value } as Partial<Settings>);
}

export function setSettings(changes: Partial<Settings>): void {
  settings.setState(changes);
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.getState()));
  } catch {
    // Without storage a choice holds until the page is closed.
  }
}

export function resetSettings(): void {
  setSettings({ ...DEFAULT_SETTINGS });
}

/** A setting's value; the component is drawn again when it changes. */
export function useSetting<K extends keyof Settings>(name: K): Settings[K] {
  return useStore(settings, (state) => state[name]);
}

/** Take over what other browser tabs change; returns what ends it. */
export function followSettings(): () => void {
  const listener = (event: StorageEvent) => {
    if (event.key === KEY || event.key === null) settings.setState({ ...DEFAULT_SETTINGS, ...readStored() });
  };
  window.addEventListener("storage", listener);
  return () => window.removeEventListener("storage", listener);
}

/** Read what is stored; of an unfit entry, such as an older version's, nothing is taken. */
function readStored(): Partial<Settings> {
  let stored: unknown;
  try {
    stored = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
  if (typeof stored !== "object" || stored === null) return {};
  const found: Record<string, unknown> = {};
  for (const [name, usual] of Object.entries(DEFAULT_SETTINGS)) {
    const value = (stored as Record<string, unknown>)[name];
    if (typeof value !== typeof usual || value === null) continue;
    const choices = CHOICES[name as keyof Settings];
    if (choices !== undefined && !choices.includes(value as string)) continue;
    found[name] = value;
  }
  return found as Partial<Settings>;
}
