import { serialize } from "node:v8";
import { beforeEach, describe, expect, it } from "vitest";
import { canonical } from "../src/model/history";
import type { Doc, DocNode, Json } from "../src/model/types";
import { freshBrowser, openPage, type TabPage, until } from "./page";

beforeEach(freshBrowser);

function node(id: string, value: Json = 0): DocNode {
  return { id, type: "any", pos: [0, 0], size: [1, 1], mode: 0, inputs: [], outputs: [], values: { value } };
}

/** A random edit: a node added, removed, moved or given a value; some of them many of one gesture. */
function randomEdit(page: TabPage, tab: string, random: () => number): void {
  const doc = page.docs.openOf(tab)?.doc as Doc;
  const ids = Object.keys(doc.root.nodes);
  const chosen = ids[Math.floor(random() * ids.length)];
  const kind = random();
  if (kind < 0.35 || chosen === undefined) {
    page.docs.edit(tab, "add", (draft) => {
      draft.lastNode += 1;
      draft.root.nodes[draft.lastNode] = node(String(draft.lastNode), random());
      return [{ kind: "node", id: String(draft.lastNode) }];
    });
  } else if (kind < 0.5) {
    page.docs.edit(tab, "remove", (draft) => {
      delete draft.root.nodes[chosen];
    });
  } else if (kind < 0.75) {
    const gesture = random() < 0.5 ? "drag" : undefined;
    const change = (draft: Doc) => {
      (draft.root.nodes[chosen] as DocNode).values.value = random();
    };
    page.docs.edit(tab, "value", change, { gesture });
  } else if (kind < 0.9) page.docs.undo(tab);
  else page.docs.redo(tab);
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function state(page: TabPage, tab: string): string {
  const open = page.docs.openOf(tab);
  return canonical(open && { ...open, readOnly: false });
}

describe("after a reload", () => {
  it("everything is as it was: content, undo, redo, title, order, active tab, place", async () => {
    const random = seeded(1);
    const one = await openPage();
    expect(one.first).toBe(true);
    const tabs = [one.docs.newDoc("first"), one.docs.newDoc("second"), one.docs.newDoc("third")];
    await until(() => one.docs.backingOf()?.known.size === 3);
    for (let count = 0; count < 1500; count += 1) randomEdit(one, tabs[count % 3] as string, random);
    one.docs.renameDoc(tabs[1] as string, "renamed");
    one.docs.moveTab(tabs[2] as string, 0);
    one.docs.activate(tabs[1] as string);
    one.ui.setView(tabs[1] as string, "", { x: 1, y: 2, zoom: 0.5 });
    const before = tabs.map((tab) => state(one, tab));
    const { order, active } = one.docs.docs.getState();
    await one.stop();

    const two = await openPage();
    expect(two.first).toBe(false);
    expect(two.docs.docs.getState()).toMatchObject({ order, active });
    expect(tabs.map((tab) => state(two, tab))).toEqual(before);
    expect(two.docs.openOf(tabs[1] as string)?.title).toBe("renamed");
    expect(two.ui.viewOf(tabs[1] as string, "")).toEqual({ x: 1, y: 2, zoom: 0.5 });
    // And on: what was done before the reload is undone after it, down to the empty document.
    for (const tab of tabs) while (two.docs.undo(tab)) expect(two.docs.openOf(tab)?.readOnly).toBe(false);
    for (const tab of tabs) expect(two.docs.openOf(tab)?.doc.root.nodes).toEqual({});
    await two.stop();
  });

  it("undo made before the reload can be redone after it", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    for (const id of ["a", "b", "c"])
      one.docs.edit(tab, id, (doc) => {
        doc.root.nodes[id] = node(id);
      });
    one.docs.undo(tab);
    one.docs.undo(tab);
    await until(() => one.docs.backingOf()?.known.size === 1);
    await one.stop();
    const two = await openPage();
    expect(Object.keys(two.docs.openOf(tab)?.doc.root.nodes ?? {})).toEqual(["a"]);
    expect(two.docs.redo(tab) && two.docs.redo(tab)).toBe(true);
    expect(Object.keys(two.docs.openOf(tab)?.doc.root.nodes ?? {})).toEqual(["a", "b", "c"]);
    expect(two.docs.redo(tab)).toBe(false);
    await two.stop();
  });

  it("keeps at most a thousand steps of undo, and few records, however many edits there were", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    await until(() => one.docs.backingOf()?.known.size === 1);
    for (let count = 0; count < 2600; count += 1) {
      one.docs.edit(tab, "more", (doc) => {
        doc.root.nodes[count] = node(String(count));
      });
      if (count % 100 === 99) await one.docs.backingOf()?.journal.flush();
    }
    const before = state(one, tab);
    await one.stop();
    const { answerOf, openDatabase } = await import("../src/store/database");
    const entries = (await openDatabase()).transaction("entries").objectStore("entries");
    // A thousand since the stacks were written, and those of the checkpoint that follows.
    expect(await answerOf(entries.count())).toBeLessThanOrEqual(1200);
    const two = await openPage();
    expect(state(two, tab)).toBe(before);
    expect(two.docs.openOf(tab)?.past.length).toBe(1000);
    await two.stop();
  });
});

