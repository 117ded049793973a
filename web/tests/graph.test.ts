// Questions about wires: what fits, what feeds what, rings, ranks, types through Reroute nodes and subgraphs.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  downstream,
  fits,
  index,
  linksFrom,
  linksInto,
  ranks,
  sourceOf,
  typeOfOutput,
  upstream,
} from "../src/model/graph";
import { record } from "../src/model/history";
import { addNode, connect, disconnect } from "../src/model/ops";
import { addSubInput, makeSubgraph } from "../src/model/subgraph";
import type { Link } from "../src/model/types";
import { type Doc, emptyDoc, type NodeId, REROUTE_TYPE, ROOT, SUB_INPUT } from "../src/model/types";
import { anyDoc, newNode, TYPES } from "./graphs";

/** A document with these links between nodes of no known type, "1>2 2>3". */
function wired(text: string): Doc {
  const doc = emptyDoc("doc");
  for (const id of new Set(text.match(/\d+/g))) doc.root.nodes[id] = { ...newNode("X"), id };
  for (const [place, part] of text.split(" ").entries()) {
    const [from = "", to = ""] = part.split(">");
    const id = `l${place}`;
    doc.root.links[id] = { id, from, out: 0, to, input: id, type: "*" };
  }
  return doc;
}

describe("fits", () => {
  test.each([
    ["IMAGE", "IMAGE", true],
    ["IMAGE", "MASK", false],
    ["*", "MASK", true],
    ["IMAGE", "*", true],
    ["IMAGE,MASK", "MASK", true],
    ["IMAGE", "LATENT, IMAGE", true],
    ["IMAGE,MASK", "LATENT,MODEL", false],
    ["IMAGE,*", "MODEL", true],
    ["IMAGE,MASK", "*,MODEL", true],
    ["IMAGES", "IMAGE", false],
  ])("%s takes %s: %s", (wanted, given, answer) => expect(fits(wanted, given)).toBe(answer));
});

