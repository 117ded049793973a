// Rings of values: what a link may join when a subgraph is fed by what it feeds.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type End, ringTest } from "../src/model/depends";
import { upstream } from "../src/model/graph";
import { makeNode } from "../src/model/nodetypes";
import { addNode, connect, disconnect } from "../src/model/ops";
import { makeSubgraph } from "../src/model/subgraph";
import { type Doc, emptyDoc, type NodeId, ROOT } from "../src/model/types";
import { check } from "../src/model/validate";
import { typeNamed, types } from "./data";

const IMAGE = "IMAGE";
const node = (doc: Doc, type: string, x: number): NodeId => addNode(doc, ROOT, makeNode(typeNamed(type), [x, 0]));
const join = (doc: Doc, from: NodeId, to: NodeId, input: string) =>
  connect(doc, ROOT, { from, out: 0, to, input, type: IMAGE });
const link = (doc: Doc, from: NodeId, to: NodeId) =>
  Object.values(doc.root.links).find((one) => one.from === from && one.to === to);

/** An image that is inverted three times and saved; the first and the last inversion are one subgraph. */
function toAndFro(): { doc: Doc; host: NodeId; between: NodeId; source: NodeId; save: NodeId } {
  const doc = emptyDoc("doc");
  const source = node(doc, "EmptyImage", 0);
  const [first, between, last] = [300, 600, 900].map((x) => node(doc, "ImageInvert", x)) as [NodeId, NodeId, NodeId];
  const save = node(doc, "SaveImage", 1200);
  join(doc, source, first, "image");
  join(doc, first, between, "image");
  join(doc, between, last, "image");
  join(doc, last, save, "images");
  const items = [first, last].map((id) => ({ kind: "node" as const, id }));
  return { doc, host: makeSubgraph(doc, ROOT, items, types, "Both"), between, source, save };
}

describe("a subgraph with another node between its nodes", () => {
  test("is no ring for the check before a run, until its values are one", () => {
    const { doc, host, between } = toAndFro();
    expect(link(doc, host, between) && link(doc, between, host)).toBeDefined();
    expect(check(doc, types)).toEqual([]);
    // What the last inversion gives goes back to the one between: now it is.
    connect(doc, ROOT, { from: host, out: 1, to: between, input: "image", type: IMAGE });
    expect(check(doc, types).map(({ code }) => code)).toEqual(["G007"]);
  });

  test("may be joined again after its links were cut, from both sides, but not to a ring", () => {
    const { doc, host, between, save } = toAndFro();
    const back = link(doc, between, host);
    const inputs = doc.subs[doc.root.nodes[host]?.type ?? ""]?.inputs.map((slot) => slot.name) ?? [];
    const other = inputs.find((name) => name !== back?.input) as string;
    disconnect(doc, ROOT, [back?.id as string]);

    const closes = ringTest(doc, ROOT, [{ node: between, output: 0 }]);
    expect(closes({ node: host, input: back?.input as string })).toBe(false);
    expect(closes({ node: host, input: other })).toBe(true);
    expect(closes({ node: save, input: "images" })).toBe(false);
    const from = ringTest(doc, ROOT, [{ node: host, input: back?.input as string }]);
    expect(from({ node: between, output: 0 })).toBe(false);
    expect(ringTest(doc, ROOT, [{ node: host, input: other }])({ node: between, output: 0 })).toBe(true);
    expect(ringTest(doc, ROOT, [{ node: between, input: "image" }])({ node: host, output: 1 })).toBe(false);
    join(doc, between, host, back?.input as string);
    expect(ringTest(doc, ROOT, [{ node: between, input: "image" }])({ node: host, output: 1 })).toBe(true);
    expect(check(doc, types)).toEqual([]);
  });

  test("is looked through at any depth", () => {
    const { doc, host, between, source } = toAndFro();
    const outer = makeSubgraph(doc, ROOT, [{ kind: "node", id: host }], types, "Outer");
    const back = link(doc, between, outer);
    const enter = link(doc, source, outer);
    const closes = ringTest(doc, ROOT, [{ node: between, output: 0 }]);
    expect([
      closes({ node: outer, input: back?.input ?? "" }),
      closes({ node: outer, input: enter?.input ?? "" }),
    ]).toEqual([false, true]);
    expect(check(doc, types)).toEqual([]);
  });
});

test("among plain nodes a ring is what leads back to the node, and a node never feeds itself", () => {
  const wires = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 20 });
  fc.assert(
    fc.property(wires, fc.nat(9), fc.nat(9), (pairs, a, b) => {
      const doc = emptyDoc("doc");
      const ids = Array.from({ length: 10 }, (_, x) => node(doc, "ImageInvert", x));
      for (const [from, to] of pairs) if (from !== to) join(doc, ids[from] as NodeId, ids[to] as NodeId, `${from}`);
      const [from, to] = [ids[a] as NodeId, ids[b] as NodeId];
      const [output, input]: [End, End] = [
        { node: from, output: 0 },
        { node: to, input: "image" },
      ];
      const wanted = from === to || upstream(doc.root, [from]).has(to);
      expect([ringTest(doc, ROOT, [output])(input), ringTest(doc, ROOT, [input])(output)]).toEqual([wanted, wanted]);
    }),
    { numRuns: 200 },
  );
});
