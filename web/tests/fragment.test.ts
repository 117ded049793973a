// Copies: what is cut out, what a text says, what is pasted where; ComfyUI's clipboard too.

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { asText, cut, type Fragment, fromText, paste } from "../src/model/fragment";
import * as ops from "../src/model/ops";
import { makeSubgraph } from "../src/model/subgraph";
import type { Doc, DocNode, Item, LinkId, NodeId, Sub } from "../src/model/types";
import { emptyDoc, ROOT } from "../src/model/types";
import { newNode, TYPES } from "./graphs";
import { faults } from "./sound";

let doc: Doc;
const add = (type: string, x = 0, y = 0): NodeId => ops.addNode(doc, ROOT, newNode(type, [x, y]));
const join = (from: NodeId, out: number, to: NodeId, input: string, type: string): LinkId =>
  ops.connect(doc, ROOT, { from, out, to, input, type });
const node = (id: NodeId): DocNode => doc.root.nodes[id] as DocNode;
const into = (to: NodeId, input: string) =>
  Object.values(doc.root.links).filter((one) => one.to === to && one.input === input);
const read = (text: string) => fromText(text) as Fragment;
const nodes = (...ids: NodeId[]): Item[] => ids.map((id) => ({ kind: "node", id }));

beforeEach(() => {
  doc = emptyDoc("doc");
});

describe("copies", () => {
  test("duplicates keep links among them, and those from outside if asked", () => {
    const [load, encode, sample] = [add("Load"), add("Encode", 300), add("Sample", 600)];
    join(load, 1, encode, "clip", "CLIP");
    const among = join(encode, 0, sample, "positive", "COND");
    ops.addReroute(doc, ROOT, among, [500, 0]);
    const plain = ops.duplicate(doc, ROOT, nodes(encode, sample), { offset: [30, 40] });
    expect(plain.map((id) => node(id).pos)).toEqual([
      [330, 40],
      [630, 40],
    ]);
    expect(
      Object.values(doc.root.links)
        .filter((one) => plain.includes(one.to))
        .map((one) => one.from),
    ).toEqual([plain[0]]);
    const linked = ops.duplicate(doc, ROOT, nodes(encode), { offset: [30, 40], withInputs: true });
    expect(into(linked[0] as string, "clip")[0]?.from).toBe(load);
    expect(Object.keys(doc.root.reroutes).length).toBe(2);
    expect(faults(doc)).toEqual([]);
  });

  test("links from outside mean nothing in another document, or when their source is gone", () => {
    const [load, encode] = [add("Load"), add("Encode")];
    join(load, 1, encode, "clip", "CLIP");
    const fragment = cut(doc, ROOT, nodes(encode));
    const other = emptyDoc("other");
    ops.addNode(other, ROOT, newNode("Load"));
    paste(other, ROOT, fragment, [0, 0], { inputs: true });
    expect(other.root.links).toEqual({});
    ops.removeNodes(doc, ROOT, [load]);
    paste(doc, ROOT, fragment, [0, 0], { inputs: true });
    expect(doc.root.links).toEqual({});
  });

  test("cutting out changes nothing, and the text shares nothing with the document", () => {
    const [load, encode] = [add("Load"), add("Encode")];
    join(load, 1, encode, "clip", "CLIP");
    const before = structuredClone(doc);
    const fragment = cut(doc, ROOT, nodes(load, encode));
    (fragment.nodes[0] as DocNode).values.name = 99;
    expect(doc).toStrictEqual(before);
  });

  test("text of all sorts is read or refused, never thrown", () => {
    const [load, encode] = [add("Load", 5, 6), add("Encode")];
    join(load, 1, encode, "clip", "CLIP");
    const text = asText(cut(doc, ROOT, nodes(load, encode)));
    expect(fromText(text)?.nodes.map((one) => one.type)).toEqual(["Load", "Encode"]);
    for (const other of [
      "",
      "hello",
      "[]",
      "{}",
      "{",
      '{"nodes": 3}',
      '{"1": {"class_type": "X", "inputs": {}}}',
      "null",
    ]) {
      expect(fromText(other)).toBeNull();
    }
    fc.assert(
      fc.property(fc.json(), fc.nat(), (json, place) => {
        const copy = JSON.parse(text) as Record<string, unknown[]>;
        const part = ["nodes", "links", "entering", "groups", "reroutes", "subs"][place % 6] as string;
        copy[part] = [...(copy[part] ?? []), JSON.parse(json)];
        const read = fromText(JSON.stringify(copy));
        const target = emptyDoc("target");
        if (read !== null) paste(target, ROOT, read, [0, 0]);
        expect(read === null || Object.keys(target.root.nodes).length >= 2).toBe(true);
      }),
    );
  });

  test("a whole workflow, and ComfyUI's clipboard as JSON and in HTML, are read with their links", () => {
    const node = (id: number, type: string, inputs: unknown[], outputs: unknown[]) => ({
      id,
      type,
      pos: [id * 10, 0],
      size: [100, 50],
      flags: {},
      order: 0,
      mode: 0,
      inputs,
      outputs,
      properties: {},
      widgets_values: [],
    });
    const nodes = [
      node(1, "A", [], [{ name: "IMAGE", type: "IMAGE", links: [7] }]),
      node(2, "B", [{ name: "image", type: "IMAGE", link: 7 }], []),
    ];
    const workflow = {
      version: 0.4,
      nodes,
      links: [[7, 1, 0, 2, 0, "IMAGE"]],
      groups: [],
      last_node_id: 2,
      last_link_id: 7,
    };
    const links = [{ id: 7, origin_id: 1, origin_slot: 0, target_id: 2, target_slot: 0, type: "IMAGE" }];
    const clipboard = JSON.stringify({
      nodes: nodes.map((one) => ({ ...one, inputs: one.inputs.map((slot) => ({ ...(slot as object), link: null })) })),
      links,
      groups: [],
      reroutes: [],
      subgraphs: [],
    });
    const html = `<meta charset="utf-8"><div><span data-metadata="${btoa(clipboard)}"></span></div><span>Text</span>`;
    for (const text of [JSON.stringify(workflow), clipboard, html]) {
      const fragment = fromText(text);
      expect(fragment?.nodes.map((one) => one.type)).toEqual(["A", "B"]);
      expect(fragment?.links.map((one) => [one.from, one.out, one.to, one.input])).toEqual([["1", 0, "2", "image"]]);
    }
  });
});

