// The saved format: what was read is written back, edits keep everything else, values find their widgets again.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseJson, readUi } from "../src/model/comfy";
import { writeUi } from "../src/model/comfy_write";
import { makeNode, readTypes, subAsType, typeOf } from "../src/model/nodetypes";
import { addNode, setControl, setValue } from "../src/model/ops";
import type { NodeType } from "../src/model/spec";
import { type Doc, type DocNode, type Json, type JsonObject, ROOT, type Sub } from "../src/model/types";
import { connect } from "../src/model/wires";
import documents from "./fixtures/documents.json";
import objectInfo from "./fixtures/object_info.json";

const types = readTypes(objectInfo as unknown as JsonObject);
const files = documents as unknown as Record<string, JsonObject>;
const folder = new URL("../../workflows/", import.meta.url);
for (const name of readdirSync(folder)) {
  if (!name.endsWith(".json") || name.endsWith(".smoke.json") || name === "two_pass.json") continue;
  files[`workflows/${name}`] = JSON.parse(readFileSync(new URL(name, folder), "utf-8")) as JsonObject;
}

/** Files that contradict themselves: what is said twice is written as it counts, so only writing again is the same. */
const MENDED = [
  "links_null_and_dangling",
  "links_unreadable",
  "link_missing_in_input",
  "string_ids",
  "subgraph_slots_by_name",
  "type_combo_list",
  "type_numbers",
];

const byId = (one: Json, other: Json): number => {
  const id = (entry: Json): string => String((entry as JsonObject).id ?? (entry as Json[])[0]);
  return Number(id(one)) - Number(id(other)) || (id(one) < id(other) ? -1 : 1);
};

function ordered(layer: JsonObject): JsonObject {
  const found: JsonObject = { ...layer };
  for (const name of ["nodes", "links", "reroutes"]) {
    if (Array.isArray(found[name])) found[name] = [...(found[name] as Json[])].sort(byId);
  }
  return found;
}

function canonical(file: JsonObject): JsonObject {
  const found = ordered(file);
  const definitions = found.definitions as JsonObject | undefined;
  if (definitions) {
    const subgraphs = (definitions.subgraphs as JsonObject[]).map(ordered);
    found.definitions = { ...definitions, subgraphs };
  }
  return found;
}

test.each(Object.keys(files).filter((name) => !MENDED.includes(name)))("%s is written as it was read", (name) => {
  const file = files[name] as JsonObject;
  const before = JSON.stringify(file);
  const { doc } = readUi(file);
  expect(canonical(writeUi(doc, types))).toEqual(canonical(file));
  expect(JSON.stringify(file)).toBe(before);
});

test.each(MENDED)("%s is mended once", (name) => {
  const once = writeUi(readUi(files[name]).doc, types);
  expect(canonical(writeUi(readUi(once).doc, types))).toEqual(canonical(once));
});

const documentOf = (name: string): Doc => readUi(files[name]).doc;
const nodeIn = (file: JsonObject, id: number): JsonObject => {
  return (file.nodes as JsonObject[]).find((node) => node.id === id) as JsonObject;
};

test("a changed value changes its list and its name, and nothing else", () => {
  const doc = documentOf("two_pass");
  setValue(doc, ROOT, "3", "steps", 31);
  setControl(doc, ROOT, "3", "seed", "increment");
  const [before, after] = [canonical(files.two_pass as JsonObject), canonical(writeUi(doc, types))];
  const changed = nodeIn(after, 3);
  expect(changed.widgets_values).toEqual([7, "increment", 31, 3.5, "euler", "normal", 1]);
  expect(changed.widgets_values_named).toMatchObject({ seed: 7, control_after_generate: "increment", steps: 31 });
  const old = nodeIn(before, 3);
  Object.assign(changed, { widgets_values: old.widgets_values, widgets_values_named: old.widgets_values_named });
  expect(after).toEqual(before);
});

