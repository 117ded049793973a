// The canvas without React: follows the stores, decides which nodes get elements, paints when something changed, and is
// the stage for gestures and keys. One board lives as long as the canvas is on the page.

import type { ReactFlowInstance } from "@xyflow/react";
import type { Box, Doc, Item, LayerKey, LinkId, NodeId, Point } from "../model/types";
import { docs, edit } from "../store/docs";
import { nodeRun, runs } from "../store/runs";
import { settings } from "../store/settings";
import type { CanvasHandle, View } from "../store/shapes";
import { types } from "../store/types";
import { activeLayer, setView as keepView, selectionOf, toast, ui, viewOf } from "../store/ui";
import { focusWidget } from "../widgets";
import { type Palette, readPalette } from "./colors";
import { socketKey } from "./connect";
import { around, FAR, grown, overlaps, seenBox } from "./cull";
import { Elements, type LoomNode } from "./elements";
import { isEmpty, type Look, paintScene, paintSketch } from "./far";
import { focusNode, startLink } from "./keyboard";
import { pictured } from "./picture";
import { Scene } from "./scene";
import { Snapshot } from "./snapshot";
import type { Sketch, Stage } from "./stage";
import { LEAST_ZOOM, MOST_ZOOM, zoomAt } from "./strokes";

const REST_MS = 120;
const KEEP_VIEW_MS = 250;
const FIT_SPACE = 60;
/** Where a node is shown that was too far away to be read. */
const READABLE = 0.8;

export class Board implements Stage {
  readonly scene = new Scene();
  readonly sketch: Sketch = { box: null, knife: null, drafts: [], target: null };
  hovered: LinkId | null = null;
  linking: Stage["linking"] = null;
  width = 0;
  height = 0;
  /** Called after each frame in which something was painted. */
  onPainted: (() => void) | null = null;

  private flow: ReactFlowInstance<LoomNode, never> | null = null;
  private current: View = { x: 0, y: 0, zoom: 1 };
  palette: Palette;
  private readonly elements: Elements;
  private readonly snapshot = new Snapshot();
  private pictured: ReadonlySet<NodeId> = new Set();
  private lastMove = 0;
  private frame = 0;
  private stale = true;
  private follows = false;
  private shown = "";
  private keeper: ReturnType<typeof setTimeout> | undefined;
  private pointerAt: Point | null = null;

  constructor(
    readonly root: HTMLElement,
    private readonly under: HTMLCanvasElement,
    private readonly over: HTMLCanvasElement,
    show: (nodes: LoomNode[]) => void,
  ) {
    this.palette = readPalette(root);
    this.elements = new Elements(root, this.scene, show);
  }

