import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { canonical } from "../src/model/history";
import type { Doc } from "../src/model/types";
import { CopyFiles, type Order } from "../src/store/copy.worker";
import { crc32, encode, fileNames, HEAD, type Kind, ownerOf, scan } from "../src/store/copyRecords";
import { Files, freshFiles } from "./files";
import { freshBrowser, openPage, type TabPage, until } from "./page";

type Row = [Kind, number, string];
const ROWS: Row[] = [
  ["whole", 7, '{"whole":"ä€😀"}'],
  ["step", 8, "{}"],
  ["head", 8, '{"title":"x"}'],
  ["step", 9, ""],
];

function joined(rows: Row[]): Uint8Array {
  return Uint8Array.from(rows.flatMap((row) => [...encode(...row)]));
}

function rowsOf(bytes: Uint8Array): string[] {
  return scan(bytes)
    .records()
    .map(({ kind, text }) => `${kind} ${text}`);
}

const TOLD = ROWS.map(([kind, , text]) => `${kind} ${text}`);

describe("records", () => {
  it("are read as they were written", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    expect(rowsOf(joined(ROWS))).toEqual(TOLD);
    expect(scan(joined(ROWS))).toMatchObject({ edits: 9, end: joined(ROWS).length });
    expect(scan(new Uint8Array())).toMatchObject({ edits: -1, end: 0 });
  });

  it("end where the file was cut, at whichever byte", () => {
    const bytes = joined(ROWS);
    const ends = ROWS.map((_, count) => joined(ROWS.slice(0, count + 1)).length);
    for (let size = 0; size <= bytes.length; size += 1) {
      const whole = ends.filter((end) => end <= size).length;
      expect(rowsOf(bytes.slice(0, size))).toEqual(TOLD.slice(0, whole));
      // What a file system may leave behind a tail that it did not get to write.
      const zeros = new Uint8Array(bytes.length + 100);
      zeros.set(bytes.subarray(0, size));
      expect(rowsOf(zeros)).toEqual(TOLD.slice(0, whole));
    }
  });

  it("end before a byte that was changed, whichever it is and however", () => {
    const bytes = joined(ROWS);
    const ends = ROWS.map((_, count) => joined(ROWS.slice(0, count + 1)).length);
    for (let at = 0; at < bytes.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        expect(rowsOf(flipped)).toEqual(TOLD.slice(0, ends.filter((end) => end <= at).length));
      }
    }
  });

  it("begin with the document whole, and leave no step out", () => {
    const [whole, step, , last] = ROWS as [Row, Row, Row, Row];
    expect(rowsOf(joined([step, last]))).toEqual([]);
    expect(rowsOf(joined([whole, last])).length).toBe(1);
    expect(rowsOf(joined([whole, step, step])).length).toBe(2);
    expect(rowsOf(joined([whole, step, whole])).length).toBe(2);
  });

  it("make sense of any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const bytes = Uint8Array.from([...joined(ROWS), ...noise]);
        expect(rowsOf(bytes).slice(0, TOLD.length)).toEqual(TOLD);
        expect(scan(noise).end).toBeLessThanOrEqual(Math.max(0, noise.length));
      }),
    );
  });

  it("stand in files whose names tell whose they are", () => {
    for (const id of ["plain", "with ~ and / and ~0", "é%"]) {
      for (const name of fileNames(id, "me")) expect(ownerOf(name)).toEqual({ id, writer: "me" });
    }
    expect(ownerOf("something")).toBeUndefined();
  });
});

