// Subgraphs: making and unpacking change nothing of what runs, slots and shown widgets follow every change, at any depth
// and for every instance.

import { beforeEach, describe, expect, test } from "vitest";
import { cut, paste } from "../src/model/fragment";
import { apply, canonical, record } from "../src/model/history";
import { addGroup, addNode, addReroute, branchFrom, connect, removeNodes, setValue } from "../src/model/ops";
import * as sub from "../src/model/subgraph";
import type { Doc, DocNode, Item, Layer, LinkId, NodeId, Sub } from "../src/model/types";
import { emptyDoc, layerOf, MODE, REROUTE_TYPE, ROOT, SUB_INPUT, SUB_OUTPUT } from "../src/model/types";
import { newNode, TYPES } from "./graphs";
import { faults, running, tag, wiring } from "./sound";

const nodes = (...ids: string[]): Item[] => ids.map((id) => ({ kind: "node", id }));

let doc: Doc;
/** Load (1) feeds two Encode (2, 3) by one output; those and Load feed Sample (4); Decode (5) feeds both ends of Mix (6). */
let load: NodeId, first: NodeId, second: NodeId, sample: NodeId, decode: NodeId, mix: NodeId;

beforeEach(() => {
  doc = emptyDoc("doc");
  [load, first, second, sample, decode, mix] = ["Load", "Encode", "Encode", "Sample", "Decode", "Mix"].map(
    (type, place) => addNode(doc, ROOT, newNode(type, [place * 300, place * 40])),
  ) as [string, string, string, string, string, string];
  const join = (from: string, out: number, to: string, input: string, type: string): LinkId =>
    connect(doc, ROOT, { from, out, to, input, type });
  join(load, 1, first, "clip", "CLIP");
  join(load, 1, second, "clip", "CLIP");
  join(load, 0, sample, "model", "MODEL");
  join(first, 0, sample, "positive", "COND");
  join(second, 0, sample, "negative", "COND");
  join(sample, 0, decode, "latent", "LATENT");
  join(load, 2, decode, "vae", "VAE");
  join(decode, 0, mix, "one", "IMAGE");
  join(decode, 0, mix, "two", "IMAGE");
  tag(doc);
});

const make = (...ids: NodeId[]) => sub.makeSubgraph(doc, ROOT, nodes(...ids), TYPES, "Sub");
const slotId = (id: string, side: "inputs" | "outputs", place: number) => doc.subs[id]?.[side][place]?.id as string;
const definition = (host: NodeId, at: Layer = doc.root): Sub => doc.subs[(at.nodes[host] as DocNode).type] as Sub;
const sockets = (host: NodeId) => {
  const found = definition(host);
  return [
    found.inputs.map((slot) => `${slot.name}:${slot.type}`),
    found.outputs.map((slot) => `${slot.name}:${slot.type}`),
  ];
};

