// What makes one of the things that a workflow makes, and nothing else.

import { expect, test } from "vitest";
import { branchesOf, keepBranch } from "../src/model/branch";
import { readUi } from "../src/model/comfy";
import { writeUi } from "../src/model/comfy_write";
import { makeNode } from "../src/model/nodetypes";
import { addGroup, addNode, addReroute, connect, setMode, setTitle, setValue } from "../src/model/ops";
import { makeSubgraph } from "../src/model/subgraph";
import { type Doc, emptyDoc, type NodeId, REROUTE_TYPE, ROOT } from "../src/model/types";
import { check } from "../src/model/validate";
import { documentNamed, typeNamed, types } from "./data";

const IMAGE = "IMAGE";
const node = (doc: Doc, type: string, x: number, y: number): NodeId =>
  addNode(doc, ROOT, makeNode(typeNamed(type), [x, y]));
const join = (doc: Doc, from: NodeId, to: NodeId, input: string) =>
  connect(doc, ROOT, { from, out: 0, to, input, type: IMAGE });

/** One picture that is saved as it is, and inverted, through a Reroute node, in a row below; and a lone one. */
function three() {
  const doc = emptyDoc("doc");
  const [source, save] = [node(doc, "EmptyImage", 0, 0), node(doc, "SaveImage", 900, 0)];
  const [invert, below] = [node(doc, "ImageInvert", 300, 800), node(doc, "SaveImage", 900, 800)];
  const [lone, view] = [node(doc, "EmptyImage", 0, 1600), node(doc, "PreviewImage", 300, 1600)];
  const slot = { name: "", type: IMAGE };
  const base = { type: REROUTE_TYPE, mode: 0, inputs: [slot], outputs: [slot], values: {} };
  const reroute = addNode(doc, ROOT, { ...base, pos: [700, 800], size: [40, 26] });
  join(doc, source, save, "images");
  join(doc, source, invert, "image");
  join(doc, invert, reroute, "");
  const link = join(doc, reroute, below, "images");
  addReroute(doc, ROOT, link, [850, 820]);
  join(doc, lone, view, "images");
  setTitle(doc, ROOT, below, "Negative");
  setValue(doc, ROOT, below, "filename_prefix", "inverted/one");
  addGroup(doc, ROOT, { title: "below", box: { x: 250, y: 700, width: 300, height: 400 } });
  addGroup(doc, ROOT, { title: "lone", box: { x: -50, y: 1500, width: 900, height: 400 } });
  return { doc, source, save, invert, below, reroute, view };
}

test("what a workflow makes is listed when it is more than one thing", () => {
  const { doc, save, below, view } = three();
  expect(branchesOf(doc, types)).toEqual([
    { id: save, title: "Save Image", hint: "ComfyUI" },
    { id: below, title: "Negative", hint: "inverted/one" },
    { id: view, title: "Preview Image", hint: "" },
  ]);
  setMode(doc, ROOT, [view, save], 2);
  expect(branchesOf(doc, types)).toEqual([]);
  expect(branchesOf(emptyDoc("none"), types)).toEqual([]);
});

test("wires without lines are not followed, so nothing is offered", () => {
  const { doc } = three();
  doc.rest.extra = { ue_links: [{ downstream: 1 }] };
  expect(branchesOf(doc, types)).toEqual([]);
});

test("a branch has all that its end needs, with reroutes and groups, runs, and is written like any other", () => {
  const { doc, source, invert, below, reroute } = three();
  keepBranch(doc, below);
  expect(Object.keys(doc.root.nodes).sort()).toEqual([source, invert, below, reroute].sort());
  expect(Object.values(doc.root.links).length).toBe(3);
  expect(Object.values(doc.root.reroutes).length).toBe(1);
  expect(Object.values(doc.root.groups).map((group) => group.title)).toEqual(["below"]);
  expect(check(doc, types)).toEqual([]);
  expect(readUi(writeUi(doc, types)).doc.root.links).toEqual(doc.root.links);
});

test("subgraphs that the branch does not use go, those that it uses stay", () => {
  const { doc, save, invert, below } = three();
  const host = makeSubgraph(doc, ROOT, [{ kind: "node", id: invert }], types, "Invert");
  const other = structuredClone(doc);
  keepBranch(doc, below);
  expect([doc.root.nodes[host] !== undefined, Object.keys(doc.subs).length]).toEqual([true, 1]);
  keepBranch(other, save);
  expect([Object.keys(other.root.nodes).length, other.subs]).toEqual([2, {}]);
});

test("of one thing made in two passes nothing is left out", () => {
  const doc = documentNamed("two_pass");
  const before = structuredClone(doc.root);
  const [end] = Object.values(doc.root.nodes).filter((one) => types.get(one.type)?.isOutput);
  keepBranch(doc, end?.id ?? "");
  expect(doc.root.links).toEqual(before.links);
});
