import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DocNode, emptyDoc } from "../src/model/types";
import { freshBrowser, openPage, type TabPage, until } from "./page";

beforeEach(freshBrowser);
const open: TabPage[] = [];
afterEach(async () => {
  for (const page of open.splice(0)) await page.stop();
  vi.unstubAllGlobals();
});

async function page(): Promise<TabPage> {
  const fresh = await openPage();
  open.push(fresh);
  return fresh;
}

function node(id: string): DocNode {
  return { id, type: "any", pos: [0, 0], size: [1, 1], mode: 0, inputs: [], outputs: [], values: {} };
}

function add(at: TabPage, tab: string, id: string, gesture?: string): boolean {
  const fn = (doc: ReturnType<typeof emptyDoc>) => {
    doc.root.nodes[id] = node(id);
    return [{ kind: "node" as const, id }];
  };
  return at.docs.edit(tab, `add ${id}`, fn, { gesture });
}

function nodes(at: TabPage, tab: string): string[] {
  return Object.keys(at.docs.openOf(tab)?.doc.root.nodes ?? {});
}

async function journaled(at: TabPage, tab: string): Promise<void> {
  await until(() => at.docs.backingOf()?.known.has(tab) === true);
  await at.docs.backingOf()?.journal.flush();
}

describe("editing", () => {
  it("selects what the edit returns, and undo and redo bring the selection back", async () => {
    const one = await page();
    const tab = one.docs.newDoc();
    add(one, tab, "a");
    expect(one.ui.selectedNodes(tab)).toEqual(["a"]);
    add(one, tab, "b");
    one.docs.undo(tab);
    expect([nodes(one, tab), one.ui.selectedNodes(tab)]).toEqual([["a"], ["a"]]);
    one.docs.redo(tab);
    expect([nodes(one, tab), one.ui.selectedNodes(tab)]).toEqual([["a", "b"], ["b"]]);
  });

  it("makes one step of a gesture, none of an edit that changes nothing, and nothing of one that throws", async () => {
    const one = await page();
    const tab = one.docs.newDoc();
    for (const id of ["a", "b", "c"]) add(one, tab, id, "paste");
    expect(one.docs.openOf(tab)?.past.length).toBe(1);
    expect(one.docs.edit(tab, "none", () => undefined)).toBe(false);
    const before = one.docs.openOf(tab);
    const broken = () =>
      one.docs.edit(tab, "broken", (doc) => {
        doc.root.nodes.x = node("x");
        throw new Error("no");
      });
    expect(broken).toThrow("no");
    expect(one.docs.openOf(tab)).toBe(before);
    one.docs.undo(tab);
    expect(nodes(one, tab)).toEqual([]);
  });

  it("leaves a subgraph that an undo takes away, and goes to the layer in which something is undone", async () => {
    const one = await page();
    const tab = one.docs.newDoc();
    one.docs.edit(tab, "sub", (doc) => {
      const box = { x: 0, y: 0, width: 1, height: 1 };
      const layer = { nodes: {}, links: {}, groups: {}, reroutes: {} };
      doc.subs.s = { id: "s", name: "s", inputs: [], outputs: [], inputBox: box, outputBox: box, ...layer };
      doc.root.nodes.h = { ...node("h"), type: "s" };
    });
    one.ui.enter(tab, "h");
    one.docs.edit(tab, "inside", (doc) => {
      (doc.subs.s as { nodes: object }).nodes = { i: node("i") };
    });
    expect(one.ui.activeLayer()).toMatchObject({ layer: "s", path: ["h"] });
    one.ui.leave(tab);
    expect(one.ui.selectedNodes(tab)).toEqual(["h"]);
    one.docs.undo(tab);
    expect(one.ui.pathOf(tab)).toEqual(["h"]);
    one.docs.undo(tab);
    expect(one.ui.pathOf(tab)).toEqual([]);
  });
});

describe("tabs", () => {
  it("goes to the tab that has a file open, and gives a second copy of a document an id of its own", async () => {
    const one = await page();
    const file = { name: "a.json", revision: "1" };
    const first = one.docs.openDoc(emptyDoc("same"), { title: "a", file });
    const other = one.docs.newDoc();
    expect(one.docs.openDoc(emptyDoc("same"), { title: "a", file })).toBe(first);
    expect(one.docs.docs.getState().active).toBe(first);
    const copy = one.docs.openDoc(emptyDoc("same"), { title: "dropped" });
    expect(new Set([first, other, copy]).size).toBe(3);
    expect(one.docs.openOf(copy)?.doc.id).toBe(copy);
  });

  it("keeps a closed document with its undo, to be opened again", async () => {
    const one = await page();
    const tab = one.docs.newDoc("kept");
    add(one, tab, "a");
    await journaled(one, tab);
    one.docs.closeDoc(tab);
    await one.docs.backingOf()?.journal.flush();
    expect((await one.restore.recentlyClosed()).map((head) => head.title)).toEqual(["kept"]);
    // Another page does not open it by itself.
    const two = await page();
    expect(two.docs.docs.getState().order).toEqual([]);
    expect(await two.restore.reopenDoc(tab)).toBe(true);
    expect(nodes(two, tab)).toEqual(["a"]);
    expect(two.docs.undo(tab)).toBe(true);
    expect(await two.restore.recentlyClosed()).toEqual([]);
  });

  it("opening a file whose closed tab had changes that were not saved keeps those", async () => {
    const one = await page();
    const tab = one.docs.openDoc(emptyDoc("file"), { title: "f", file: { name: "f.json", revision: "1" } });
    add(one, tab, "mine");
    await journaled(one, tab);
    one.docs.closeDoc(tab);
    const again = one.docs.openDoc(emptyDoc("file"), { title: "f", file: { name: "f.json", revision: "1" } });
    expect(again).not.toBe(tab);
    expect(await one.restore.reopenDoc(tab)).toBe(true);
    expect(nodes(one, tab)).toEqual(["mine"]);
  });
});