test("a node made here is written with all that the format wants", () => {
  const { doc } = readUi({ nodes: [], links: [] });
  const sampler = addNode(doc, ROOT, makeNode(types.get("KSampler") as NodeType, [10, 20]));
  const latent = addNode(doc, ROOT, makeNode(types.get("EmptyLatentImage") as NodeType, [-300, 20]));
  connect(doc, ROOT, { from: latent, out: 0, to: sampler, input: "latent_image", type: "LATENT" });
  connect(doc, ROOT, { from: latent, out: 0, to: sampler, input: "steps", type: "INT" });
  const file = writeUi(doc, types, { view: { x: 100, y: -50, zoom: 0.5 } });
  expect(file).toMatchObject({
    version: 0.4,
    last_node_id: 2,
    last_link_id: 2,
    extra: { ds: { scale: 0.5, offset: [200, -100] } },
  });
  const written = nodeIn(file, 1);
  const inputs = written.inputs as JsonObject[];
  const place = inputs.findIndex((slot) => slot.name === "steps");
  expect(inputs[place]).toMatchObject({ link: 2, widget: { name: "steps" } });
  expect(file.links).toContainEqual([2, 2, 0, 1, place, "INT"]);
  expect(written).toMatchObject({ pos: [10, 20], mode: 0, flags: {}, properties: {}, order: 0 });
  expect((written.widgets_values as Json[]).slice(0, 3)).toEqual([0, "randomize", 20]);
  expect((nodeIn(file, 2).outputs as JsonObject[])[0]).toMatchObject({ name: "LATENT", links: [1, 2] });
  // And read again it is the same document.
  const again = readUi(file).doc;
  expect(again.root.nodes["1"]?.values).toEqual(doc.root.nodes["1"]?.values);
  expect(again.root.nodes["1"]?.control).toEqual({ seed: "randomize" });
  expect(Object.values(again.root.links)).toEqual(Object.values(doc.root.links));
});

test("values of a node of unknown type change where they stand", () => {
  const raw = { id: 1, type: "Nobody", pos: [0, 0], size: [1, 1], widgets_values: [5, "fixed", "a", true] };
  const named = { ...raw, widgets_values_named: { seed: 5, word: "a", flag: true } };
  const { doc } = readUi({ nodes: [raw, { ...named, id: 2 }], links: [] });
  expect(doc.root.nodes["1"]).toMatchObject({ values: {}, unnamed: [5, "fixed", "a", true] });
  expect(doc.root.nodes["2"]).toMatchObject({ values: { seed: 5, word: "a", flag: true }, control: { seed: "fixed" } });
  setValue(doc, ROOT, "2", "word", "b");
  setControl(doc, ROOT, "2", "seed", "randomize");
  setValue(doc, ROOT, "1", "widgets_values", [6]);
  const file = writeUi(doc, types);
  expect(nodeIn(file, 1).widgets_values).toEqual([6]);
  expect(nodeIn(file, 2).widgets_values).toEqual([5, "randomize", "b", true]);
  expect(nodeIn(file, 2).widgets_values_named).toMatchObject({ seed: 5, word: "b", flag: true });
});

test("an instance's values are told by name, and by place where they belong to inner nodes", () => {
  const doc = documentOf("promoted_named");
  const host = Object.values(doc.root.nodes).find((node) => doc.subs[node.type]) as DocNode;
  const sub = doc.subs[host.type] as Sub;
  const type = subAsType(sub, doc, types);
  const shown = type.inputs.filter((input) => input.widget);
  expect(shown.length).toBeGreaterThan(1);
  const first = shown[0]?.name as string;
  setValue(doc, ROOT, host.id, first, 123);
  const written = nodeIn(writeUi(doc, types), Number(host.id));
  expect(written.widgets_values_named).toMatchObject({ [first]: 123 });
  expect(written.widgets_values).toHaveLength(shown.length);
  // A widget of an inner node that no input stands for.
  const inner = Object.values(sub.nodes).find((node) => !doc.subs[node.type] && typeOf(doc, node, types)) as DocNode;
  const ends = Object.values(sub.links).map((link) => `${link.to} ${link.input}`);
  const free = typeOf(doc, inner, types)?.inputs.find((one) => one.widget && !ends.includes(`${inner.id} ${one.name}`));
  host.shown = [[inner.id, free?.name as string]];
  setValue(doc, ROOT, host.id, `${inner.id}:${free?.name}`, 9);
  const file = writeUi(doc, types);
  const proxied = nodeIn(file, Number(host.id));
  expect(proxied.widgets_values_named).toBeUndefined();
  const names = (proxied.properties as JsonObject).proxyWidgets as Json[];
  expect(names).toContainEqual([inner.id, free?.name]);
  expect((proxied.widgets_values as Json[])[names.findIndex((one) => (one as Json[])[0] === inner.id)]).toBe(9);
  expect(readUi(file).doc.root.nodes[host.id]?.values).toMatchObject({
    [first]: 123,
    [`${inner.id}:${free?.name}`]: 9,
  });
});

