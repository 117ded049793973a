// Starts the editor: what was open is restored, node types are fetched, runs are followed, keys and the clipboard are
// listened to, and the page is drawn. Knows every part by its front door, and none from within.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { beforehand } from "./beforehand";
import { bindClipboard } from "./clipboard";
import { sayError } from "./commands";
import { bindDrops } from "./drops";
import { setLanguage } from "./i18n";
import { bindKeys } from "./keys";
import { Shell, soonWanted } from "./panels/Shell";
import { docs, openTemplate } from "./store/docs";
import { startDocs } from "./store/restore";
import { runs } from "./store/runs";
import { followSettings, type Settings, settings } from "./store/settings";
import { loadTypes, types } from "./store/types";
import { toast, ui } from "./store/ui";
import "./theme.css";
import "./panels/topbar.css";
import "./panels/shell.css";
import "./panels/popups.css";

declare global {
  interface Window {
    __latentloom?: {
      docs: typeof docs;
      ui: typeof ui;
      runs: typeof runs;
      types: typeof types;
      settings: typeof settings;
    };
  }
}

async function start(): Promise<void> {
  look(settings.getState());
  settings.subscribe(look);
  followSettings();
  if (new URLSearchParams(location.search).has("test")) window.__latentloom = { docs, ui, runs, types, settings };
  const loaded = loadTypes();
  const restored = startDocs();
  const history = restored.then(() => docs.getState().order.length > 0);
  await Promise.all([restored, speak(settings.getState()), openAddressed(restored)]);
  settings.subscribe((state, before) => {
    if (state.language !== before.language) void speak(state);
  });
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no element for the editor");
  createRoot(root).render(
    <StrictMode>
      <Shell />
    </StrictMode>,
  );
  bindKeys(window);
  bindClipboard(window);
  bindDrops(window);
  // After the first frame: a graph can be looked at and changed before its runs are followed.
  const { startRuns } = await import("./server/run");
  startRuns({ history: await history });
  beforehand(soonWanted);
  await loaded;
}

/** Open the template that the page's address names (`/?template=NAME`), once. */
async function openAddressed(restored: Promise<unknown>): Promise<void> {
  const address = new URL(location.href);
  const name = address.searchParams.get("template");
  if (name === null) return;
  address.searchParams.delete("template");
  window.history.replaceState(null, "", address);
  try {
    await openTemplate(name, restored);
  } catch (error) {
    toast("error", sayError(error));
  }
}

/** Bring theme and motion to where the style sheet reads them. */
function look({ theme, motion }: Settings): void {
  const root = document.documentElement;
  const dark = !window.matchMedia("(prefers-color-scheme: light)").matches;
  const contrast = window.matchMedia("(prefers-contrast: more)").matches;
  root.dataset.theme = theme === "system" ? (contrast ? "contrast" : dark ? "dark" : "light") : theme;
  root.dataset.motion = motion;
}

function speak({ language }: Settings): Promise<void> {
  const wanted = navigator.languages?.some((name) => name.toLowerCase().startsWith("zh"));
  return setLanguage(language === "auto" ? (wanted ? "zh-CN" : "en") : language);
}

void start();