describe("the files", () => {
  const order = (kind: Kind, edits: number, text = `${edits}`): Order => ({ id: "d", kind, edits, text });
  const best = (files: Files) => Math.max(-1, ...[...files.content.values()].map((bytes) => scan(bytes).edits));
  const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

  beforeEach(() => void vi.useRealTimers());

  it("hold every record when the call returns, and one of them is good at every moment", async () => {
    const files = new Files();
    const seen: number[] = [];
    files.onDone = () => void seen.push(best(files));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const copies = new CopyFiles(
      async () => files,
      "me",
      () => expect.unreachable(),
    );
    copies.take(order("whole", 0));
    copies.take(order("step", 1)); // the files are not open yet
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(best(files)).toBe(1);
    for (let edits = 2; edits < 60; edits += 1) {
      copies.take(order("step", edits));
      expect(best(files)).toBe(edits);
      if (edits % 7 === 0) copies.take(order("whole", edits, "again".repeat(edits % 3)));
      if (edits % 14 === 0) vi.advanceTimersByTime(2_000);
      expect(best(files)).toBe(edits);
    }
    const known = seen.slice(seen.indexOf(0));
    expect(known).toEqual([...known].sort((one, other) => one - other));
    vi.advanceTimersByTime(2_000);
    expect([...files.content.values()].filter((bytes) => bytes.length > 0).length).toBe(1);
  });

  it("of this tab go with the document, those of tabs before when there is something newer", async () => {
    const files = new Files();
    const [before] = fileNames("d", "before") as [string, string];
    const [other] = fileNames("other", "before") as [string, string];
    for (const name of [before, other]) await files.getFileHandle(name, { create: true });
    const copies = new CopyFiles(
      async () => files,
      "me",
      () => expect.unreachable(),
    );
    copies.take(order("whole", 3));
    await settled();
    expect(files.content.has(before)).toBe(true);
    copies.take({ id: "d", kind: "close" });
    await settled();
    expect([...files.content.keys()].sort()).toEqual([...fileNames("d", "me"), other].sort());
    // And on, when the document is opened again; the good file is not the one that is written first.
    const good = [...files.content].find(([, bytes]) => bytes.length > 0)?.[0];
    copies.take(order("whole", 5));
    await settled();
    expect(scan(files.content.get(good as string) as Uint8Array).edits).toBe(3);
    expect(best(files)).toBe(5);
    copies.take({ id: "d", kind: "drop" });
    copies.take(order("step", 6));
    await settled();
    expect([...files.content.keys()]).toEqual([other]);
    copies.take({ id: "other", kind: "remove" });
    await settled();
    expect(files.content.size).toBe(0);
  });

  it("say when they cannot be written, and what was written stays good", async () => {
    const files = new Files();
    const failed: string[] = [];
    const copies = new CopyFiles(
      async () => files,
      "me",
      (id) => failed.push(id),
    );
    copies.take(order("whole", 3));
    await settled();
    files.room = HEAD + 2;
    copies.take(order("step", 4));
    copies.take(order("step", 5));
    copies.take(order("step", 6));
    expect(failed).toEqual(["d"]);
    expect(best(files)).toBe(4);
    const none = new CopyFiles(
      () => Promise.reject(new Error("none")),
      "me",
      (id) => failed.push(id),
    );
    none.take(order("whole", 3));
    await settled();
    expect(failed).toEqual(["d", "d"]);
  });
});

