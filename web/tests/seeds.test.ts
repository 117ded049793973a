// Seeds drawn before a run: which change, to what, and that numbers of 64 bits are counted exactly.

import { expect, test } from "vitest";
import { makeNode } from "../src/model/nodetypes";
import { addNode, setControl, setMode, setValue } from "../src/model/ops";
import { drawSeeds } from "../src/model/seeds";
import { type Doc, type DocNode, emptyDoc, type Json, ROOT, type SeedControl, type Sub } from "../src/model/types";
import { connect } from "../src/model/wires";
import { documentNamed, typeNamed, types } from "./data";

function sampler(control: SeedControl, seed: Json = 7): { doc: Doc; id: string } {
  const doc = emptyDoc("d");
  const id = addNode(doc, ROOT, makeNode(typeNamed("KSampler"), [0, 0]));
  setValue(doc, ROOT, id, "seed", seed);
  setControl(doc, ROOT, id, "seed", control);
  return { doc, id };
}

const drawn = (doc: Doc, random = () => 0.5): Json[] => drawSeeds(doc, types, random).map((one) => one.value);

test("a fixed seed stays, another one changes, by one or at random", () => {
  expect(drawn(sampler("fixed").doc)).toEqual([]);
  expect(drawn(sampler("increment").doc)).toEqual([8]);
  expect(drawn(sampler("decrement").doc)).toEqual([6]);
  expect(drawn(sampler("randomize").doc)).toEqual([2 ** 52]);
  const { doc, id } = sampler("increment");
  expect(drawSeeds(doc, types, Math.random)).toEqual([{ path: id, layer: ROOT, id, widget: "seed", value: 8 }]);
  expect(doc.root.nodes[id]?.values.seed).toBe(7);
});

test("what is drawn is a whole number that is held exactly", () => {
  for (const share of [0, 1e-17, 0.3, 0.999999999, 1 - 2 ** -53]) {
    const [value] = drawn(sampler("randomize").doc, () => share);
    expect(Number.isSafeInteger(value)).toBe(true);
    expect(value).toBeGreaterThanOrEqual(0);
  }
});

test("seeds beyond 2^53 are counted exactly, and stop at the ends of the range", () => {
  expect(drawn(sampler("increment", "18446744073709551613").doc)).toEqual(["18446744073709551614"]);
  expect(drawn(sampler("increment", "18446744073709551615").doc)).toEqual([]);
  expect(drawn(sampler("decrement", "9007199254740993").doc)).toEqual(["9007199254740992"]);
  expect(drawn(sampler("decrement", "9007199254740992").doc)).toEqual([9007199254740991]);
  expect(drawn(sampler("decrement", 0).doc)).toEqual([]);
  expect(drawn(sampler("increment", "much").doc)).toEqual([]);
});

test("seeds that a wire feeds and those of nodes that do not run stay", () => {
  const { doc, id } = sampler("randomize");
  setMode(doc, ROOT, [id], 2);
  expect(drawn(doc)).toEqual([]);
  setMode(doc, ROOT, [id], 0);
  const number = addNode(doc, ROOT, makeNode(typeNamed("PrimitiveInt"), [0, 0]));
  connect(doc, ROOT, { from: number, out: 0, to: id, input: "seed", type: "INT" });
  expect(drawn(doc)).toEqual([]);
  setControl(doc, ROOT, number, "value", "increment");
  expect(drawSeeds(doc, types, Math.random)).toMatchObject([{ id: number, widget: "value", value: 1 }]);
});

test("a primitive that feeds a seed is drawn itself", () => {
  const doc = documentNamed("primitive_seed_filter");
  setControl(doc, ROOT, "2", "value", "increment");
  expect(drawSeeds(doc, types, Math.random)).toMatchObject([{ id: "2", widget: "value", value: 78 }]);
});

test("inside a subgraph a seed is drawn once, unless the instance has a value of its own", () => {
  const doc = documentNamed("promoted_seed_without_control");
  const host = Object.values(doc.root.nodes).find((node) => doc.subs[node.type]) as DocNode;
  const sub = doc.subs[host.type] as Sub;
  const seeded = Object.values(sub.nodes).find(
    (node) => "noise_seed" in node.values || "seed" in node.values,
  ) as DocNode;
  const widget = "seed" in seeded.values ? "seed" : "noise_seed";
  const promoted = Object.values(sub.links).find((link) => link.to === seeded.id && link.input === widget);
  const input = sub.inputs[promoted?.out ?? -1]?.name as string;
  seeded.control = { [widget]: "randomize" };
  host.values[input] = 5;
  const own = drawSeeds(doc, types, () => 0.25);
  expect(own).toEqual([{ path: host.id, layer: ROOT, id: host.id, widget: input, value: 2 ** 51 }]);
  delete host.values[input];
  const second = addNode(doc, ROOT, { ...structuredClone(host), values: {} });
  const inner = drawSeeds(doc, types, () => 0.25);
  expect(inner).toEqual([{ path: `${host.id}:${seeded.id}`, layer: sub.id, id: seeded.id, widget, value: 2 ** 51 }]);
  expect(second).not.toBe(host.id);
});
