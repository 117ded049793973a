// Tidying up: columns by what feeds what, no overlaps, groups together, and quick.

import fc from "fast-check";
import { expect, test } from "vitest";
import { arrange, arrangeGroups } from "../src/model/arrange";
import { boxOf, layoutNode, type NodeLayout } from "../src/model/layout";
import { typeOf } from "../src/model/nodetypes";
import { type Box, type Doc, emptyDoc, type Layer, type NodeId } from "../src/model/types";
import { documentNamed, types } from "./data";

const layoutsOf = (doc: Doc): Record<NodeId, NodeLayout> =>
  Object.fromEntries(
    Object.values(doc.root.nodes).map((node) => [node.id, layoutNode(node, typeOf(doc, node, types))]),
  );

function boxes(layer: Layer, positions: Record<NodeId, [number, number]>, layouts: Record<NodeId, NodeLayout>): Box[] {
  return Object.entries(positions).map(([id, pos]) =>
    boxOf({ ...(layer.nodes[id] as never as object), pos } as never, layouts[id] as NodeLayout),
  );
}

function overlaps(found: Box[]): number {
  let count = 0;
  found.forEach((a, place) => {
    for (const b of found.slice(place + 1)) {
      if (a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height) count++;
    }
  });
  return count;
}

function graph(count: number, wires: [number, number][]): Doc {
  const doc = emptyDoc("d");
  for (let id = 0; id < count; id++) {
    const size: [number, number] = [140 + (id % 5) * 40, 60 + (id % 7) * 50];
    const node = {
      id: String(id),
      type: "Any",
      pos: [id * 3, id * 2] as [number, number],
      size,
      mode: 0,
      inputs: [],
      outputs: [],
      values: {},
    };
    doc.root.nodes[node.id] = node;
  }
  wires.forEach(([from, to], place) => {
    const id = String(place);
    doc.root.links[id] = { id, from: String(from), out: 0, to: String(to), input: id, type: "T" };
  });
  return doc;
}

test("each node stands right of what feeds it", () => {
  const doc = documentNamed("two_pass");
  const layouts = layoutsOf(doc);
  const found = arrange(doc.root, undefined, layouts);
  expect(Object.keys(found).sort()).toEqual(Object.keys(doc.root.nodes).sort());
  for (const link of Object.values(doc.root.links)) {
    const end = (found[link.from]?.[0] ?? 0) + (layouts[link.from]?.width ?? 0);
    expect(found[link.to]?.[0]).toBeGreaterThan(end);
  }
  expect(overlaps(boxes(doc.root, found, layouts))).toBe(0);
  const left = Math.min(...Object.values(doc.root.nodes).map((node) => node.pos[0]));
  expect(Math.min(...Object.values(found).map(([x]) => x))).toBe(left);
});

test("nothing overlaps, whatever is wired to what, and again is the same", () => {
  const wire = fc.tuple(fc.nat(29), fc.nat(29));
  fc.assert(
    fc.property(fc.array(wire, { maxLength: 60 }), fc.boolean(), (wires, grouped) => {
      const doc = graph(
        30,
        wires.filter(([from, to]) => from !== to),
      );
      const layouts = layoutsOf(doc);
      if (grouped) doc.root.groups["1"] = { id: "1", title: "", box: { x: -10, y: -40, width: 200, height: 300 } };
      const found = arrange(doc.root, undefined, layouts);
      expect(overlaps(boxes(doc.root, found, layouts))).toBe(0);
      expect(arrange(doc.root, undefined, layouts)).toEqual(found);
    }),
    { numRuns: 60 },
  );
});

test("only the nodes asked for move", () => {
  const doc = documentNamed("two_pass");
  expect(Object.keys(arrange(doc.root, ["3", "8", "no such"], layoutsOf(doc))).sort()).toEqual(["3", "8"]);
  expect(arrange(doc.root, [], layoutsOf(doc))).toEqual({});
});

test("what a group frames stays together, and its frame goes with it", () => {
  const doc = graph(6, [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 5],
  ]);
  // 1 and 4 are framed, so 2 and 3 lie between them in the flow.
  for (const [id, x] of [
    ["1", 1000],
    ["4", 1400],
  ] as const)
    Object.assign(doc.root.nodes[id] as object, { pos: [x, 1000] });
  doc.root.groups.g = { id: "g", title: "", box: { x: 980, y: 950, width: 1000, height: 600 } };
  const layouts = layoutsOf(doc);
  const positions = arrange(doc.root, undefined, layouts);
  const frame = arrangeGroups(doc.root, positions, layouts).g as Box;
  for (const [id, pos] of Object.entries(positions)) {
    const [box] = boxes(doc.root, { [id]: pos }, layouts) as [Box];
    const inside =
      box.x >= frame.x &&
      box.y >= frame.y &&
      box.x + box.width <= frame.x + frame.width &&
      box.y + box.height <= frame.y + frame.height;
    const apart = overlaps([box, frame]) === 0;
    expect([id, inside, apart]).toEqual(id === "1" || id === "4" ? [id, true, false] : [id, false, true]);
  }
});

test("2,000 nodes take less than a second", () => {
  const wires = Array.from({ length: 3000 }, (_, at): [number, number] => [(at * 7) % 1999, ((at * 7) % 1999) + 1]);
  const doc = graph(2000, wires);
  const layouts = layoutsOf(doc);
  const before = performance.now();
  arrange(doc.root, undefined, layouts);
  expect(performance.now() - before).toBeLessThan(1000);
});