  /** Begin to follow the stores; returns how to stop. */
  start(): () => void {
    const refresh = () => {
      this.stale = true;
      this.paint();
    };
    const look = () => {
      this.palette = readPalette(this.root);
      this.paint();
    };
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(this.root);
    const themed = new MutationObserver(look);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "style", "class"] });
    const scheme = matchMedia("(prefers-color-scheme: light)");
    scheme.addEventListener("change", look);
    const onPointer = (event: PointerEvent) => {
      this.pointerAt = [event.clientX, event.clientY];
    };
    const onLeave = () => {
      this.pointerAt = null;
    };
    this.root.addEventListener("pointermove", onPointer);
    this.root.addEventListener("pointerleave", onLeave);
    const stops = [
      docs.subscribe(refresh),
      types.subscribe(refresh),
      runs.subscribe(() => this.runsChanged()),
      settings.subscribe(refresh),
      ui.subscribe((state, before) => {
        if (state.path !== before.path) refresh();
        else if (state.selection !== before.selection || state.links !== before.links) this.paint();
      }),
    ];
    this.resize();
    ui.setState({ canvas: this.handle() });
    return () => {
      for (const stop of stops) stop();
      resized.disconnect();
      themed.disconnect();
      scheme.removeEventListener("change", look);
      this.root.removeEventListener("pointermove", onPointer);
      this.root.removeEventListener("pointerleave", onLeave);
      cancelAnimationFrame(this.frame);
      this.keep();
      ui.setState({ canvas: null });
    };
  }

  attach(flow: ReactFlowInstance<LoomNode, never>): void {
    this.flow = flow;
    void flow.setViewport(this.current);
    this.paint();
  }

  /** Runs change many times in a second: only what alters the painting or the layout counts. */
  private runsChanged(): void {
    const active = activeLayer();
    if (active === null) return;
    const now = pictured(active.tab, active.path);
    if (now.size !== this.pictured.size || [...now].some((id) => !this.pictured.has(id))) this.stale = true;
    if (this.stale || this.current.zoom < FAR) this.paint();
  }

  private resize(): void {
    const box = this.root.getBoundingClientRect();
    this.width = Math.round(box.width);
    this.height = Math.round(box.height);
    for (const canvas of [this.under, this.over]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    this.paint();
  }

  private get ratio(): number {
    return Math.min(2, window.devicePixelRatio || 1);
  }

  // ---- the stage ---------------------------------------------------------------------------------------------

  view(): View {
    return this.current;
  }

  setView(view: View): void {
    const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, view.zoom));
    this.viewMoved({ ...view, zoom });
    void this.flow?.setViewport(this.current);
  }

  /** The view was moved, by us or by the wheel. */
  viewMoved(view: View): void {
    const { x, y, zoom } = this.current;
    if (view.x === x && view.y === y && view.zoom === zoom) return;
    this.current = view;
    this.lastMove = performance.now();
    this.root.toggleAttribute("data-moving", true);
    clearTimeout(this.keeper);
    this.keeper = setTimeout(() => this.keep(), KEEP_VIEW_MS);
    this.paint();
  }

  private keep(): void {
    clearTimeout(this.keeper);
    this.root.toggleAttribute("data-moving", false);
    const [tab, layer] = this.shown.split(" ");
    const known = tab === undefined ? undefined : docs.getState().byId[tab];
    if (tab !== undefined && layer !== undefined && known !== undefined) keepView(tab, layer, this.current);
    this.paint();
  }

  place() {
    const active = activeLayer();
    if (active === null) return null;
    const { tab, layer, path } = active;
    return { tab, layer, path, readOnly: docs.getState().byId[tab]?.readOnly ?? true };
  }

  toGraph({ clientX, clientY }: { clientX: number; clientY: number }): Point {
    const box = this.root.getBoundingClientRect();
    const { x, y, zoom } = this.current;
    return [(clientX - box.left - x) / zoom, (clientY - box.top - y) / zoom];
  }

  toScreen([x, y]: Point): Point {
    const box = this.root.getBoundingClientRect();
    return [x * this.current.zoom + this.current.x + box.left, y * this.current.zoom + this.current.y + box.top];
  }

  paint(moved = false): void {
    this.follows ||= moved;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.tick());
  }

  change(label: string, work: (doc: Doc, layer: LayerKey) => Item[] | void, gesture?: string): boolean {
    const place = this.place();
    if (place === null) return false;
    try {
      return edit(place.tab, label, (doc) => work(doc, place.layer), {
        layer: place.layer,
        ...(gesture && { gesture }),
      });
    } catch (error) {
      toast("warning", error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  async showNode(id: NodeId): Promise<HTMLElement | null> {
    const placed = this.scene.nodes.get(id);
    if (placed === undefined) return null;
    const { box } = placed;
    const seen = grown(seenBox(this.current, this.width, this.height), -20 / this.current.zoom);
    const isFar = this.current.zoom < FAR;
    if (isFar || !overlaps(box, seen)) {
      this.center([box.x + box.width / 2, box.y + box.height / 2], isFar ? READABLE : undefined);
    } else {
      // No further than needed: what one looks at stays in view.
      const [x, y] = [
        least(box.x, box.width, seen.x, seen.width) * this.current.zoom,
        least(box.y, box.height, seen.y, seen.height) * this.current.zoom,
      ];
      if (x !== 0 || y !== 0) this.setView({ ...this.current, x: this.current.x - x, y: this.current.y - y });
    }
    for (let tries = 0; tries < 20; tries++) {
      const element = this.elements.of(id);
      if (element !== null) return element;
      this.elements.hold(id);
      this.paint();
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return null;
  }

  center([x, y]: Point, zoom = this.current.zoom): void {
    this.setView({ x: this.width / 2 - x * zoom, y: this.height / 2 - y * zoom, zoom });
  }

  /** Bring a box into view if it is not seen. */
  reveal(box: Box): void {
    const seen = seenBox(this.current, this.width, this.height);
    if (!overlaps(box, grown(seen, -40 / this.current.zoom)))
      this.center([box.x + box.width / 2, box.y + box.height / 2]);
  }

  fit(ids?: readonly NodeId[]): void {
    const boxes = (ids ?? [...this.scene.nodes.keys()]).flatMap((id) => this.scene.nodes.get(id)?.box ?? []);
    const frames = ids === undefined ? Object.values(this.scene.layer?.groups ?? {}).map((group) => group.box) : [];
    const box = around([...boxes, ...frames]);
    if (box === null) {
      this.setView({ x: this.width / 2, y: this.height / 2, zoom: 1 });
      return;
    }
    const space = Math.min(FIT_SPACE, this.width / 12);
    const zoom = Math.min((this.width - 2 * space) / box.width, (this.height - 2 * space) / box.height, 1);
    this.center([box.x + box.width / 2, box.y + box.height / 2], Math.max(LEAST_ZOOM, zoom));
  }

  // ---- frames ------------------------------------------------------------------------------------------------

  sync(): void {
    this.stale = false;
    const active = activeLayer();
    const key = active === null ? "" : `${active.tab} ${active.layer}`;
    if (active === null) return;
    const { tab, layer, path, doc } = active;
    const isNew = key !== this.shown;
    if (isNew && this.shown !== "") this.keep();
    this.pictured = pictured(tab, path);
    this.scene.follow(doc, layer, types.getState().types, this.pictured, settings.getState().linkStyle);
    if (!isNew) return;
    this.shown = key;
    this.elements.reset();
    this.hovered = null;
    const view = viewOf(tab, layer);
    if (view === undefined) this.fit();
    else this.setView(view);
  }

  private tick(): void {
    this.frame = 0;
    if (this.width === 0) return;
    // While things are carried only a change of the document itself ends that; all else waits.
    const waits = this.scene.carried !== null && activeLayer()?.doc === this.scene.doc;
    if (this.stale && !waits) this.sync();
    const more = this.stepElements();
    if (this.follows) this.elements.shift();
    this.follows = false;
    const look = this.look();
    const context = this.under.getContext("2d", { alpha: false });
    if (context !== null && !(this.isMoving() && this.snapshot.paint(context, this.scene, look))) {
      paintScene(context, this.scene, look);
    }
    this.paintOver(look);
    this.onPainted?.();
    if (more) this.paint();
  }

  private paintOver(look: Look): void {
    const empty = isEmpty(this.sketch);
    this.over.style.display = empty ? "none" : "block";
    const context = empty ? null : this.over.getContext("2d");
    if (context !== null) paintSketch(context, this.scene, this.sketch, look);
  }

  private stepElements(): boolean {
    const place = this.place();
    if (place === null) return false;
    const selected = new Set(selectionOf(place.tab).flatMap((item) => (item.kind === "node" ? [item.id] : [])));
    return this.elements.step(this.current, this.width, this.height, { ...place, selected }, this.isMoving());
  }

  private isMoving(): boolean {
    return performance.now() - this.lastMove < REST_MS;
  }

  private look(): Look {
    const place = this.place();
    const items = place === null ? [] : selectionOf(place.tab);
    const of = (kind: Item["kind"]) => new Set(items.filter((item) => item.kind === kind).map((item) => item.id));
    const state = runs.getState();
    const prefix = place === null || place.path.length === 0 ? "" : `${place.path.join(":")}:`;
    return {
      palette: this.palette,
      view: this.current,
      width: this.width,
      height: this.height,
      ratio: this.ratio,
      mounted: this.elements.mounted,
      selected: { nodes: of("node"), links: of("link"), groups: of("group"), reroutes: of("reroute") },
      links: ui.getState().links,
      hovered: this.hovered,
      runs: (id) => (place === null ? undefined : nodeRun(state, place.tab, prefix + id)?.state),
    };
  }

  // ---- what the rest of the editor may ask ------------------------------------------------------------------

  private handle(): CanvasHandle {
    return {
      screenToGraph: ([clientX, clientY]) => this.toGraph({ clientX, clientY }),
      graphToScreen: (point) => this.toScreen(point),
      fit: (ids) => {
        if (this.stale) this.sync();
        this.fit(ids);
      },
      panTo: (point, zoom) => this.center(point, zoom),
      zoomBy: (factor) => {
        const box = this.root.getBoundingClientRect();
        zoomAt(this, box.left + this.width / 2, box.top + this.height / 2, this.current.zoom * factor);
      },
      seen: () => seenBox(this.current, this.width, this.height),
      pointer: () => {
        const seen = seenBox(this.current, this.width, this.height);
        if (this.pointerAt === null) return [seen.x + seen.width / 2, seen.y + seen.height / 2];
        return this.toGraph({ clientX: this.pointerAt[0], clientY: this.pointerAt[1] });
      },
      focusNode: (id, socket) => {
        if (this.stale) this.sync();
        const key = socket === undefined ? undefined : socketKey({ node: id, ...socket });
        const input = socket !== undefined && "input" in socket ? this.scene.inputSocket(id, socket.input) : undefined;
        void focusNode(this, id, key).then((element) => {
          // Of an input with a widget the widget is meant: there one can mend it.
          if (element !== null && input?.widget !== undefined) focusWidget(element, input.widget);
        });
      },
      startLink: (from) => {
        if (this.stale) this.sync();
        startLink(this, from);
      },
    };
  }
}

/** How far a window must move for a span to lie in it; of a span that is too long, its beginning. */
function least(start: number, length: number, from: number, space: number): number {
  return start < from || length > space ? start - from : Math.max(0, start + length - from - space);
}
