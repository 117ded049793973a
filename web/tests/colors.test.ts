import { expect, it } from "vitest";
import { ownBody } from "../src/canvas/colors";
import type { DocNode } from "../src/model/types";

const node = (color: string | undefined, rest: DocNode["rest"]): DocNode => ({
  ...{ id: "1", type: "A", pos: [0, 0], size: [200, 100], mode: 0, inputs: [], outputs: [], values: {} },
  ...(color !== undefined && { color }),
  rest,
});

it("shows the color that a file gives to a node's body, as light as the theme's bodies", () => {
  expect(ownBody(node("#232", { color: "#232", bgcolor: "#353" }), "0.3")).toBe("oklch(from #353 0.3 min(c, 0.05) h)");
  expect(ownBody(node(undefined, { bgcolor: "#335533" }), "0.3")).toContain("from #335533");
});

it("leaves the file's color of the body behind when another one was chosen, and takes nothing that is no color", () => {
  expect(ownBody(node("#223", { color: "#232", bgcolor: "#353" }), "0.3")).toBeUndefined();
  for (const bgcolor of [undefined, 5, "url(x)", "#12"])
    expect(ownBody(node(undefined, { bgcolor } as DocNode["rest"]), "0.3")).toBeUndefined();
});