it("what another browser tab did to a document since we started is never written over by opening its file", async () => {
  const file = { name: "f", revision: "1" };
  const one = await page();
  const tab = one.docs.openDoc(emptyDoc("file"), { title: "f", file });
  await journaled(one, tab);
  one.docs.closeDoc(tab);
  await one.docs.backingOf()?.journal.flush();
  // The second page knows it as closed and saved; then the first one opens it again.
  const two = await page();
  expect(await one.restore.reopenDoc(tab)).toBe(true);
  add(one, tab, "a");
  await one.docs.backingOf()?.journal.flush();
  expect(two.docs.openDoc(emptyDoc("file"), { title: "f", file })).toBe(tab);
  await until(() => two.docs.openOf(tab)?.readOnly === true);
  await until(() => nodes(two, tab).length === 1);
  two.docs.closeDoc(tab);
  add(one, tab, "b");
  one.docs.closeDoc(tab);
  await one.docs.backingOf()?.journal.flush();
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Closed with changes by now, which the second page does not know either.
  expect(two.docs.openDoc(emptyDoc("file"), { title: "f", file })).toBe(tab);
  await until(() => two.docs.docs.getState().order.length === 2);
  expect(nodes(two, tab)).toEqual(["a", "b"]);
  const other = two.docs.docs.getState().order.find((id) => id !== tab) as string;
  expect([nodes(two, other), two.docs.docs.getState().active]).toEqual([[], other]);
});

describe.each([["with Web Locks"], ["without Web Locks"]])("two browser tabs, %s", (kind) => {
  beforeEach(() => {
    if (kind === "without Web Locks") vi.stubGlobal("navigator", {});
  });

  it("never write the same document: the second reads, follows, and can take over", async () => {
    const one = await page();
    const tab = one.docs.newDoc("shared");
    add(one, tab, "a");
    await journaled(one, tab);
    const two = await page();
    expect(two.docs.openOf(tab)?.readOnly).toBe(true);
    expect(add(two, tab, "x")).toBe(false);
    expect(two.docs.undo(tab)).toBe(false);
    add(one, tab, "b");
    await until(() => nodes(two, tab).length === 2);

    await two.restore.takeOver(tab);
    expect([one.docs.openOf(tab)?.readOnly, two.docs.openOf(tab)?.readOnly]).toEqual([true, false]);
    expect(add(one, tab, "y")).toBe(false);
    expect(add(two, tab, "c")).toBe(true);
    await until(() => nodes(one, tab).length === 3);
    expect(two.docs.undo(tab) && two.docs.undo(tab)).toBe(true);
    expect(nodes(two, tab)).toEqual(["a"]);
  });

  it("a takeover loses nothing that was done until then", async () => {
    const one = await page();
    const tab = one.docs.newDoc();
    await journaled(one, tab);
    const two = await page();
    const asked = two.restore.takeOver(tab);
    let count = 0;
    while (add(one, tab, `n${count}`)) {
      count += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await asked;
    expect(nodes(two, tab).length).toBe(count);
    expect(Object.keys(one.docs.docs.getState().byId)).toEqual([tab]);
  });
});

it("a document becomes free for the next tab when the first one is gone", async () => {
  const one = await openPage();
  const tab = one.docs.newDoc();
  add(one, tab, "a");
  await journaled(one, tab);
  const two = await page();
  expect(two.docs.openOf(tab)?.readOnly).toBe(true);
  await one.stop();
  await until(() => two.docs.openOf(tab)?.readOnly === false);
  expect(add(two, tab, "b")).toBe(true);
});

it("without a database one goes on in memory, is told, and is asked before the page goes", async () => {
  vi.stubGlobal("indexedDB", undefined);
  const one = await page();
  expect(one.ui.ui.getState().toasts.map((toast) => toast.level)).toEqual(["warning"]);
  const tab = one.docs.newDoc();
  expect(add(one, tab, "a") && one.docs.undo(tab) && one.docs.redo(tab)).toBe(true);
  const leave = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leave);
  expect(leave.defaultPrevented).toBe(true);
});