describe("making", () => {
  test("wires of one output share one slot, on both sides", () => {
    const before = wiring(doc);
    const host = make(first, second, sample, decode);
    expect(sockets(host)).toEqual([["clip:CLIP", "model:MODEL", "vae:VAE"], ["image:IMAGE"]]);
    expect(Object.values(doc.root.links).filter((link) => link.to === host).length).toBe(3);
    expect(
      Object.values(doc.root.links)
        .filter((link) => link.from === host)
        .map((link) => [link.to, link.input]),
    ).toEqual([
      [mix, "one"],
      [mix, "two"],
    ]);
    const inner = Object.values(definition(host).links);
    expect(
      inner
        .filter((link) => link.from === SUB_INPUT && link.out === 0)
        .map((link) => link.to)
        .sort(),
    ).toEqual([first, second]);
    expect(inner.filter((link) => link.to === SUB_OUTPUT).length).toBe(1);
    expect(wiring(doc)).toEqual(before);
    expect(faults(doc)).toEqual([]);
  });

  test("names of slots are made unique, and taken from what they join", () => {
    const host = make(sample);
    expect(sockets(host)).toEqual([["model:MODEL", "positive:COND", "negative:COND"], ["latent:LATENT"]]);
    const both = make(first, mix);
    expect(sockets(both)[0]).toEqual(["clip:CLIP", "one:IMAGE"]);
    const two = emptyDoc("two");
    const sources = [1, 2].map(() => addNode(two, ROOT, newNode("Load")));
    const targets = [1, 2].map(() => addNode(two, ROOT, newNode("Encode")));
    for (const [place, to] of targets.entries()) {
      connect(two, ROOT, { from: sources[place] as string, out: 1, to, input: "clip", type: "CLIP" });
    }
    const host2 = sub.makeSubgraph(two, ROOT, nodes(...targets), TYPES, "Sub");
    expect(two.subs[(two.root.nodes[host2] as DocNode).type]?.inputs.map((slot) => slot.name)).toEqual([
      "clip",
      "clip_1",
    ]);
  });

  test("nodes keep ids, values and places; groups that are named go in", () => {
    const group = addGroup(doc, ROOT, { title: "G", box: { x: 0, y: 0, width: 10, height: 10 } });
    const kept = structuredClone(doc.root.nodes[sample]);
    const host = sub.makeSubgraph(doc, ROOT, [...nodes(sample), { kind: "group", id: group }], TYPES, "Sub");
    expect(definition(host).nodes[sample]).toEqual(kept);
    expect(definition(host).groups[group]?.title).toBe("G");
    expect(doc.root.groups).toEqual({});
  });

  test("reroutes of inner links go in, named ones of crossing links too, others stay out", () => {
    const inner = Object.values(doc.root.links).find((link) => link.from === first) as { id: string };
    const among = addReroute(doc, ROOT, inner.id, [400, 60]);
    const crossing = Object.values(doc.root.links).find((link) => link.to === first) as { id: string };
    const near = addReroute(doc, ROOT, crossing.id, [250, 20]);
    const outer = addReroute(doc, ROOT, crossing.id, [220, 20]);
    expect(doc.root.reroutes[near]?.parent).toBe(outer);
    const host = sub.makeSubgraph(doc, ROOT, [...nodes(first, sample), { kind: "reroute", id: near }], TYPES, "Sub");
    expect(Object.keys(definition(host).reroutes).sort()).toEqual([among, near].sort());
    expect(definition(host).reroutes[near]?.parent).toBeUndefined();
    expect(Object.keys(doc.root.reroutes)).toEqual([outer]);
    expect(faults(doc)).toEqual([]);
    sub.unpack(doc, ROOT, host);
    expect(doc.root.reroutes[near]?.parent).toBe(outer);
    expect(faults(doc)).toEqual([]);
  });

  test("a reroute on the way to a node that stays out stays out too", () => {
    const links = Object.values(doc.root.links).filter((link) => link.from === load && link.out === 1);
    const shared = addReroute(doc, ROOT, links[0]?.id as string, [200, 0]);
    branchFrom(doc, ROOT, { reroute: shared }, { to: links[1]?.to as string, input: "clip" });
    const before = wiring(doc);
    sub.makeSubgraph(doc, ROOT, [...nodes(first), { kind: "reroute", id: shared }], TYPES, "Sub");
    expect(Object.keys(doc.root.reroutes)).toEqual([shared]);
    expect(Object.values(doc.root.links).filter((link) => link.reroute === shared).length).toBe(2);
    expect([wiring(doc), faults(doc)]).toEqual([before, []]);
  });

  test("a reroute that one link needs outside stays out, though it is the last of another", () => {
    const link = Object.values(doc.root.links).find((one) => one.to === first) as { id: string };
    const near = addReroute(doc, ROOT, link.id, [250, 20]);
    const other = branchFrom(doc, ROOT, { reroute: near }, { to: second, input: "clip" });
    const far = addReroute(doc, ROOT, other, [280, 60]);
    const items: Item[] = [...nodes(first, second), { kind: "reroute", id: near }];
    const host = sub.makeSubgraph(doc, ROOT, items, TYPES, "Sub");
    expect([Object.keys(definition(host).reroutes), faults(doc)]).toEqual([[], []]);
    expect(Object.keys(doc.root.reroutes)).toEqual([near]);
    sub.unpack(doc, ROOT, host);
    const again = sub.makeSubgraph(doc, ROOT, [...items, { kind: "reroute", id: far }], TYPES, "Sub");
    expect(faults(doc)).toEqual([]);
    expect(Object.keys(definition(again).reroutes)).toEqual([near]);
  });

  test("Reroute nodes may stand on the border", () => {
    const reroute = addNode(doc, ROOT, newNode(REROUTE_TYPE));
    connect(doc, ROOT, { from: load, out: 0, to: reroute, input: "", type: "MODEL" });
    connect(doc, ROOT, { from: reroute, out: 0, to: sample, input: "model", type: "MODEL" });
    (doc.root.nodes[reroute] as DocNode).values.tag = "r";
    const before = wiring(doc);
    const host = make(reroute);
    expect(sockets(host)).toEqual([["MODEL:MODEL"], ["MODEL:MODEL"]]);
    expect(wiring(doc)).toEqual(before);
    sub.unpack(doc, ROOT, host);
    expect(wiring(doc)).toEqual(before);
  });

  test("an empty selection is refused in words", () => {
    expect(() => make()).toThrow(/Select the nodes/);
  });
});