describe("reach", () => {
  const doc = wired("1>2 2>3 1>3 4>3 5>6");
  test("upstream and downstream leave out the nodes themselves", () => {
    expect([...upstream(doc.root, ["3"])].sort()).toEqual(["1", "2", "4"]);
    expect([...downstream(doc.root, ["1", "5"])].sort()).toEqual(["2", "3", "6"]);
    expect(upstream(doc.root, ["1"]).size).toBe(0);
  });

  test("ranks are the longest ways, and end in rings too", () => {
    expect(Object.fromEntries(ranks(doc.root))).toEqual({ 1: 0, 2: 1, 3: 2, 4: 0, 5: 0, 6: 1 });
    const ring = ranks(wired("1>2 2>3 3>2 3>4").root);
    expect([...ring.keys()].sort()).toEqual(["1", "2", "3", "4"]);
    expect([ring.get("1"), (ring.get("4") as number) > (ring.get("3") as number)]).toEqual([0, true]);
  });

  test("every link leads to a higher rank where there is no ring, and reach agrees with the links", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { root } = anyDoc(seed, 60);
        const found = ranks(root);
        const ends = new Map<NodeId, Set<NodeId>>();
        for (const id of Object.keys(root.nodes)) ends.set(id, downstream(root, [id]));
        const links = Object.values(root.links);
        // A subgraph made of what is not side by side feeds what feeds it: a ring of nodes, though of no values.
        const hasRing = links.some(({ from, to }) => ends.get(to)?.has(from));
        for (const { from, to } of links) {
          if (!hasRing) expect(found.get(to) as number).toBeGreaterThan(found.get(from) as number);
          for (const next of [to, ...(ends.get(to) as Set<NodeId>)]) {
            expect(ends.get(from)?.has(next)).toBe(true);
            expect(upstream(root, [next]).has(from)).toBe(true);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("index", () => {
  test("is built once for the same links, anew for others, and sees the edits of a draft", () => {
    const doc = emptyDoc("doc");
    const [load, sample] = ["Load", "Sample"].map((type) => addNode(doc, ROOT, newNode(type))) as [string, string];
    const link = connect(doc, ROOT, { from: load, out: 0, to: sample, input: "model", type: "MODEL" });
    const before = index(doc.root);
    expect(index(doc.root)).toBe(before);
    expect(linksInto(doc.root, sample).map((one) => one.id)).toEqual([link]);
    const { doc: after } = record(doc, (draft) => {
      expect(linksFrom(draft.root, load).length).toBe(1);
      disconnect(draft, ROOT, [link]);
      expect(linksFrom(draft.root, load).length).toBe(0);
      connect(draft, ROOT, { from: load, out: 0, to: sample, input: "positive", type: "MODEL" });
      expect(linksInto(draft.root, sample).map((one) => one.input)).toEqual(["positive"]);
    });
    expect(linksInto(after.root, sample).map((one) => one.input)).toEqual(["positive"]);
    expect(linksInto(doc.root, sample).map((one) => one.input)).toEqual(["model"]);
    expect(linksInto(doc.root, "none")).toEqual([]);
    const { doc: moved } = record(after, (draft) => {
      const node = draft.root.nodes[load];
      if (node) node.pos = [1, 1];
    });
    expect(index(moved.root)).toBe(index(after.root));
  });
});

describe("sources and types", () => {
  test("go through Reroute nodes, whatever their links say", () => {
    const doc = emptyDoc("doc");
    const [load, a, b, sample] = ["Load", REROUTE_TYPE, REROUTE_TYPE, "Sample"].map((type) =>
      addNode(doc, ROOT, newNode(type)),
    ) as [string, string, string, string];
    connect(doc, ROOT, { from: load, out: 2, to: a, input: "", type: "VAE" });
    connect(doc, ROOT, { from: a, out: 0, to: b, input: "", type: "*" });
    const last = connect(doc, ROOT, { from: b, out: 0, to: sample, input: "model", type: "*" });
    expect(sourceOf(doc, ROOT, doc.root.links[last] as Link)).toMatchObject({ node: load, out: 2 });
    expect(typeOfOutput(doc, ROOT, TYPES, b, 0)).toBe("VAE");
    expect(typeOfOutput(doc, ROOT, TYPES, load, 0)).toBe("MODEL");
    const entering = Object.values(doc.root.links).find((one) => one.to === a) as Link;
    const { doc: open } = record(doc, (draft) => disconnect(draft, ROOT, [entering.id]));
    expect(sourceOf(open, ROOT, open.root.links[last] as Link)).toBeUndefined();
  });

  test("stop at Reroute nodes that feed each other", () => {
    const doc = wired("1>2 2>1 2>3");
    for (const id of ["1", "2"]) (doc.root.nodes[id] as { type: string }).type = REROUTE_TYPE;
    expect(sourceOf(doc, ROOT, doc.root.links.l2 as Link)).toBeUndefined();
    expect(typeOfOutput(doc, ROOT, TYPES, "2", 0)).toBe("*");
  });

  test("know the slots of subgraphs from both sides, and what an unknown type says of itself", () => {
    const doc = emptyDoc("doc");
    const sample = addNode(doc, ROOT, newNode("Sample"));
    const host = makeSubgraph(doc, ROOT, [{ kind: "node", id: sample }], TYPES, "Sub");
    const key = doc.root.nodes[host]?.type as string;
    addSubInput(doc, key, { name: "model", type: "MODEL" });
    expect(typeOfOutput(doc, key, TYPES, SUB_INPUT, 0)).toBe("MODEL");
    expect(typeOfOutput(doc, key, TYPES, SUB_INPUT, 1)).toBe("*");
    doc.subs[key]?.outputs.push({ id: "s", name: "out", type: "LATENT" });
    expect(typeOfOutput(doc, ROOT, TYPES, host, 0)).toBe("LATENT");
    const odd = addNode(doc, ROOT, { ...newNode("Gone"), outputs: [{ name: "x", type: "THING" }] });
    expect([0, 1].map((out) => typeOfOutput(doc, ROOT, TYPES, odd, out))).toEqual(["THING", "*"]);
    expect(typeOfOutput(doc, ROOT, TYPES, "none", 0)).toBe("*");
  });
});
