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
import { Boundary } from "../Boundary";
import { busy } from "../busy";
import { Canvas } from "../canvas/Canvas";
import { loadTexts, t, useLanguage } from "../i18n";
import { Icon, type IconName } from "../icons";
import { docs } from "../store/docs";
import { page } from "../store/page";
import type { PanelName } from "../store/shapes";
import { ui } from "../store/ui";
import { CanvasBar } from "./CanvasBar";
import { FirstRun } from "./FirstRun";
import { ReadOnlyBar } from "./ReadOnlyBar";
import { RunBar } from "./RunBar";
import { SidePanel } from "./SidePanel";
import { Breadcrumb, Tabs } from "./Tabs";
import { Toasts } from "./Toasts";

/** A part of the page that is fetched when it is first shown, with its texts. */
function later(load: () => Promise<ComponentType>): LazyExoticComponent<ComponentType> {
  return lazy(async () => {
    const [part] = await busy(Promise.all([load(), loadTexts()]));
    return { default: part };
  });
}

const PANELS: Record<PanelName, LazyExoticComponent<ComponentType>> = {
  queue: later(async () => (await import("./Queue")).default),
  gallery: later(async () => (await import("./Gallery")).default),
  nodes: later(async () => (await import("./Library")).Nodes),
  workflows: later(async () => (await import("./Library")).Workflows),
  models: later(async () => (await import("./Library")).Models),
  templates: later(async () => (await import("./Templates")).default),
  inspector: later(async () => (await import("./Inspector")).default),
  settings: later(async () => (await import("./Settings")).default),
  training: later(async () => (await import("./Training")).default),
  keys: later(async () => (await import("./Settings")).Keys),
};
const loadMenu = async () => (await import("./Menu")).Menu;
const Menu = later(loadMenu);
const loadDialogs = async () => (await import("./Dialogs")).default;
const Dialogs = later(loadDialogs);
const loadSearch = async () => (await import("./Search")).Search;
const Search = lazy(async () => ({ default: await busy(loadSearch()) }));

/** What the first presses ask for. */
export const soonWanted = [loadSearch, loadTexts, loadMenu, loadDialogs];

/** The panels of the rail, in order; those after the gap stand at its end. */
const RAIL: PanelName[] = ["workflows", "nodes", "queue", "gallery", "inspector", "models", "templates", "training"];
const RAIL_END: PanelName[] = ["keys", "settings"];
/** These open on the right, beside what they are about. */
const ON_RIGHT: PanelName[] = ["inspector", "training"];

export function Shell() {
  const language = useLanguage();
  const panel = useStore(ui, (state) => state.panel);
  const hasSearch = useStore(ui, (state) => state.search !== null);
  const hasMenu = useStore(ui, (state) => state.dialog?.kind === "menu");
  const hasDialog = useStore(ui, (state) => state.dialog !== null && state.dialog.kind !== "menu");
  const isOpen = useStore(docs, (state) => state.active !== null);
  const title = useStore(docs, (state) => (state.active === null ? "" : (state.byId[state.active]?.title ?? "")));
  const stage = useSteadyGraph();
  useEffect(() => {
    document.title = title === "" ? "Latentloom" : `${title} - Latentloom`;
  }, [title]);
  const focusMode = useStore(page, (state) => state.focusMode);
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
            <ReadOnlyBar />
            <Canvas />
            <CanvasBar />
          </>
        ) : (
          <Boundary>
            <FirstRun />
          </Boundary>
        )}
        {hasSearch && (
          <Suspense fallback={null}>
            <Search />
          </Suspense>
        )}
        {hasMenu && (
          <Suspense fallback={null}>
            <Menu />
          </Suspense>
        )}
      </main>
      {Open !== null && (
        <SidePanel side={side} key={side}>
          <Boundary key={panel} onFail={() => ui.setState({ panel: null })}>
            <Suspense fallback={<p className="empty">{t("shell.loading")}</p>}>
              <Open />
            </Suspense>
          </Boundary>
        </SidePanel>
      )}
      {hasDialog && (
        <Boundary onFail={() => ui.setState({ dialog: null })}>
          <Suspense fallback={null}>
            <Dialogs />
          </Suspense>
        </Boundary>
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
      <Icon name={name satisfies IconName} />
      <span className="rail-label">{label}</span>
    </button>
  );
}