describe("unpacking", () => {
  test("right after making it leads back to what was, ids and places included", () => {
    const before = { nodes: canonical(doc.root.nodes), wires: wiring(doc) };
    const host = make(first, second, sample, decode);
    expect(sub.unpack(doc, ROOT, host).sort()).toEqual([first, second, sample, decode].sort());
    expect(canonical(doc.root.nodes)).toBe(before.nodes);
    expect(wiring(doc)).toEqual(before.wires);
    expect(doc.subs).toEqual({});
  });

  test("the node's values and mode go to what it stood for; other instances keep the definition", () => {
    const host = make(first, second);
    const inside = definition(host);
    const slot = sub.addSubInput(doc, inside.id, { name: "words", type: "INT" });
    connect(doc, inside.id, { from: SUB_INPUT, out: 1, to: first, input: "text", type: "INT" });
    sub.exposeWidget(doc, ROOT, host, second, "text");
    setValue(doc, ROOT, host, slot.name, 41);
    setValue(doc, ROOT, host, `${second}:text`, 42);
    const other = paste(doc, ROOT, cut(doc, ROOT, nodes(host)), [0, 0])[0] as NodeId;
    expect(definition(other)).toBe(inside);
    (doc.root.nodes[host] as DocNode).mode = MODE.muted;
    const before = running(doc);
    const ids = sub.unpack(doc, ROOT, host);
    expect(ids).toEqual([first, second]);
    expect(ids.map((id) => [doc.root.nodes[id]?.values.text, doc.root.nodes[id]?.mode])).toEqual([
      [41, 2],
      [42, 2],
    ]);
    expect(running(doc)).toEqual(before);
    expect(doc.subs[inside.id]?.nodes[first]?.values.text).toBe(0);
    expect(sub.unpack(doc, ROOT, other).some((id) => ids.includes(id))).toBe(false);
    expect(doc.subs).toEqual({});
  });

  test("an input that goes straight to an output joins the wires around it", () => {
    const host = make(first);
    const { id } = definition(host);
    sub.addSubOutput(doc, id, { name: "same", type: "CLIP" });
    connect(doc, id, { from: SUB_INPUT, out: 0, to: SUB_OUTPUT, input: "same", type: "CLIP" });
    connect(doc, ROOT, { from: host, out: 1, to: second, input: "clip", type: "CLIP" });
    const before = wiring(doc);
    sub.unpack(doc, ROOT, host);
    expect(wiring(doc)).toEqual(before);
    expect(Object.values(doc.root.links).find((link) => link.to === second)?.from).toBe(load);
  });
});

test("a subgraph that feeds itself through another is unpacked whole", () => {
  const middle = addNode(doc, ROOT, newNode(REROUTE_TYPE));
  connect(doc, ROOT, { from: load, out: 0, to: middle, input: "", type: "MODEL" });
  connect(doc, ROOT, { from: middle, out: 0, to: sample, input: "model", type: "MODEL" });
  const before = wiring(doc);
  const around = make(load, sample);
  const through = make(middle);
  const inside = definition(through);
  // What the reroute node did is done by a link from input to output.
  removeNodes(doc, inside.id, [middle]);
  connect(doc, inside.id, { from: SUB_INPUT, out: 0, to: SUB_OUTPUT, input: "MODEL", type: "MODEL" });
  sub.unpack(doc, ROOT, through);
  expect(Object.values(doc.root.links).some((link) => link.from === around && link.to === around)).toBe(true);
  expect(wiring(doc)).toEqual(before);
  sub.unpack(doc, ROOT, around);
  expect([wiring(doc), faults(doc)]).toEqual([before, []]);
});

