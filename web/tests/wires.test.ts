// Edits of links and reroutes, as ComfyUI's users know them: replacing, moving, inserting, branching, Reroute nodes.

import { beforeEach, describe, expect, test } from "vitest";
import * as ops from "../src/model/ops";
import type { Doc, DocNode, Link, LinkId, NodeId } from "../src/model/types";
import { emptyDoc, PRIMITIVE_TYPE, REROUTE_TYPE, ROOT } from "../src/model/types";
import { newNode } from "./graphs";
import { faults } from "./sound";

let doc: Doc;
const add = (type: string, x = 0, y = 0): NodeId => ops.addNode(doc, ROOT, newNode(type, [x, y]));
const join = (from: NodeId, out: number, to: NodeId, input: string, type: string): LinkId =>
  ops.connect(doc, ROOT, { from, out, to, input, type });
const link = (id: LinkId): Link => doc.root.links[id] as Link;
const node = (id: NodeId): DocNode => doc.root.nodes[id] as DocNode;
const into = (to: NodeId, input: string) =>
  Object.values(doc.root.links).filter((one) => one.to === to && one.input === input);

beforeEach(() => {
  doc = emptyDoc("doc");
});

describe("links", () => {
  test("a link replaces the one that entered the input, and an equal one changes nothing", () => {
    const [one, two, target] = [add("Load"), add("Load"), add("Sample")];
    const first = join(one, 0, target, "model", "MODEL");
    expect(join(one, 0, target, "model", "MODEL")).toBe(first);
    const second = join(two, 0, target, "model", "MODEL");
    expect(into(target, "model").map((entry) => [entry.id, entry.from])).toEqual([[second, two]]);
  });

  test("new ids pass over those that a file with wrong counters has", () => {
    doc.root.nodes["2"] = { ...newNode("Load"), id: "2" };
    doc.root.links["1"] = { id: "1", from: "2", out: 0, to: "9", input: "model", type: "MODEL" };
    expect([add("Load"), add("Sample")]).toEqual(["1", "3"]);
    expect(join("1", 0, "3", "model", "MODEL")).toBe("2");
  });

  test("ends that are not there and a node's own input are refused", () => {
    const one = add("Load");
    expect(() => join(one, 0, "99", "model", "MODEL")).toThrow(/no node 99/);
    expect(() => join("99", 0, one, "name", "INT")).toThrow(/no node 99/);
    expect(() => join(one, 0, one, "name", "INT")).toThrow(/itself/);
    expect(doc.root.links).toEqual({});
  });

  test("a moved end takes the link with it, and what entered the new input goes", () => {
    const [one, two, target] = [add("Encode"), add("Encode"), add("Sample")];
    const first = join(one, 0, target, "positive", "COND");
    join(two, 0, target, "negative", "COND");
    ops.moveLink(doc, ROOT, first, { to: target, input: "negative" });
    expect(Object.keys(doc.root.links)).toEqual([first]);
    ops.moveLink(doc, ROOT, first, { from: two, out: 0 });
    expect([link(first).from, link(first).input]).toEqual([two, "negative"]);
  });

  test("a node put on a link stands between its ends, other links of the output stay", () => {
    const [load, extra, target] = [add("Decode"), add("Mix", 300), add("Mix", 900)];
    const one = join(load, 0, target, "one", "IMAGE");
    const two = join(load, 0, target, "two", "IMAGE");
    const middle = add("Mix", 500);
    join(extra, 0, middle, "one", "IMAGE");
    ops.insertOnLink(doc, ROOT, one, middle, "one", 0, "IMAGE");
    expect([into(target, "one")[0]?.from, into(middle, "one")[0]?.from, into(middle, "one").length]).toEqual([
      middle,
      load,
      1,
    ]);
    expect(link(two).from).toBe(load);
    expect(() => ops.insertOnLink(doc, ROOT, one, middle, "two", 0, "IMAGE")).toThrow();
  });

  test("reroutes left of an inserted node stay before it, shared ones too", () => {
    const [load, target] = [add("Decode"), add("Mix", 900)];
    const one = join(load, 0, target, "one", "IMAGE");
    const right = ops.addReroute(doc, ROOT, one, [800, 0]);
    const left = ops.addReroute(doc, ROOT, one, [300, 0]);
    const middle = add("Mix", 500);
    ops.insertOnLink(doc, ROOT, one, middle, "one", 0, "IMAGE");
    expect(into(middle, "one")[0]?.reroute).toBe(left);
    expect([link(one).reroute, doc.root.reroutes[right]?.parent]).toEqual([right, undefined]);
    expect(faults(doc)).toEqual([]);
  });
});

