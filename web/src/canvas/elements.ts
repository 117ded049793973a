// Which nodes have elements on the page, and what React Flow is told of them: those near the view, a few more in each
// frame, and any that has the focus or is waited for. During a drag elements are moved directly. Knows no stores.

import type { Node } from "@xyflow/react";
import type { LayerKey, NodeId, NodePath } from "../model/types";
import type { View } from "../store/shapes";
import { FAR, nearNodes, stepNear, tilesOf } from "./cull";
import type { Scene } from "./scene";
import type { Placed } from "./stage";

export type LoomNode = Node<
  { placed: Placed; tab: string; layer: LayerKey; path: NodePath; readOnly: boolean },
  "loom"
>;

/** New elements in one frame: at first, while the view moves, and while it rests. */
const AT_FIRST = 40;
const WHILE_MOVING = 1;
const AT_REST = 10;
/** Elements that may be left over while the view moves. */
const SPARE = 30;

export interface Shown {
  tab: string;
  layer: LayerKey;
  path: readonly NodeId[];
  readOnly: boolean;
  selected: ReadonlySet<NodeId>;
}

export class Elements {
  /** Nodes that have elements, or get them in this frame. */
  mounted: ReadonlySet<NodeId> = new Set();
  private nodes = new Map<NodeId, LoomNode>();
  private wanted: string[] = [];
  private wantedFor = "";
  private held: NodeId | null = null;
  private shifted = new Set<NodeId>();

  constructor(
    private readonly root: HTMLElement,
    private readonly scene: Scene,
    private readonly show: (nodes: LoomNode[]) => void,
  ) {}

  of(id: NodeId): HTMLElement | null {
    return this.root.querySelector(`[data-node="${CSS.escape(id)}"]`);
  }

  /** Keep this node on the page wherever it lies, until another is held. */
  hold(id: NodeId): void {
    this.held = id;
    this.wantedFor = "";
  }

  /** Begin anew: another layer is shown. */
  reset(): void {
    this.mounted = new Set();
    this.held = null;
    this.wantedFor = "";
  }

  /** Bring the page one step nearer to what should be on it; true when there is more to do. */
  step(view: View, width: number, height: number, shown: Shown, moving: boolean): boolean {
    const isFar = view.zoom < FAR;
    if (isFar) this.mounted = new Set();
    const wantedFor = `${tilesOf(view, width, height)} ${isFar} ${this.scene.version}`;
    if (wantedFor !== this.wantedFor) {
      this.wantedFor = wantedFor;
      this.wanted = isFar ? [] : this.choose(view, width, height);
    }
    const most = this.mounted.size === 0 ? AT_FIRST : moving ? WHILE_MOVING : AT_REST;
    this.mounted = stepNear(this.mounted, moving ? this.kept() : this.wanted, most);
    this.tell(shown);
    return this.wanted.some((id) => !this.mounted.has(id));
  }

  /** While the view moves, those that were left behind stay for the moment: it may come back, and at rest it costs less. */
  private kept(): string[] {
    if (this.mounted.size > this.wanted.length + SPARE) return this.wanted;
    return [...new Set([...this.wanted, ...[...this.mounted].filter((id) => this.scene.nodes.has(id))])];
  }

  private choose(view: View, width: number, height: number): string[] {
    const near = nearNodes(this.scene.nodeTiles, (id) => this.scene.nodes.get(id)?.box, view, width, height);
    const carried = this.scene.carried?.nodes;
    const kept = [this.held, this.focused(), ...(carried?.size === 1 ? carried : [])];
    return [...new Set([...kept.filter((id): id is NodeId => id !== null && this.scene.nodes.has(id)), ...near])];
  }

  private focused(): NodeId | null {
    const { activeElement } = document;
    if (activeElement === null || !this.root.contains(activeElement)) return null;
    return activeElement.closest("[data-node]")?.getAttribute("data-node") ?? null;
  }

  /** Hand React Flow the nodes, if any of them is another than before. */
  private tell(shown: Shown): void {
    const next = new Map<NodeId, LoomNode>();
    let same = true;
    for (const id of this.mounted) {
      const placed = this.scene.nodes.get(id);
      if (placed === undefined) continue;
      const old = this.nodes.get(id);
      const node = this.nodeFor(placed, old, shown);
      same &&= node === old;
      next.set(id, node);
    }
    if (same && next.size === this.nodes.size) return;
    this.nodes = next;
    this.show([...next.values()]);
  }

  private nodeFor(placed: Placed, old: LoomNode | undefined, shown: Shown): LoomNode {
    const { id, box } = placed;
    const { tab, layer, readOnly } = shown;
    const selected = shown.selected.has(id);
    const path = [...shown.path, id].join(":");
    const data = old?.data;
    const sameData = data?.placed === placed && data.tab === tab && data.path === path && data.readOnly === readOnly;
    // What is carried is moved below React; it gets its place when it is let go.
    const stays = this.scene.carried?.nodes.has(id) || (old?.position.x === box.x && old.position.y === box.y);
    const sameSize = old?.width === box.width && old.height === box.height;
    if (old !== undefined && sameData && stays && sameSize && old.selected === selected) return old;
    return {
      id,
      type: "loom",
      position: { x: box.x, y: box.y },
      width: box.width,
      height: box.height,
      measured: { width: box.width, height: box.height },
      handles: [],
      selected,
      style: { pointerEvents: "all" },
      data: sameData ? data : { placed, tab, layer, readOnly, path },
    };
  }

  /** Put the elements of carried nodes, and of those just let go, where the scene has them. */
  shift(): void {
    const carried = this.scene.carried?.nodes ?? new Set<NodeId>();
    for (const id of new Set([...carried, ...this.shifted])) {
      const placed = this.mounted.has(id) ? this.scene.nodes.get(id) : undefined;
      const element = placed === undefined ? null : this.of(id)?.parentElement;
      if (element && placed) element.style.transform = `translate(${placed.box.x}px,${placed.box.y}px)`;
    }
    this.shifted = new Set(carried);
  }
}
