// Undo and redo: whatever is edited, the patches lead back to the very document and forth to the very document.

import fc from "fast-check";
import { expect, test } from "vitest";
import { apply, canonical, MAX_ENTRIES, push, record } from "../src/model/history";
import { addNode, setValue } from "../src/model/ops";
import { type Doc, emptyDoc, ROOT } from "../src/model/types";
import type { Entry } from "../src/store/shapes";
import { editAny, newNode, randomFrom } from "./graphs";
import { faults } from "./sound";

function entryOf(edit: { forward: Entry["forward"]; backward: Entry["backward"] }, gesture?: string): Entry {
  return {
    ...edit,
    label: "",
    at: 0,
    before: [],
    after: [],
    layer: ROOT,
    ...(gesture === undefined ? {} : { gesture }),
  };
}

/** Make random edits; entries and the documents between, canonical, every so many edits. */
function session(seed: number, count: number, every: number) {
  const random = randomFrom(seed);
  let doc = emptyDoc("doc");
  const entries: Entry[] = [];
  const marks = new Map([[0, canonical(doc)]]);
  const kinds = new Map<string, number>();
  while (entries.length < count) {
    let kind = "";
    try {
      const edit = record(doc, (draft) => {
        kind = editAny(draft, random);
      });
      if (edit.forward.length === 0) continue;
      doc = edit.doc;
      entries.push(entryOf(edit));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    } catch (error) {
      if ((error as Error).name !== "EditError") throw error;
      continue;
    }
    if (entries.length % every === 0) marks.set(entries.length, canonical(doc));
  }
  marks.set(count, canonical(doc));
  return { doc, entries, marks, kinds };
}

test("10,000 random edits undone are byte-equal to the start, redone to the end", () => {
  const { doc, entries, marks, kinds } = session(1, 10_000, 250);
  // Every kind of edit took part, subgraphs, groups and pasting included.
  for (const kind of ["make", "unpack", "paste", "group", "move group", "remove slot", "show", "reroute", "replace"]) {
    expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(20);
  }
  expect(faults(doc)).toEqual([]);
  let now: Doc = doc;
  for (let place = entries.length; place > 0; place -= 1) {
    if (marks.has(place)) expect(canonical(now) === marks.get(place), `undone to ${place}`).toBe(true);
    now = apply(now, (entries[place - 1] as Entry).backward);
  }
  expect(canonical(now)).toBe(marks.get(0));
  entries.forEach((entry, place) => {
    now = apply(now, entry.forward);
    const mark = marks.get(place + 1);
    if (mark !== undefined) expect(canonical(now) === mark, `redone to ${place + 1}`).toBe(true);
  });
});

test("patches survive being written as JSON, as the journal does", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { doc, entries } = session(seed, 60, 1000);
      const back = entries.reduceRight((now, { backward }) => apply(now, JSON.parse(JSON.stringify(backward))), doc);
      expect(canonical(back)).toBe(canonical(emptyDoc("doc")));
      const again = entries.reduce((now, { forward }) => apply(now, JSON.parse(JSON.stringify(forward))), back);
      expect(canonical(again)).toBe(canonical(doc));
    }),
    { numRuns: 25 },
  );
});

test("an edit never changes the document it was given", () => {
  const random = randomFrom(7);
  let doc = emptyDoc("doc");
  for (let count = 0; count < 400; count += 1) {
    const before = canonical(doc);
    const kept = doc;
    try {
      doc = record(doc, (draft) => void editAny(draft, random)).doc;
    } catch (error) {
      if ((error as Error).name !== "EditError") throw error;
    }
    expect(canonical(kept) === before, `edit ${count}`).toBe(true);
  }
});

test("entries of one gesture become one, which undoes to before it and redoes to after it", () => {
  let doc = emptyDoc("doc");
  let id = "";
  const added = record(doc, (draft) => {
    id = addNode(draft, ROOT, newNode("Sample"));
  });
  let past = push([], entryOf(added));
  doc = added.doc;
  const start = canonical(doc);
  for (let value = 1; value <= 50; value += 1) {
    const edit = record(doc, (draft) => setValue(draft, ROOT, id, "seed", value));
    doc = edit.doc;
    past = push(past, entryOf(edit, "drag"));
  }
  expect(past.length).toBe(2);
  // The values in between are not kept.
  expect(past[1]?.forward.length).toBe(1);
  expect(canonical(apply(doc, (past[1] as Entry).backward))).toBe(start);
  const more = record(doc, (draft) => setValue(draft, ROOT, id, "text", 1));
  past = push(past, entryOf(more, "drag"));
  expect(past.length).toBe(2);
  const undone = apply(more.doc, (past[1] as Entry).backward);
  expect(canonical(undone)).toBe(start);
  expect(canonical(apply(undone, (past[1] as Entry).forward))).toBe(canonical(more.doc));
  expect(push(past, entryOf(more, "another drag")).length).toBe(3);
});

test("a gesture of random edits undoes as one", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { doc, entries } = session(seed, 40, 1000);
      const joined = entries.reduce<Entry[]>((past, entry) => push(past, { ...entry, gesture: "one" }), []);
      expect(joined.length).toBe(1);
      const back = apply(doc, (joined[0] as Entry).backward);
      expect(canonical(back)).toBe(canonical(emptyDoc("doc")));
      expect(canonical(apply(back, (joined[0] as Entry).forward))).toBe(canonical(doc));
    }),
    { numRuns: 25 },
  );
});

test("the past holds the last 1,000 entries", () => {
  const edit = record(emptyDoc("doc"), (draft) => void addNode(draft, ROOT, newNode("Sample")));
  let past: Entry[] = [];
  for (let count = 0; count < MAX_ENTRIES + 5; count += 1) past = push(past, { ...entryOf(edit), at: count });
  expect(past.length).toBe(MAX_ENTRIES);
  expect(past[0]?.at).toBe(5);
  expect(past.at(-1)?.at).toBe(MAX_ENTRIES + 4);
});

test("equal documents are one text whatever the order of their keys", () => {
  expect(canonical({ b: [1, { d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
  expect(canonical({ a: undefined, b: 1 })).toBe('{"b":1}');
});