test("pasting brings definitions along, shares equal ones and renames others, nested ones too", () => {
  const [first, second] = [add("Encode"), add("Encode")];
  const inner = makeSubgraph(doc, ROOT, nodes(first), TYPES, "Inner");
  const innerId = node(inner).type;
  const outer = makeSubgraph(doc, ROOT, nodes(inner, second), TYPES, "Outer");
  const text = asText(cut(doc, ROOT, nodes(outer)));
  const away = emptyDoc("away");
  const [one] = paste(away, ROOT, read(text), [10, 20]) as [string];
  expect(Object.keys(away.subs).sort()).toEqual(Object.keys(doc.subs).sort());
  expect(away.root.nodes[one]?.pos).toEqual([10, 20]);
  paste(away, ROOT, read(text), [0, 0]);
  expect(Object.keys(away.subs).length).toBe(2);
  // The inner one changes here: then the outer one of the text means something else as well.
  ops.setValue(away, innerId, first, "text", 5);
  const [other] = paste(away, ROOT, read(text), [0, 0]) as [string];
  expect(Object.keys(away.subs).length).toBe(4);
  const fresh = away.subs[(away.root.nodes[other] as DocNode).type] as Sub;
  expect(fresh.id).not.toBe(away.root.nodes[one]?.type);
  expect(away.subs[(fresh.nodes[inner] as DocNode).type]?.nodes[first]?.values.text).toBe(0);
  expect(faults(away)).toEqual([]);
});
