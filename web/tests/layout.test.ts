// The layout of nodes: nothing overlaps, sockets sit at their rows, sizes given by the user count.

import { expect, test } from "vitest";
import {
  boxOf,
  GAP,
  layoutNode,
  leastSize,
  minSize,
  PAD,
  SLOT,
  showsPicture,
  TITLE,
  WIDGET,
} from "../src/model/layout";
import { makeNode, socketsOf } from "../src/model/nodetypes";
import type { DocNode } from "../src/model/types";
import { typeNamed, types } from "./data";

const made = (id: string, more: Partial<DocNode> = {}): DocNode => ({
  ...makeNode(typeNamed(id), [100, 200]),
  id: "1",
  ...more,
});

test.each([...types.keys()])("%s: rows follow one another inside the node", (id) => {
  const type = typeNamed(id);
  for (const picture of [false, true]) {
    for (const size of [makeNode(type, [0, 0]).size, [0, 0], [700, 900]] as [number, number][]) {
      const node = made(id, { size });
      const layout = layoutNode(node, type, { picture });
      const sockets = socketsOf(node, type);
      const wires = sockets.inputs.filter((socket) => socket.widget === undefined);
      let least = TITLE + PAD + Math.max(wires.length, sockets.outputs.length) * SLOT;
      for (const row of layout.widgets) {
        expect(row.y).toBeGreaterThanOrEqual(least);
        expect(row.height).toBeGreaterThanOrEqual(WIDGET);
        least = row.y + row.height;
      }
      if (layout.picture) {
        expect(layout.picture.y).toBeGreaterThanOrEqual(least);
        expect(layout.picture.height).toBeGreaterThan(100);
        least = layout.picture.y + layout.picture.height;
      }
      expect(layout.height).toBeGreaterThanOrEqual(least);
      expect(layout.height).toBeGreaterThanOrEqual(TITLE + size[1]);
      expect(layout.width).toBeGreaterThanOrEqual(size[0]);
      expect(layout.inputs.map((input) => input.name)).toEqual(sockets.inputs.map((socket) => socket.name));
      expect(layout.outputs.map((output) => output.index)).toEqual(sockets.outputs.map((_, index) => index));
      for (const { name, x, y } of layout.inputs) {
        expect(x).toBe(0);
        const row = layout.widgets.find((widget) => widget.name === name);
        if (row) expect([row.y <= y, y <= row.y + row.height]).toEqual([true, true]);
        else expect(y).toBeLessThan(layout.widgets[0]?.y ?? Infinity);
      }
      for (const output of layout.outputs) expect(output.x).toBe(layout.width);
    }
  }
});

test("two sockets never share a place", () => {
  for (const type of types.values()) {
    const { inputs } = layoutNode(made(type.id), type);
    const places = inputs.map(({ y }) => y);
    expect(new Set(places).size).toBe(places.length);
  }
});

test("a new node needs no more room than it is given", () => {
  for (const type of types.values()) {
    const node = made(type.id);
    const layout = layoutNode(node, type, { picture: showsPicture(type) });
    expect([type.id, layout.width, layout.height - TITLE]).toEqual([type.id, ...node.size]);
    expect(node.size).toEqual(minSize(node, type));
  }
});

test("the text of a prompt takes the room that is left", () => {
  const type = typeNamed("CLIPTextEncode");
  const small = layoutNode(made("CLIPTextEncode"), type);
  const tall = layoutNode(made("CLIPTextEncode", { size: [400, 500] }), type);
  const [before, after] = [small.widgets.at(-1), tall.widgets.at(-1)];
  expect((after?.height ?? 0) - (before?.height ?? 0)).toBe(tall.height - small.height);
  const picture = layoutNode(made("CLIPTextEncode", { size: [400, 500] }), type, { picture: true });
  expect(picture.widgets.at(-1)?.height).toBe(before?.height);
  expect((picture.picture?.y ?? 0) + (picture.picture?.height ?? 0)).toBe(picture.height - PAD);
});

test("collapsed, a node is one row with all sockets at its ends", () => {
  const node = made("KSampler", { collapsed: true });
  const layout = layoutNode(node, typeNamed("KSampler"));
  expect(layout).toMatchObject({ height: TITLE, widgets: [], picture: null });
  expect(new Set(layout.inputs.map(({ x, y }) => `${x} ${y}`))).toEqual(new Set([`0 ${TITLE / 2}`]));
  expect(layout.inputs).toHaveLength(10);
  expect(layout.outputs).toEqual([{ index: 0, x: layout.width, y: TITLE / 2 }]);
  expect(leastSize(node, typeNamed("KSampler"))[1]).toBeGreaterThan(WIDGET);
});

test("the outer box holds the title above the position", () => {
  const node = made("VAEDecode");
  const layout = layoutNode(node, typeNamed("VAEDecode"));
  expect(boxOf(node, layout)).toEqual({ x: 100, y: 200 - TITLE, width: layout.width, height: layout.height });
});

test("notes are a text, reroutes a dot without a title", () => {
  const plain = { id: "1", pos: [10, 20], size: [200, 100], mode: 0, values: { text: "a" } };
  const note: DocNode = { ...plain, type: "Note", inputs: [], outputs: [], pos: [10, 20], size: [200, 100] };
  const text = { name: "text", type: "STRING", label: "text" };
  const widget = { kind: "text", multiline: true, prompt: false, placeholder: "" } as const;
  const input = { ...text, required: false, default: undefined, tooltip: "", widget };
  const sockets = { inputs: [], outputs: [], widgets: [{ name: "text", label: "text", input }] };
  const layout = layoutNode(note, undefined, { sockets });
  expect(layout.widgets).toEqual([{ name: "text", y: TITLE + PAD, height: 100 - 2 * PAD }]);
  const end = { name: "", type: "*" };
  const dot: DocNode = { ...note, type: "Reroute", inputs: [end], outputs: [end], size: [75, 26] };
  const small = layoutNode(dot, undefined);
  expect(small).toMatchObject({ title: 0, inputs: [{ name: "", x: 0 }], outputs: [{ index: 0, x: small.width }] });
  expect(boxOf(dot, small).y).toBe(20);
  expect(GAP).toBeLessThan(PAD);
});
