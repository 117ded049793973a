import { expect, it } from "vitest";
import { fixOf } from "../src/model/fixes";
import { makeNode } from "../src/model/nodetypes";
import { addNode, setValue } from "../src/model/ops";
import type { NodeType, WidgetSpec } from "../src/model/spec";
import { emptyDoc, type Json, type Problem, ROOT } from "../src/model/types";

const FILES: WidgetSpec = { kind: "file", options: ["a.png", "cat.png"], folder: "input", upload: true, picture: true };
const STEPS: WidgetSpec = { kind: "int", min: 1, max: 100, step: 1, control: false, seed: false };
const TYPE: NodeType = {
  ...{ id: "Made", title: "Made", category: "", description: "", outputs: [], isOutput: true, deprecated: false },
  ...{ experimental: false, aliases: [], repeat: null, formerIds: [], pack: "" },
  inputs: Object.entries({ image: FILES, steps: STEPS }).map(([name, widget]) => {
    return { name, type: "*", required: true, widget, default: undefined, tooltip: "" };
  }),
};
const TYPES = new Map([[TYPE.id, TYPE]]);

/** What the value is after the fix of an error of a run; undefined when none is offered. */
function mended(input: string, value: Json, code: string): Json | undefined {
  const doc = emptyDoc("d");
  const id = addNode(doc, ROOT, makeNode(TYPE, [0, 0]));
  setValue(doc, ROOT, id, input, value);
  const problem: Problem = { code, node_id: id, input, where: "", expected: "", got: "", fix: "", message: "" };
  const fix = fixOf(problem, doc, TYPES);
  fix?.apply(doc);
  return fix === null ? undefined : doc.root.nodes[id]?.values[input];
}

it("offers another file for one that is gone, whether the list says so yet or not", () => {
  expect(mended("image", "cats.png", "F001")).toBe("cat.png");
  expect(mended("image", "cat.png", "F001")).toBe("a.png");
});

it("brings what the type does not allow back to what it does", () => {
  expect(mended("steps", 500, "N001")).toBe(100);
  expect(mended("image", "caat.png", "N001")).toBe("cat.png");
});

it("offers nothing for a value that is as the type wants it", () => {
  expect(mended("steps", 50, "N001")).toBeUndefined();
  expect(mended("image", "cat.png", "N001")).toBeUndefined();
});
