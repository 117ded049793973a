// Commands that change the graph: nodes, groups, subgraphs, arranging. Each is one edit of the document, and so one
// step of undo. Knows no keys and no drawing.

import type { CommandTable } from "./commands";
import { type Here, hasNodes, hasSelection, here, writable } from "./here";
import { t } from "./i18n";
import { downstream, upstream } from "./model/graph";
import { boxOf, layoutNode, type NodeLayout } from "./model/layout";
import { socketsOf, typeOf } from "./model/nodetypes";
import * as ops from "./model/ops";
import { type Doc, type DocNode, type Item, type Layer, layerOf, MODE, type NodeId, REROUTE_TYPE } from "./model/types";
import { edit } from "./store/docs";
import { announce } from "./store/page";
import { settings } from "./store/settings";
import { types } from "./store/types";
import { enter, leave, openDialog, select } from "./store/ui";

const SIDES = ["left", "right", "top", "bottom", "center", "middle"] as const;

export const graphCommands: CommandTable = {
  "edit.delete": { group: "edit", enabled: hasSelection, run: () => remove(false) },
  "edit.deleteReconnect": { group: "edit", enabled: hasSelection, run: () => remove(true) },
  "edit.selectAll": { group: "edit", enabled: () => here() !== null, run: selectAll },
  "edit.selectUpstream": { group: "edit", enabled: hasNodes, run: () => widen(upstream) },
  "edit.selectDownstream": { group: "edit", enabled: hasNodes, run: () => widen(downstream) },
  "edit.duplicate": { group: "edit", enabled: hasSelection, run: () => duplicate(false) },
  "edit.duplicateLinked": { group: "edit", enabled: hasSelection, run: () => duplicate(true) },

  "node.bypass": modeSwitch(MODE.bypassed),
  "node.mute": modeSwitch(MODE.muted),
  "node.collapse": nodeSwitch("collapsed", ops.setCollapsed),
  "node.pin": nodeSwitch("pinned", ops.setPinned),
  "node.rename": {
    group: "node",
    enabled: () => hasNodes() || selectedGroup() !== null,
    run: () => {
      const place = writable();
      const group = selectedGroup();
      const id = place?.ids[0];
      if (id !== undefined) openDialog({ kind: "rename", node: id });
      else if (group !== null) openDialog({ kind: "rename", group });
    },
  },
  "node.color": {
    group: "node",
    enabled: () => hasNodes() || selectedGroup() !== null,
    run: (color) =>
      change("node.color", (doc, place) => {
        const value = typeof color === "string" && color !== "" ? color : undefined;
        if (place.ids.length > 0) ops.setColor(doc, place.layer, place.ids, value);
        for (const item of place.items)
          if (item.kind === "group") ops.setGroup(doc, place.layer, item.id, { color: value });
      }),
  },
  "node.arrange": { group: "node", enabled: () => writable() !== null, run: tidy },
  ...Object.fromEntries(
    SIDES.map((side) => [
      `node.align.${side}`,
      {
        group: "node" as const,
        enabled: () => (writable()?.ids.length ?? 0) > 1,
        run: () => change(`node.align.${side}`, (doc, place) => ops.alignNodes(doc, place.layer, place.ids, side)),
      },
    ]),
  ),
  "node.distribute.horizontal": spread("horizontal"),
  "node.distribute.vertical": spread("vertical"),
  "node.left": nudge(-1, 0),
  "node.right": nudge(1, 0),
  "node.up": nudge(0, -1),
  "node.down": nudge(0, 1),
  "node.replace": {
    group: "node",
    enabled: hasNodes,
    run: (arg) => {
      const place = writable();
      const id = place?.ids[0];
      const type = typeof arg === "string" ? types.getState().types.get(arg) : undefined;
      if (place === null || id === undefined) return;
      if (type === undefined) openDialog({ kind: "replace", node: id });
      else change("node.replace", (doc) => ops.replaceType(doc, place.layer, id, type));
    },
  },
  "node.disconnect": {
    group: "node",
    enabled: hasNodes,
    run: () =>
      change("node.disconnect", (doc, place) => {
        const chosen = new Set(place.ids);
        const links = Object.values(place.content.links).filter((link) => chosen.has(link.from) || chosen.has(link.to));
        ops.disconnect(
          doc,
          place.layer,
          links.map((link) => link.id),
        );
      }),
  },

  "group.add": { group: "group", enabled: hasNodes, run: () => frame() },
  "group.mute": { group: "group", enabled: () => selectedGroup() !== null, run: () => groupMode(MODE.muted) },
  "group.bypass": { group: "group", enabled: () => selectedGroup() !== null, run: () => groupMode(MODE.bypassed) },
  "group.select": {
    group: "group",
    enabled: () => selectedGroup() !== null,
    run: () => {
      const place = here();
      const group = selectedGroup();
      if (place === null || group === null) return;
      select(
        place.tab,
        membersOf(place.content, group).map((id) => ({ kind: "node", id })),
      );
    },
  },

  "subgraph.make": {
    group: "subgraph",
    enabled: hasNodes,
    run: async () => {
      const { makeSubgraph } = await import("./model/subgraph");
      change("subgraph.make", (doc, place) => {
        const id = makeSubgraph(doc, place.layer, place.items, types.getState().types, t("canvas.newSubgraph"));
        return [{ kind: "node", id }];
      });
    },
  },
  "subgraph.unpack": {
    group: "subgraph",
    enabled: () => selectedSub() !== null,
    run: async () => {
      const { unpack } = await import("./model/subgraph");
      change("subgraph.unpack", (doc, place) => {
        const host = selectedSub();
        return host === null ? [] : unpack(doc, place.layer, host).map((id) => ({ kind: "node", id }));
      });
    },
  },
  "subgraph.enter": {
    group: "subgraph",
    enabled: () => selectedSub() !== null,
    run: () => {
      const place = here();
      const host = selectedSub();
      if (place !== null && host !== null) enter(place.tab, host);
    },
  },
  "subgraph.leave": {
    group: "subgraph",
    enabled: () => (here()?.path.length ?? 0) > 0,
    run: () => {
      const place = here();
      if (place !== null) leave(place.tab);
    },
  },
  "subgraph.independent": {
    group: "subgraph",
    enabled: () => selectedSub() !== null,
    run: async () => {
      const { makeIndependent } = await import("./model/subgraph");
      change("subgraph.independent", (doc, place) => {
        const host = selectedSub();
        if (host !== null) makeIndependent(doc, place.layer, host);
      });
    },
  },
};

