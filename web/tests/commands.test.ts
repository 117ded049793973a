// Commands that change the graph, run on an open document: each is one step of undo, on what is selected.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { runCommand } from "../src/commands";
import { layoutsOf } from "../src/commands_graph";
import { boxOf, type NodeLayout } from "../src/model/layout";
import { makeNode } from "../src/model/nodetypes";
import { addGroup, addNode, connect, duplicate } from "../src/model/ops";
import { makeSubgraph } from "../src/model/subgraph";
import { type Doc, type DocNode, emptyDoc, type Item, MODE, type NodeId, ROOT } from "../src/model/types";
import { activeDoc, docs, edit, moveTab, newDoc, openDoc, undo } from "../src/store/docs";
import { types as typesStore } from "../src/store/types";
import { select } from "../src/store/ui";
import { typeNamed, types } from "./data";

let tab: string;
let ids: NodeId[];
const shown = (): Doc => activeDoc()?.doc ?? emptyDoc("nothing is open");
const root = () => shown().root;
const nodes = (...chosen: NodeId[]): Item[] => chosen.map((id) => ({ kind: "node", id }));

/** Two framed nodes in a row, far away from the image that feeds them. */
beforeEach(() => {
  vi.stubGlobal("document", undefined);
  docs.setState({ order: [], byId: {}, active: null });
  typesStore.setState({ types, state: "ready" });
  const doc = emptyDoc(crypto.randomUUID());
  const places: [string, number, number][] = [
    ["EmptyImage", 0, 0],
    ["ImageInvert", 4000, 3000],
    ["SaveImage", 4300, 3000],
  ];
  ids = places.map(([type, x, y]) => addNode(doc, ROOT, makeNode(typeNamed(type), [x, y])));
  const [image, invert, save] = ids as [NodeId, NodeId, NodeId];
  connect(doc, ROOT, { from: image, out: 0, to: invert, input: "image", type: "IMAGE" });
  connect(doc, ROOT, { from: invert, out: 0, to: save, input: "images", type: "IMAGE" });
  addGroup(doc, ROOT, { title: "after", box: { x: 3980, y: 2900, width: 900, height: 600 } });
  tab = openDoc(doc, { title: "probe" });
});

describe("arranging", () => {
  test("takes the frames along with what is in them, in one step", async () => {
    const before = root();
    await runCommand("node.arrange");
    const [frame] = Object.values(root().groups);
    const layouts = layoutsOf(shown(), root());
    const box = (id: NodeId) => boxOf(root().nodes[id] as DocNode, layouts[id] as NodeLayout);
    expect(frame?.box.x).toBeLessThan(1000);
    for (const id of ids.slice(1)) {
      const { x, y, width, height } = box(id);
      const { box: around } = frame ?? { box: { x: 0, y: 0, width: 0, height: 0 } };
      expect([x > around.x, y > around.y]).toEqual([true, true]);
      expect([x + width < around.x + around.width, y + height < around.y + around.height]).toEqual([true, true]);
    }
    undo(tab);
    expect(root()).toEqual(before);
  });

  test("of nodes outside leaves the frame where it is", async () => {
    const { groups } = root();
    let loose = "";
    edit(tab, "add", (doc) => {
      loose = addNode(doc, ROOT, makeNode(typeNamed("EmptyImage"), [500, 900]));
    });
    select(tab, nodes(ids[0] as NodeId, loose));
    await runCommand("node.arrange");
    expect(root().nodes[loose]?.pos).not.toEqual([500, 900]);
    expect(root().groups).toEqual(groups);
  });
});

describe("a group", () => {
  test.each([
    ["group.mute", MODE.muted],
    ["group.bypass", MODE.bypassed],
  ])("%s switches all that is in it, and back", async (command, mode) => {
    const modes = () => ids.map((id) => root().nodes[id]?.mode);
    select(tab, [{ kind: "group", id: Object.keys(root().groups)[0] as string }]);
    await runCommand(command);
    expect(modes()).toEqual([MODE.always, mode, mode]);
    await runCommand(command);
    expect(modes()).toEqual([MODE.always, MODE.always, MODE.always]);
  });
});

test("an instance made independent shares nothing with the others; the last one keeps no copy behind", async () => {
  const doc = structuredClone(shown());
  const host = makeSubgraph(doc, ROOT, nodes(ids[1] as NodeId), types, "Invert");
  const [other] = duplicate(doc, ROOT, nodes(host), { offset: [0, 400] }) as [NodeId];
  tab = openDoc({ ...doc, id: crypto.randomUUID() }, { title: "subgraphs" });
  const subs = () => Object.keys(shown().subs);
  expect(subs().length).toBe(1);
  select(tab, nodes(other));
  await runCommand("subgraph.independent");
  expect(subs().length).toBe(2);
  expect(root().nodes[other]?.type).not.toBe(root().nodes[host]?.type);
  await runCommand("subgraph.independent");
  expect(subs().sort()).toEqual([root().nodes[other]?.type, root().nodes[host]?.type].sort());
});

test("a tab is moved among the others, as far as there are any", async () => {
  const [second, third] = [newDoc("two"), newDoc("three")];
  const order = () => docs.getState().order;
  await runCommand("tab.left");
  expect(order()).toEqual([tab, third, second]);
  await runCommand("tab.left");
  await runCommand("tab.left");
  expect(order()).toEqual([third, tab, second]);
  await runCommand("tab.right");
  expect(order()).toEqual([tab, third, second]);
  moveTab(tab, 2);
  expect([order(), docs.getState().active]).toEqual([[third, second, tab], third]);
});