test("reroutes and groups of both formats are kept", () => {
  const reroutes = [
    { id: 1, pos: [5, 6], linkIds: [1] },
    { id: 2, parentId: 1, pos: [7, 8], linkIds: [1], floating: { slotType: "input" } },
  ];
  const nodes = [
    { id: 1, type: "A", pos: [0, 0], size: [1, 1], outputs: [{ name: "o", type: "T", links: [1] }] },
    { id: 2, type: "B", pos: [0, 0], size: [1, 1], inputs: [{ name: "i", type: "T", link: 1 }] },
  ];
  const groups = [{ id: 4, title: "G", bounding: [1, 2, 3, 4], color: "#abc", font_size: 20, flags: { pinned: true } }];
  const old = {
    nodes,
    groups,
    links: [[1, 1, 0, 2, 0, "T"]],
    extra: { reroutes, linkExtensions: [{ id: 1, parentId: 2 }] },
  };
  const link = { id: 1, origin_id: 1, origin_slot: 0, target_id: 2, target_slot: 0, type: "T", parentId: 2 };
  const now = {
    nodes,
    groups,
    links: [link],
    reroutes,
    state: { lastLinkId: 1, lastNodeId: 2 },
    version: 1,
    extra: {},
  };
  for (const file of [old, now]) {
    const { doc } = readUi(file);
    expect(doc.root.links["1"]?.reroute).toBe("2");
    expect(doc.root.reroutes["2"]).toMatchObject({ parent: "1", pos: [7, 8] });
    expect(doc.lastReroute).toBe(2);
    const written = writeUi(doc, types);
    expect(written).toMatchObject({ groups, version: 0.4, extra: old.extra });
    expect(written.links).toEqual(old.links);
    expect(written.reroutes).toBeUndefined();
  }
});

test("another color takes the body's color with it", () => {
  const node = { id: 1, type: "A", pos: [0, 0], size: [1, 1], color: "#111", bgcolor: "#222" };
  const { doc } = readUi({ nodes: [node], links: [] });
  expect(nodeIn(writeUi(doc, types), 1)).toMatchObject({ color: "#111", bgcolor: "#222" });
  (doc.root.nodes["1"] as DocNode).color = "#333";
  const written = nodeIn(writeUi(doc, types), 1);
  expect(written.color).toBe("#333");
  expect(written.bgcolor).toBeUndefined();
});

test("numbers of 64 bits stay exact, as texts", () => {
  const source =
    '{"a":18446744073709551615,"b":"18446744073709551615 \\"17446744073709551615","c":0.1234567890123456,"d":-9223372036854775807,"e":9007199254740991}';
  expect(parseJson(source)).toEqual({
    a: "18446744073709551615",
    b: '18446744073709551615 "17446744073709551615',
    c: 0.1234567890123456,
    d: "-9223372036854775807",
    e: 9007199254740991,
  });
});

test("nothing in a file can break the reader", () => {
  const strange: Json[] = [null, 7, "x", [], {}, [[1]], { id: 1 }, true, -1, "1"];
  for (const one of strange) {
    for (const field of ["nodes", "links", "groups", "definitions", "extra", "reroutes", "id"]) {
      const { doc } = readUi({ nodes: [{ id: 1, type: "A" }], links: [], [field]: one });
      writeUi(doc, types);
      expect(readUi(one).notes.length).toBeGreaterThan(0);
    }
    for (const field of [
      "inputs",
      "outputs",
      "pos",
      "size",
      "widgets_values",
      "properties",
      "flags",
      "mode",
      "title",
    ]) {
      const { doc } = readUi({ nodes: [{ id: 1, type: "A", [field]: one }], links: [[1, 1, 0, 1, 0, one]] });
      expect(doc.root.nodes["1"]?.type).toBe("A");
      writeUi(doc, types);
    }
  }
});

test.each(Object.keys(files).filter((name) => !MENDED.includes(name)))(
  "%s says the same when it is written anew",
  (name) => {
    const doc = documentOf(name);
    const layers = (of: Doc) => [of.root, ...Object.values(of.subs)];
    for (const layer of layers(doc)) {
      for (const node of Object.values(layer.nodes)) {
        if (node.unnamed !== undefined) continue; // of a type that only its pack can write
        delete node.rest;
        for (const slot of [...node.inputs, ...node.outputs]) delete slot.rest;
      }
    }
    const again = readUi(writeUi(doc, types)).doc;
    layers(doc).forEach((layer, place) => {
      const other = layers(again)[place] as Doc["root"];
      for (const [id, node] of Object.entries(layer.nodes)) {
        const { values, control, shown, mode, type } = other.nodes[id] as DocNode;
        // Defaults are written out, so there may be more values, and a word for each seed.
        expect(values).toMatchObject(
          Object.fromEntries(Object.entries(node.values).filter(([, value]) => value !== null)),
        );
        expect(control ?? {}).toMatchObject(node.control ?? {});
        expect([shown, mode, type]).toEqual([node.shown, node.mode, node.type]);
      }
      const ends = (of: Doc["root"]) => Object.values(of.links).map(({ rest: _rest, ...link }) => link);
      expect(ends(other)).toEqual(ends(layer));
    });
  },
);