describe("a browser that was killed", () => {
  let files: Files;

  beforeEach(() => {
    freshBrowser();
    files = freshFiles();
  });

  function add(page: TabPage, tab: string, name: string): void {
    page.docs.edit(tab, name, (doc: Doc) => {
      doc.root.nodes[name] = {
        id: name,
        type: "t",
        pos: [0, 0],
        size: [1, 1],
        mode: 0,
        inputs: [],
        outputs: [],
        values: {},
      };
    });
  }

  function state(page: TabPage, tab: string): string {
    const open = page.docs.openOf(tab);
    return canonical(open && { ...open, readOnly: false });
  }

  const edits = (tab: string) =>
    Math.max(
      -1,
      ...[...files.content].filter(([name]) => ownerOf(name)?.id === tab).map(([, bytes]) => scan(bytes).edits),
    );

  /** Wait until the copy has all of a document. */
  async function copied(page: TabPage, tab: string): Promise<void> {
    await until(() => edits(tab) === page.docs.openOf(tab)?.edits);
  }

  /** What the database has now is all that it ever gets of this page. */
  async function stall(page: TabPage): Promise<void> {
    await page.docs.backingOf()?.journal.flush();
    const { openDatabase } = await import("../src/store/database");
    const database = await openDatabase();
    database.transaction = () => {
      throw new DOMException("gone", "AbortError");
    };
  }

  function kill(page: TabPage): void {
    page.docs.backingOf()?.claims.close();
    page.docs.attachBacking(null);
    files.kill();
  }

  it("has its last edits, though the database did not get them", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc("here");
    add(one, tab, "a");
    await copied(one, tab);
    await stall(one);
    for (const name of ["b", "c", "d"]) add(one, tab, name);
    one.docs.undo(tab);
    one.docs.renameDoc(tab, "there");
    await copied(one, tab);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = state(one, tab);
    kill(one);
    // Killed again at once, before anything is edited: what the copy had is in the database by now.
    for (const empty of [false, true]) {
      const next = await openPage();
      expect(state(next, tab)).toBe(before);
      expect(next.docs.openOf(tab)?.title).toBe("there");
      kill(next);
      if (empty) files.content.clear();
    }
    const last = await openPage();
    expect(last.docs.redo(tab)).toBe(true);
    expect(Object.keys(last.docs.openOf(tab)?.doc.root.nodes ?? {})).toEqual(["a", "b", "c", "d"]);
    while (last.docs.undo(tab));
    expect(last.docs.openOf(tab)?.doc.root.nodes).toEqual({});
    await copied(last, tab);
    await last.stop();
  });

  it("has all its documents, though the database is gone, open ones as tabs and closed ones to be had again", async () => {
    const one = await openPage();
    const tabs = ["first", "second", "third"].map((title) => one.docs.newDoc(title));
    for (const tab of tabs) {
      for (let count = 0; count < 30; count += 1) add(one, tab, `${count}`);
      for (let count = 0; count < 5; count += 1) one.docs.undo(tab);
      await copied(one, tab);
    }
    const before = tabs.map((tab) => state(one, tab));
    one.docs.closeDoc(tabs[1] as string);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stall(one);
    kill(one);
    freshBrowser();
    const two = await openPage();
    expect(two.docs.docs.getState().order.sort()).toEqual([tabs[0], tabs[2]].sort());
    expect((await two.restore.recentlyClosed()).map(({ title }) => title)).toEqual(["second"]);
    expect(await two.restore.reopenDoc(tabs[1] as string)).toBe(true);
    expect(tabs.map((tab) => state(two, tab))).toEqual(before);
    for (const tab of tabs) while (two.docs.undo(tab));
    for (const tab of tabs) expect(two.docs.openOf(tab)?.doc.root.nodes).toEqual({});
    await two.stop();
  });

  it("has what comes before a torn tail", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    for (const name of ["a", "b"]) add(one, tab, name);
    await copied(one, tab);
    add(one, tab, "c");
    await copied(one, tab);
    await stall(one);
    kill(one);
    for (const [name, bytes] of files.content) files.content.set(name, bytes.slice(0, -3));
    freshBrowser();
    const two = await openPage();
    expect(Object.keys(two.docs.openOf(tab)?.doc.root.nodes ?? {})).toEqual(["a", "b"]);
    await two.stop();
  });

  it("has the copy of who wrote last, and nothing of a tab that had lost the document", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    add(one, tab, "a");
    await copied(one, tab);
    const stale = new Map([...files.content].map(([name, bytes]) => [name, bytes.slice()]));
    const two = await openPage();
    await two.restore.takeOver(tab);
    await until(() => one.docs.openOf(tab)?.readOnly === true);
    add(two, tab, "b");
    await copied(two, tab);
    await two.docs.backingOf()?.journal.flush();
    const before = state(two, tab);
    kill(one);
    kill(two);
    // A file that got further, of a tab that counts no more.
    for (const [name, bytes] of stale) {
      const { edits: last } = scan(bytes);
      const more = [1, 2, 3].flatMap((step) => [...encode("step", last + step, '{"op":"undo"}')]);
      if (last >= 0) files.content.set(name, Uint8Array.from([...bytes, ...more]));
    }
    const three = await openPage();
    expect(state(three, tab)).toBe(before);
    await three.stop();
  });

  it("forgets a document that was deleted", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    add(one, tab, "a");
    await copied(one, tab);
    one.docs.closeDoc(tab);
    await one.docs.backingOf()?.journal.flush();
    await one.docs.backingOf()?.journal.remove(tab);
    await until(() => files.content.size === 0);
    await one.stop();
    const two = await openPage();
    expect(two.docs.docs.getState().order).toEqual([]);
    await two.stop();
  });

  it("goes on with the database alone where no file can be written, and says nothing of it", async () => {
    files.room = 0;
    const one = await openPage();
    const tab = one.docs.newDoc();
    for (let count = 0; count < 20; count += 1) {
      add(one, tab, `${count}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const before = state(one, tab);
    expect(one.ui.ui.getState().toasts).toEqual([]);
    await one.stop();
    files.kill();
    const two = await openPage();
    expect(state(two, tab)).toBe(before);
    await two.stop();
  });

  it("has a copy that begins anew when it has become long", async () => {
    const one = await openPage();
    const tab = one.docs.newDoc();
    add(one, tab, "a");
    await copied(one, tab);
    for (let count = 0; count < 1_050; count += 1) {
      one.docs.undo(tab);
      one.docs.redo(tab);
      if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await copied(one, tab);
    const longest = Math.max(...[...files.content.values()].map((bytes) => scan(bytes).records().length));
    expect(edits(tab)).toBe(2_101);
    expect(longest).toBeLessThan(2_100);
    const before = state(one, tab);
    await stall(one);
    kill(one);
    freshBrowser();
    const two = await openPage();
    expect(state(two, tab)).toBe(before);
    await two.stop();
  });
});