describe("Reroute nodes", () => {
  test("take the type of what enters, along a whole chain, with makeNode's empty sockets too", () => {
    const [load, a, target] = [add("Load"), add(REROUTE_TYPE), add("Sample")];
    const b = ops.addNode(doc, ROOT, { ...newNode(REROUTE_TYPE), inputs: [], outputs: [] });
    const last = join(b, 0, target, "model", "*");
    const between = join(a, 0, b, "", "*");
    join(load, 0, a, "", "MODEL");
    expect([link(last).type, link(between).type]).toEqual(["MODEL", "MODEL"]);
    expect([node(a).outputs[0]?.type, node(b).outputs[0]?.type]).toEqual(["MODEL", "MODEL"]);
  });

  test("let go of targets that are known not to take the new type", () => {
    const [load, reroute] = [add("Load"), add(REROUTE_TYPE)];
    const target = ops.addNode(doc, ROOT, { ...newNode("Gone"), inputs: [{ name: "vae", type: "VAE" }] });
    join(load, 2, reroute, "", "VAE");
    const kept = join(reroute, 0, target, "vae", "VAE");
    join(load, 0, reroute, "", "MODEL");
    expect(doc.root.links[kept]).toBeUndefined();
    expect(node(reroute).outputs[0]?.type).toBe("MODEL");
  });

  test("and primitives take the type of the first input they feed", () => {
    const target = ops.addNode(doc, ROOT, {
      ...newNode("Gone"),
      inputs: [{ name: "seed", type: "INT", widget: "seed" }],
    });
    const primitive = ops.addNode(doc, ROOT, { ...newNode(PRIMITIVE_TYPE), outputs: [{ name: "connect", type: "*" }] });
    const made = join(primitive, 0, target, "seed", "*");
    expect([link(made).type, node(primitive).outputs[0]?.type]).toEqual(["INT", "INT"]);
  });
});

describe("reroutes", () => {
  test("a new one stands between the points that it lies between", () => {
    const [load, target] = [add("Load"), add("Sample", 1000)];
    const one = join(load, 0, target, "model", "MODEL");
    const b = ops.addReroute(doc, ROOT, one, [600, 10]);
    const c = ops.addReroute(doc, ROOT, one, [800, 10]);
    const a = ops.addReroute(doc, ROOT, one, [400, 10]);
    expect([link(one).reroute, doc.root.reroutes[c]?.parent, doc.root.reroutes[b]?.parent]).toEqual([c, b, a]);
    expect(doc.root.reroutes[a]).not.toHaveProperty("parent");
    ops.removeReroute(doc, ROOT, b);
    expect(doc.root.reroutes[c]?.parent).toBe(a);
    ops.removeReroute(doc, ROOT, c);
    expect(link(one).reroute).toBe(a);
    ops.removeReroute(doc, ROOT, a);
    expect(link(one)).not.toHaveProperty("reroute");
    expect(doc.root.reroutes).toEqual({});
  });

  test("a branch shares the way so far; what is shared goes with the last link", () => {
    const [load, target, other] = [add("Load"), add("Sample", 1000), add("Sample", 1000, 500)];
    const one = join(load, 0, target, "model", "MODEL");
    const two = ops.branchFrom(doc, ROOT, { link: one, at: [500, 50] }, { to: other, input: "model" });
    const [shared] = Object.keys(doc.root.reroutes) as [string];
    expect([link(one).reroute, link(two).reroute, link(two).from]).toEqual([shared, shared, load]);
    const own = ops.addReroute(doc, ROOT, two, [800, 400]);
    const three = ops.branchFrom(doc, ROOT, { reroute: own }, { to: add("Sample"), input: "model" });
    ops.disconnect(doc, ROOT, [one, two]);
    expect(Object.keys(doc.root.reroutes).sort()).toEqual([shared, own].sort());
    // Another source: the way that only this link takes is kept.
    ops.moveLink(doc, ROOT, three, { from: add("Load"), out: 0 });
    expect(faults(doc)).toEqual([]);
    ops.disconnect(doc, ROOT, [three]);
    expect(doc.root.reroutes).toEqual({});
  });

  test("a link that gets another source leaves reroutes to the links that share them", () => {
    const [load, other, target] = [add("Load"), add("Load"), add("Sample", 1000)];
    const one = join(load, 1, target, "positive", "CLIP");
    const two = ops.branchFrom(doc, ROOT, { link: one, at: [500, 50] }, { to: target, input: "negative" });
    const own = ops.addReroute(doc, ROOT, two, [800, 60]);
    ops.moveLink(doc, ROOT, two, { from: other, out: 1 });
    expect([link(two).reroute, doc.root.reroutes[own]?.parent, Object.keys(doc.root.reroutes).length]).toEqual([
      own,
      undefined,
      2,
    ]);
    expect(faults(doc)).toEqual([]);
  });
});
