// The page: bar at the top, rail of panels, the canvas in the middle, the open panel, dialogs and what is said to the
// user. Panels are fetched when they are first opened. Knows which panels there are, and nothing of what they do.

import {
  type ComponentType,
  type LazyExoticComponent,
  lazy,
  type RefObject,
  Suspense,
  useEffect,
  useLayoutEffect,
  useRef,
} from "react";
import { useStore } from "zustand";
import { Canvas } from "../canvas/Canvas";
import { t, useLanguage } from "../i18n";
import { docs } from "../store/docs";
import { page } from "../store/page";
import type { PanelName } from "../store/shapes";
import { ui } from "../store/ui";
import { CanvasBar } from "./CanvasBar";
import { Menu } from "./Menu";
import { PanelIcon, type PanelIconName } from "./PanelIcon";
import { RunBar } from "./RunBar";
import { Search } from "./Search";
import { SidePanel } from "./SidePanel";
import { Breadcrumb, Tabs } from "./Tabs";
import { Toasts } from "./Toasts";

const PANELS: Record<PanelName, LazyExoticComponent<ComponentType>> = {
  queue: lazy(() => import("./Queue")),
  gallery: lazy(() => import("./Gallery")),
  nodes: lazy(() => import("./Library").then((module) => ({ default: module.Nodes }))),
  workflows: lazy(() => import("./Library").then((module) => ({ default: module.Workflows }))),
  models: lazy(() => import("./Library").then((module) => ({ default: module.Models }))),
  templates: lazy(() => import("./Templates")),
  inspector: lazy(() => import("./Inspector")),
  settings: lazy(() => import("./Settings")),
  training: lazy(() => import("./Training")),
  keys: lazy(() => import("./Settings").then((module) => ({ default: module.Keys }))),
};
const loadDialogs = () => import("./Dialogs");
const Dialogs = lazy(loadDialogs);
/** So long after the start the dialogs are fetched. */
const PRELOAD_MS = 3_000;
const FirstRun = lazy(() => import("./Templates").then((module) => ({ default: module.FirstRun })));

/** The panels of the rail, in order; those after the gap stand at its end. */
const RAIL: PanelName[] = ["workflows", "nodes", "queue", "gallery", "inspector", "models", "templates", "training"];
const RAIL_END: PanelName[] = ["keys", "settings"];
/** These open on the right, beside what they are about. */
const ON_RIGHT: PanelName[] = ["inspector", "training"];

export function Shell() {
  const language = useLanguage();
  const panel = useStore(ui, (state) => state.panel);
  const hasDialog = useStore(ui, (state) => state.dialog !== null && state.dialog.kind !== "menu");
  const isOpen = useStore(docs, (state) => state.active !== null);
  const title = useStore(docs, (state) => (state.active === null ? "" : (state.byId[state.active]?.title ?? "")));
  const stage = useSteadyGraph();
  useEffect(() => {
    document.title = title === "" ? "Latentloom" : `${title} - Latentloom`;
  }, [title]);
  const focusMode = useStore(page, (state) => state.focusMode);
  useEffect(() => {
    // Ahead of the first dialog, when nothing else is going on.
    const timer = window.setTimeout(() => void loadDialogs().catch(() => undefined), PRELOAD_MS);
    return () => window.clearTimeout(timer);
  }, []);
  const Open = panel === null ? null : PANELS[panel];
  const side = panel === null ? "none" : ON_RIGHT.includes(panel) ? "right" : "left";
  return (
    <div className="shell" key={language} data-side={side} data-focus={focusMode || undefined}>
      <a className="skip-link" href="#canvas">
        {t("shell.skip")}
      </a>
      <header className="topbar">
        <Tabs />
        <RunBar />
      </header>
      <nav className="rail" aria-label={t("shell.panels")}>
        {RAIL.map((name) => (
          <RailButton key={name} name={name} open={panel === name} />
        ))}
        <span className="rail-gap" />
        {RAIL_END.map((name) => (
          <RailButton key={name} name={name} open={panel === name} />
        ))}
      </nav>
      <main ref={stage} className="stage" id="canvas" tabIndex={-1} aria-label={t("shell.canvas")}>
        {isOpen ? (
          <>
            <h1 className="sr-only">{title}</h1>
            <Breadcrumb />
            <Canvas />
            <CanvasBar />
          </>
        ) : (
          <Suspense fallback={<p className="empty">{t("shell.loading")}</p>}>
            <FirstRun />
          </Suspense>
        )}
        <Search />
        <Menu />
      </main>
      {Open !== null && (
        <SidePanel side={side} key={side}>
          <Suspense fallback={<p className="empty">{t("shell.loading")}</p>}>
            <Open />
          </Suspense>
        </SidePanel>
      )}
      {hasDialog && (
        <Suspense fallback={null}>
          <Dialogs />
        </Suspense>
      )}
      <Toasts />
    </div>
  );
}

/** When a panel opens beside the canvas the graph stays where it is on the screen. */
function useSteadyGraph(): RefObject<HTMLElement | null> {
  const stage = useRef<HTMLElement>(null);
  const left = useRef<number | null>(null);
  const steady = useRef(() => {
    const now = stage.current?.getBoundingClientRect().left ?? 0;
    const moved = left.current === null ? 0 : now - left.current;
    left.current = now;
    const canvas = ui.getState().canvas;
    if (moved === 0 || canvas === null) return;
    const { x, y, width, height } = canvas.seen();
    const zoom = canvas.graphToScreen([1, 0])[0] - canvas.graphToScreen([0, 0])[0];
    canvas.panTo([x + width / 2 + moved / zoom, y + height / 2]);
  });
  // Before the first frame with the panel; its edge may be dragged later, which is no drawing of ours.
  useLayoutEffect(() => steady.current());
  useEffect(() => {
    const element = stage.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => steady.current());
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return stage;
}

function RailButton({ name, open }: { name: PanelName; open: boolean }) {
  const label = t(`panel.${name}`);
  return (
    <button
      type="button"
      className="rail-button"
      data-command={`panel.${name}`}
      aria-pressed={open}
      title={label}
      onClick={() => ui.setState({ panel: open ? null : name })}
    >
      <PanelIcon name={name satisfies PanelIconName} />
      <span className="rail-label">{label}</span>
    </button>
  );
}