/** Change the active document as one step of undo named after the command. */
export function change(command: string, work: (doc: Doc, place: Here) => Item[] | unknown): void {
  const place = writable();
  if (place === null) return;
  edit(place.tab, t(`command.${command}`), (doc) => asItems(work(doc, place)), { layer: place.layer });
}

/** How each node of a layer is laid out, by id. */
export function layoutsOf(doc: Doc, content: Layer): Record<NodeId, NodeLayout> {
  const known = types.getState().types;
  return Object.fromEntries(
    Object.values(content.nodes).map((node) => {
      const type = typeOf(doc, node, known);
      return [node.id, layoutNode(node, type, { sockets: socketsOf(node, type) })];
    }),
  );
}

function asItems(result: unknown): Item[] | undefined {
  return Array.isArray(result) ? (result as Item[]) : undefined;
}

function remove(reconnect: boolean): void {
  change("edit.delete", (doc, place) => {
    const links = place.items.flatMap((item) => (item.kind === "link" ? [item.id] : []));
    ops.removeNodes(doc, place.layer, place.ids, { reconnect });
    const content = layerOf(doc, place.layer);
    ops.disconnect(
      doc,
      place.layer,
      links.filter((id) => content?.links[id] !== undefined),
    );
    for (const item of place.items) {
      if (item.kind === "group") ops.removeGroup(doc, place.layer, item.id);
      if (item.kind === "reroute" && content?.reroutes[item.id] !== undefined)
        ops.removeReroute(doc, place.layer, item.id);
    }
    announce(t("messages.deleted", { n: place.items.length }));
    return [];
  });
}

function selectAll(): void {
  const place = here();
  if (place === null) return;
  select(place.tab, [
    ...Object.keys(place.content.nodes).map((id): Item => ({ kind: "node", id })),
    ...Object.keys(place.content.groups).map((id): Item => ({ kind: "group", id })),
    ...Object.keys(place.content.reroutes).map((id): Item => ({ kind: "reroute", id })),
  ]);
}

function widen(reach: (content: Layer, ids: NodeId[]) => Set<NodeId>): void {
  const place = here();
  if (place === null) return;
  select(
    place.tab,
    [...new Set([...place.ids, ...reach(place.content, place.ids)])].map((id) => ({ kind: "node", id })),
  );
}

function duplicate(withInputs: boolean): void {
  change("edit.duplicate", (doc, place) =>
    ops
      .duplicate(doc, place.layer, place.items, { offset: [30, 30], withInputs })
      .map((id): Item => ({ kind: "node", id })),
  );
}