describe("what is on disk", () => {
  it("is changed by one transaction at a time: killed in two, Chromium drops all", async () => {
    const scopes: string[][] = [];
    const prototype = (globalThis.IDBDatabase as unknown as { prototype: IDBDatabase }).prototype;
    const begin = prototype.transaction;
    prototype.transaction = function (this: IDBDatabase, ...given: Parameters<typeof begin>) {
      if (given[1] === "readwrite") scopes.push([given[0]].flat() as string[]);
      return begin.apply(this, given);
    };
    try {
      const one = await openPage();
      const random = seeded(5);
      const tabs = [one.docs.newDoc(), one.docs.newDoc(), one.docs.newDoc()];
      for (let count = 0; count < 400; count += 1) randomEdit(one, tabs[count % 3] as string, random);
      one.docs.edit(tabs[0] as string, "paste", (doc) => {
        for (let at = 0; at < 500; at += 1) doc.root.nodes[`p${at}`] = node(`p${at}`);
      });
      one.ui.setView(tabs[1] as string, "", { x: 1, y: 2, zoom: 0.5 });
      one.docs.closeDoc(tabs[2] as string);
      await one.docs.backingOf()?.journal.flush();
      await one.restore.reopenDoc(tabs[2] as string);
      await one.docs.backingOf()?.journal.remove(tabs[2] as string);
      await new Promise((resolve) => setTimeout(resolve, 600));
      await one.stop();
    } finally {
      prototype.transaction = begin;
    }
    const touched = new Set(scopes.flat());
    expect([...touched].sort()).toEqual(["checkpoints", "entries", "heads", "pieces", "session", "stacks", "views"]);
    const shared = [...touched].filter((name) => scopes.every((scope) => scope.includes(name)));
    expect(shared.length).toBeGreaterThan(0);
  });

  it("has no long record, however long the document and its steps are: killed in one, Chromium drops all", async () => {
    const one = await openPage();
    const { emptyDoc } = await import("../src/model/types");
    const long = emptyDoc("long");
    for (let count = 0; count < 2000; count += 1) long.root.nodes[count] = node(String(count), "x".repeat(200));
    const tab = one.docs.openDoc(long, { title: "long" });
    for (let count = 0; count < 260; count += 1) {
      one.docs.edit(tab, "paste", (doc) => {
        // Every fiftieth step is a paste of many nodes.
        for (let at = 0; at < (count % 50 === 0 ? 300 : 1); at += 1) {
          doc.root.nodes[`${count} ${at}`] = node(`${count} ${at}`, "y".repeat(100));
        }
      });
      if (count % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    one.docs.undo(tab);
    const before = state(one, tab);
    await one.stop();
    const { answerOf, openDatabase } = await import("../src/store/database");
    const database = await openDatabase();
    for (const name of database.objectStoreNames) {
      const records = await answerOf(database.transaction(name).objectStore(name).getAll());
      const longest = Math.max(0, ...records.map((record) => serialize(record).length));
      expect([name, longest < 16_000]).toEqual([name, true]);
    }
    const two = await openPage();
    expect(state(two, tab)).toBe(before);
    while (two.docs.undo(tab));
    expect(canonical(two.docs.openOf(tab)?.doc)).toBe(canonical(long));
    await two.docs.backingOf()?.journal.flush();
    // What a checkpoint made needless is gone.
    const keys = await answerOf(database.transaction("pieces").objectStore("pieces").getAllKeys());
    const texts = new Set((keys as (string | number)[][]).map((key) => `${key[1]} ${key[2]}`));
    expect([...texts].filter((text) => text.startsWith("checkpoint")).length).toBe(1);
    await two.stop();
  });

  it("has every step in its order, however many long ones follow each other at once", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    const random = seeded(3);
    for (let count = 0; count < 120; count += 1) {
      const many = random() < 0.4 ? 100 + random() * 400 : 1;
      one.docs.edit(tab, "paste", (doc) => {
        for (let at = 0; at < many; at += 1) doc.root.nodes[`${count} ${at}`] = node(`${count} ${at}`, "y".repeat(60));
      });
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 6));
    }
    const before = state(one, tab);
    await one.stop();
    const two = await openPage();
    expect(state(two, tab)).toBe(before);
    await two.stop();
  });

  it("is never older than 200 ms, seen by a reader at 100 random moments", async () => {
    const random = seeded(7);
    const one = await openPage();
    const tab = one.docs.newDoc();
    await until(() => one.docs.backingOf()?.known.size === 1);
    const done = new Map<number, number>([[0, performance.now()]]);
    let goes = true;
    const writer = (async () => {
      while (goes) {
        for (let burst = 0; burst < 1 + random() * 5; burst += 1) {
          randomEdit(one, tab, random);
          done.set(one.docs.openOf(tab)?.edits ?? 0, performance.now());
        }
        await new Promise((resolve) => setTimeout(resolve, random() * 12));
      }
    })();
    const journal = one.docs.backingOf()?.journal;
    let worst = 0;
    for (let look = 0; look < 100; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, random() * 20));
      const now = performance.now();
      const there = (await journal?.restore(tab, false))?.edits ?? 0;
      // The oldest edit that is missing tells how much would be lost by a kill at that moment.
      const missing = [...done].filter(([edit, at]) => edit > there && at < now).map(([, at]) => now - at);
      worst = Math.max(worst, ...missing);
    }
    goes = false;
    await writer;
    await one.stop();
    expect(done.size).toBeGreaterThan(200);
    expect(worst).toBeLessThan(200);
  });

  it("is an append that another tab's takeover stops as a whole", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc("mine");
    await until(() => one.docs.backingOf()?.known.size === 1);
    one.docs.edit(tab, "kept", (doc) => {
      doc.root.nodes.kept = node("kept");
    });
    await one.docs.backingOf()?.journal.flush();
    // A tab that answers nobody, e.g. frozen in the background: the other one adopts the document in the database.
    const two = await openPage();
    await two.docs.backingOf()?.journal.restore(tab, true);
    one.docs.edit(tab, "late", (doc) => {
      doc.root.nodes.late = node("late");
    });
    await until(() => one.docs.openOf(tab)?.readOnly === true);
    const after = await two.docs.backingOf()?.journal.restore(tab, false);
    expect(Object.keys(after?.doc.root.nodes ?? {})).toEqual(["kept"]);
    // What the first tab had is not lost: it is a document of its own.
    const copy = Object.values(one.docs.docs.getState().byId).find((open) => open.id !== tab);
    expect(Object.keys(copy?.doc.root.nodes ?? {})).toEqual(["kept", "late"]);
    await one.stop();
    await two.stop();
  });

  it("is written again, whole, after the database failed for a while", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    await until(() => one.docs.backingOf()?.known.size === 1);
    await one.docs.backingOf()?.journal.flush();
    const { openDatabase } = await import("../src/store/database");
    const database = await openDatabase();
    const works = database.transaction.bind(database);
    database.transaction = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    one.docs.edit(tab, "one", (doc) => {
      doc.root.nodes.one = node("one");
    });
    await until(() => one.ui.ui.getState().toasts.some((toast) => toast.level === "error"));
    one.docs.edit(tab, "two", (doc) => {
      doc.root.nodes.two = node("two");
    });
    database.transaction = works;
    await until(() => one.ui.ui.getState().toasts.some((toast) => toast.level === "info"), 8);
    one.docs.edit(tab, "three", (doc) => {
      doc.root.nodes.three = node("three");
    });
    const before = state(one, tab);
    await one.stop();
    const two = await openPage();
    expect(state(two, tab)).toBe(before);
    expect(Object.keys(two.docs.openOf(tab)?.doc.root.nodes ?? {})).toEqual(["one", "two", "three"]);
    await two.stop();
  });
});