describe("slots", () => {
  test("removing an input moves the links from later ones up, inside and at every instance", () => {
    const host = make(first, second, sample, decode);
    const { id, inputs } = definition(host);
    const other = paste(doc, ROOT, cut(doc, ROOT, nodes(host)), [0, 0], { inputs: true })[0] as NodeId;
    sub.removeSubSlot(doc, id, "input", inputs[0]?.id as string);
    expect(sockets(host)[0]).toEqual(["model:MODEL", "vae:VAE"]);
    const inner = Object.values(definition(host).links).filter((link) => link.from === SUB_INPUT);
    expect(inner.map((link) => [link.out, link.to, link.input]).sort()).toEqual(
      [
        [0, sample, "model"],
        [1, decode, "vae"],
      ].sort(),
    );
    for (const one of [host, other]) {
      expect(
        Object.values(doc.root.links)
          .filter((link) => link.to === one)
          .map((link) => link.input)
          .sort(),
      ).toEqual(["model", "vae"]);
      expect(doc.root.nodes[one]?.inputs.map((slot) => slot.name)).toEqual(["model", "vae"]);
    }
    expect(faults(doc)).toEqual([]);
  });

  test("removing an output moves the outputs of every instance up, also of those inside other subgraphs", () => {
    const host = make(sample, decode);
    const { id } = definition(host);
    sub.addSubOutput(doc, id, { name: "mask", type: "MASK" });
    connect(doc, id, { from: decode, out: 1, to: SUB_OUTPUT, input: "mask", type: "MASK" });
    connect(doc, ROOT, { from: host, out: 1, to: mix, input: "two", type: "MASK" });
    const outer = make(host, mix);
    expect(definition(outer).nodes[host]?.type).toBe(id);
    sub.removeSubSlot(doc, id, "output", slotId(id, "outputs", 0));
    const left = Object.values(definition(outer).links).filter((link) => link.from === host);
    expect(left.map((link) => [link.out, link.to, link.input])).toEqual([[0, mix, "two"]]);
    expect(faults(doc)).toEqual([]);
    expect(wiring(doc).filter((wire) => wire.includes(".two"))).toEqual([`5.1 > 6.two`]);
  });

  test("a new name is followed by links, values and what enclosing nodes show", () => {
    const inner = make(first);
    const { id } = definition(inner);
    sub.addSubInput(doc, id, { name: "words", type: "INT" });
    connect(doc, id, { from: SUB_INPUT, out: 1, to: first, input: "text", type: "INT" });
    setValue(doc, ROOT, inner, "words", 5);
    const outer = make(inner);
    sub.exposeWidget(doc, ROOT, outer, inner, "words");
    setValue(doc, ROOT, outer, `${inner}:words`, 6);
    const before = { wires: wiring(doc), values: running(doc) };
    sub.renameSubSlot(doc, id, "input", slotId(id, "inputs", 1), "prompt");
    sub.renameSubSlot(doc, id, "input", slotId(id, "inputs", 0), "prompt");
    sub.renameSubSlot(doc, id, "output", slotId(id, "outputs", 0), "out");
    expect(doc.subs[id]?.inputs.map((slot) => slot.name)).toEqual(["prompt_1", "prompt"]);
    expect(doc.root.nodes[outer]?.shown).toEqual([[inner, "prompt"]]);
    expect(doc.root.nodes[outer]?.values[`${inner}:prompt`]).toBe(6);
    expect({ wires: wiring(doc), values: running(doc) }).toEqual(before);
    expect(running(doc)).toContain("2.text=6");
    expect(faults(doc)).toEqual([]);
  });
});