/** ComfyUI's rule: when all are in the mode already they go back to "always", else all get it. */
function modeSwitch(mode: number): CommandTable[string] {
  const name = mode === MODE.muted ? "node.mute" : "node.bypass";
  const isOn = () => every((node) => node.mode === mode);
  return {
    group: "node",
    enabled: hasNodes,
    checked: isOn,
    run: () => change(name, (doc, place) => ops.setMode(doc, place.layer, place.ids, isOn() ? MODE.always : mode)),
  };
}

function nodeSwitch(
  field: "collapsed" | "pinned",
  set: (doc: Doc, layer: string, ids: NodeId[], on: boolean) => void,
): CommandTable[string] {
  const name = field === "pinned" ? "node.pin" : "node.collapse";
  const isOn = () => every((node) => node[field] === true);
  return {
    group: "node",
    enabled: hasNodes,
    checked: isOn,
    run: () => change(name, (doc, place) => set(doc, place.layer, place.ids, !isOn())),
  };
}

function every(test: (node: DocNode) => boolean): boolean {
  const place = here();
  return place !== null && place.ids.length > 0 && place.ids.every((id) => test(place.content.nodes[id] as DocNode));
}

function nudge(x: number, y: number): CommandTable[string] {
  return {
    group: "node",
    enabled: hasNodes,
    run: () => {
      const place = writable();
      if (place === null) return;
      const step = settings.getState().gridSize;
      edit(
        place.tab,
        t("command.node.move"),
        (doc) => {
          ops.moveNodes(doc, place.layer, [x * step, y * step], place.ids);
        },
        { layer: place.layer, gesture: `nudge ${place.ids.join(" ")}` },
      );
    },
  };
}

function spread(way: "horizontal" | "vertical"): CommandTable[string] {
  return {
    group: "node",
    enabled: () => (writable()?.ids.length ?? 0) > 2,
    run: () => change(`node.distribute.${way}`, (doc, place) => ops.distribute(doc, place.layer, place.ids, way)),
  };
}

async function tidy(): Promise<void> {
  const { arrange, arrangeGroups } = await import("./model/arrange");
  change("node.arrange", (doc, place) => {
    const ids = place.ids.length > 1 ? place.ids : undefined;
    const layouts = layoutsOf(place.doc, place.content);
    const positions = arrange(place.content, ids, layouts);
    const frames = arrangeGroups(place.content, positions, layouts);
    ops.setPos(doc, place.layer, positions);
    for (const [id, box] of Object.entries(frames)) ops.setGroup(doc, place.layer, id, { box });
  });
}

const FRAME_PAD = 20;
const TITLE_SPACE = 30;

function frame(): void {
  change("group.add", (doc, place) => {
    const layouts = layoutsOf(place.doc, place.content);
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const id of place.ids) {
      const node = place.content.nodes[id];
      if (node === undefined) continue;
      const layout = layouts[id];
      if (layout === undefined) continue;
      const { x, y, width, height } = boxOf(node, layout);
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x + width);
      bottom = Math.max(bottom, y + height);
    }
    const box = {
      x: left - FRAME_PAD,
      y: top - FRAME_PAD - TITLE_SPACE,
      width: right - left + 2 * FRAME_PAD,
      height: bottom - top + 2 * FRAME_PAD + TITLE_SPACE,
    };
    const id = ops.addGroup(doc, place.layer, { title: t("canvas.newGroup"), box });
    return [{ kind: "group", id }];
  });
}

function groupMode(mode: number): void {
  change(mode === MODE.muted ? "group.mute" : "group.bypass", (doc, place) => {
    const group = selectedGroup();
    if (group === null) return;
    const ids = membersOf(place.content, group);
    const isOn = ids.every((id) => place.content.nodes[id]?.mode === mode);
    ops.setMode(doc, place.layer, ids, isOn ? MODE.always : mode);
  });
}

function membersOf(content: Layer, id: string): NodeId[] {
  const group = content.groups[id];
  return group === undefined ? [] : ops.membersOf(content, group);
}

function selectedGroup(): string | null {
  return here()?.items.find((item) => item.kind === "group")?.id ?? null;
}

function selectedSub(): NodeId | null {
  const place = here();
  const id = place?.ids[0];
  const node = id === undefined ? undefined : place?.content.nodes[id];
  return node !== undefined && node.type !== REROUTE_TYPE && place?.doc.subs[node.type] !== undefined ? node.id : null;
}