describe("shown widgets", () => {
  test("follow their node into a subgraph, out of it, and go with it", () => {
    const host = make(first, second);
    const { id } = definition(host);
    sub.exposeWidget(doc, ROOT, host, first, "text");
    sub.exposeWidget(doc, ROOT, host, first, "text");
    setValue(doc, ROOT, host, `${first}:text`, 7);
    expect(doc.root.nodes[host]?.shown).toEqual([[first, "text"]]);
    const before = running(doc);
    expect(before).toContain("2.text=7");
    const nested = sub.makeSubgraph(doc, id, nodes(first), TYPES, "Nested");
    expect(doc.root.nodes[host]?.shown).toEqual([[nested, `${first}:text`]]);
    expect(running(doc)).toEqual(before);
    sub.unpack(doc, id, nested);
    expect(doc.root.nodes[host]?.shown).toEqual([[first, "text"]]);
    expect(running(doc)).toEqual(before);
    removeNodes(doc, id, [first]);
    expect(doc.root.nodes[host]?.shown).toBeUndefined();
    expect(doc.root.nodes[host]?.values).not.toHaveProperty(`${first}:text`);
  });

  test("hiding one brings the inner node's value back", () => {
    const host = make(first, second);
    for (const id of [first, second]) sub.exposeWidget(doc, ROOT, host, id, "text");
    setValue(doc, ROOT, host, `${first}:text`, 7);
    sub.hideWidget(doc, ROOT, host, first, "text");
    expect(doc.root.nodes[host]?.shown).toEqual([[second, "text"]]);
    expect(running(doc)).toContain("2.text=0");
  });
});

describe("definitions", () => {
  test("a definition cannot be put into itself, at no depth", () => {
    const inner = make(first);
    const { id } = definition(inner);
    const outer = make(inner, second);
    const outerId = definition(outer).id;
    expect(() => addNode(doc, id, newNode(id))).toThrow(/contain itself/);
    expect(() => addNode(doc, id, newNode(outerId))).toThrow(/contain itself/);
    expect(() => paste(doc, id, cut(doc, ROOT, nodes(outer)), [0, 0])).toThrow(/contain itself/);
    expect(addNode(doc, outerId, newNode(id))).toBeTruthy();
  });

  test("a text whose definition contains itself is refused", () => {
    const host = make(first);
    const fragment = cut(doc, ROOT, nodes(host));
    const [one] = fragment.subs as [Sub];
    (one.nodes[first] as DocNode).type = one.id;
    expect(() => paste(emptyDoc("other"), ROOT, fragment, [0, 0])).toThrow(/contains itself/);
  });

  test("an instance made independent shares nothing; a definition goes with its last instance", () => {
    const host = make(first, second);
    const other = paste(doc, ROOT, cut(doc, ROOT, nodes(host)), [0, 0])[0] as NodeId;
    const old = definition(other).id;
    sub.makeIndependent(doc, ROOT, other);
    setValue(doc, definition(other).id, first, "text", 9);
    expect(definition(host).nodes[first]?.values.text).toBe(0);
    expect(sub.instancesOf(doc, old)).toEqual([{ layer: ROOT, id: host }]);
    const outer = make(host);
    expect(sub.subsUsed(doc)).toEqual(new Set(Object.keys(doc.subs)));
    expect(sub.layerAt(doc, [outer, host])).toBe(old);
    expect(sub.layerAt(doc, [outer, first])).toBeUndefined();
    removeNodes(doc, ROOT, [outer]);
    expect(Object.keys(doc.subs)).toEqual([definition(other).id]);
  });

  test("deleted subgraphs come back whole by undo, three deep", () => {
    const middle = make(make(make(first)));
    const before = canonical(doc);
    const edit = record(doc, (draft) => removeNodes(draft, ROOT, [middle]));
    expect(edit.doc.subs).toEqual({});
    expect(canonical(apply(edit.doc, edit.backward))).toBe(before);
    const deep = sub.layerAt(doc, [middle, ...Object.keys(definition(middle).nodes)]) as string;
    const key = Object.keys(layerOf(doc, deep)?.nodes ?? {})[0] as string;
    const value = record(doc, (draft) => setValue(draft, deep, key, "text", 3));
    expect(value.forward.length).toBe(1);
    expect(canonical(apply(value.doc, value.backward))).toBe(before);
  });
});
