// Courses of links: hit tests agree with the painted curve, tiles cover it, the knife cuts what it crosses. And the
// scene: what it finds follows every change of the document, and what is carried moves without one.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains } from "../src/canvas/cull";
import { along, type Course, coverOf, crosses, distanceTo, type LinkStyle, middleOf, reach } from "../src/canvas/links";
import { Scene } from "../src/canvas/scene";
import { TITLE } from "../src/model/layout";
import { addNode, addReroute, connect, disconnect, moveNodes, removeNodes, removeReroute } from "../src/model/ops";
import type { NodeType, NodeTypes } from "../src/model/spec";
import { type Doc, emptyDoc, ROOT } from "../src/model/types";

const STYLES: LinkStyle[] = ["curve", "straight", "step"];
const place = fc.integer({ min: -5000, max: 5000 });
const course = fc.array(fc.tuple(place, place), { minLength: 2, maxLength: 5 }).map((points): Course => points.flat());
const style = fc.constantFrom(...STYLES);

/** The point at t of a piece of the curve, as a canvas paints it. */
function onCurve([x0, y0, x1, y1]: number[], t: number): [number, number] {
  const [ax, ay, bx, by] = [x0 ?? 0, y0 ?? 0, x1 ?? 0, y1 ?? 0];
  const d = reach(ax, ay, bx, by);
  const at = (p: number, q: number, r: number, s: number) =>
    (1 - t) ** 3 * p + 3 * (1 - t) ** 2 * t * q + 3 * (1 - t) * t * t * r + t ** 3 * s;
  return [at(ax, ax + d, bx - d, bx), at(ay, ay, by, by)];
}

describe("courses", () => {
  it("begin at the source, end at the target and pass every reroute", () => {
    fc.assert(
      fc.property(course, style, (points, how) => {
        for (let i = 0; i + 1 < points.length; i += 2) {
          expect(distanceTo(points, how, points[i] as number, points[i + 1] as number)).toBeLessThan(1e-6);
        }
      }),
    );
  });

  it("are hit where they are painted", () => {
    fc.assert(
      fc.property(place, place, place, place, fc.double({ min: 0, max: 1, noNaN: true }), (x0, y0, x1, y1, t) => {
        const [x, y] = onCurve([x0, y0, x1, y1], t);
        expect(distanceTo([x0, y0, x1, y1], "curve", x, y)).toBeLessThan(16);
      }),
    );
  });

  it("are covered by their boxes", () => {
    fc.assert(
      fc.property(course, style, fc.double({ min: 0, max: 1, noNaN: true }), (points, how, t) => {
        const boxes = coverOf(points, how);
        const fine = along(points, how, 64);
        const step = 2 * Math.floor(t * (fine.length / 2 - 1));
        const [x, y] = [fine[step] as number, fine[step + 1] as number];
        expect(boxes.some((box) => contains(box, x, y))).toBe(true);
      }),
    );
  });

  it("have their middle on themselves", () => {
    fc.assert(
      fc.property(course, style, (points, how) => {
        const [x, y] = middleOf(points, how);
        expect(distanceTo(points, how, x, y)).toBeLessThan(1e-6);
      }),
    );
  });

  it("are cut by a stroke through their middle and not by one beside them", () => {
    for (const how of STYLES) {
      const points = [0, 0, 400, 300];
      const [x, y] = middleOf(points, how);
      expect(crosses(points, how, [x - 60, y + 45], [x + 60, y - 45])).toBe(true);
      expect(crosses(points, how, [-100, 500], [500, 500])).toBe(false);
    }
  });
});

const KIND: NodeType = {
  id: "Any",
  title: "Any",
  category: "",
  description: "",
  inputs: [{ name: "in", type: "A", required: true, widget: null, default: undefined, tooltip: "" }],
  outputs: [{ name: "out", type: "A", isList: false, tooltip: "" }],
  isOutput: false,
  deprecated: false,
  experimental: false,
  aliases: [],
  repeat: null,
  formerIds: [],
  pack: "",
};
const TYPES: NodeTypes = new Map([["Any", KIND]]);

function twoNodes(): { doc: Doc; one: string; two: string; link: string } {
  const doc = emptyDoc("d");
  const node = (x: number) => {
    return addNode(doc, ROOT, {
      type: "Any",
      pos: [x, 0],
      size: [200, 60],
      mode: 0,
      inputs: [],
      outputs: [],
      values: {},
    });
  };
  const [one, two] = [node(0), node(600)];
  const link = connect(doc, ROOT, { from: one, out: 0, to: two, input: "in", type: "A" });
  return { doc, one, two, link };
}

function followed(scene: Scene, doc: Doc, change?: (doc: Doc) => void): Doc {
  const next = structuredClone(doc);
  change?.(next);
  scene.follow(next, ROOT, TYPES, new Set(), "curve");
  return next;
}

describe("the scene", () => {
  const shown = () => true;

  it("finds nodes, links, reroutes and frames where they are, and forgets what is gone", () => {
    const { doc, one, two, link } = twoNodes();
    const scene = new Scene();
    followed(scene, doc);
    expect(scene.nodeAt(100, 20)?.id).toBe(one);
    const middle = scene.middleOf(link) as [number, number];
    expect(scene.hit(middle[0], middle[1], 1, false, shown)).toEqual({ kind: "dot", id: link });
    expect(scene.hit(middle[0] + 60, middle[1], 1, false, shown)).toEqual({ kind: "link", id: link });
    expect(scene.hit(middle[0], middle[1], 1, false, () => false)).toEqual({ kind: "canvas" });
    expect(scene.hit(100, 20, 0.2, true, shown)).toEqual({ kind: "node", id: one });

    let reroute = "";
    const turned = followed(scene, doc, (draft) => {
      reroute = addReroute(draft, ROOT, link, [400, 300]);
      draft.root.groups["1"] = { id: "1", title: "G", box: { x: 0, y: 500, width: 300, height: 200 } };
    });
    expect(scene.hit(400, 300, 1, false, shown)).toEqual({ kind: "reroute", id: reroute });
    expect(scene.wires.get(link)?.course.slice(2, 4)).toEqual([400, 300]);
    expect(scene.hit(50, 510, 1, false, shown)).toEqual({ kind: "group", id: "1" });
    expect(scene.hit(295, 695, 1, false, shown)).toEqual({ kind: "corner", id: "1" });
    expect(scene.hit(150, 600, 1, false, shown)).toEqual({ kind: "canvas" });

    const straight = followed(scene, turned, (draft) => removeReroute(draft, ROOT, reroute));
    expect(scene.wires.get(link)?.course).toHaveLength(4);
    followed(scene, straight, (draft) => removeNodes(draft, ROOT, [two]));
    expect(scene.nodes.has(two)).toBe(false);
    expect(scene.wires.size).toBe(0);
    expect(scene.nodeAt(700, 20)).toBeUndefined();
    expect(scene.linkAt(middle[0], middle[1], 10)).toBeUndefined();
  });

  it("tells a node which of its sockets are linked", () => {
    const { doc, one, two, link } = twoNodes();
    const scene = new Scene();
    const before = followed(scene, doc);
    expect(scene.nodes.get(two)?.linked).toEqual(["in"]);
    expect([...(scene.nodes.get(one)?.linkedOut ?? [])]).toEqual([0]);
    followed(scene, before, (draft) => disconnect(draft, ROOT, [link]));
    expect(scene.nodes.get(two)?.linked).toEqual([]);
    expect(scene.nodes.get(one)?.linkedOut.size).toBe(0);
  });

  it("moves what is carried with its links, puts it back, and takes the document's word in the end", () => {
    const { doc, two, link } = twoNodes();
    const scene = new Scene();
    const now = followed(scene, doc);
    const end = () => scene.wires.get(link)?.course.slice(-2);
    const before = end();
    scene.carry([{ kind: "node", id: two }]);
    scene.shift(0, 250);
    expect(end()).toEqual([before?.[0], (before?.[1] ?? 0) + 250]);
    scene.shift(30, 100);
    expect(end()).toEqual([(before?.[0] ?? 0) + 30, (before?.[1] ?? 0) + 100]);
    scene.drop();
    expect(end()).toEqual(before);
    expect(scene.nodes.get(two)?.box).toMatchObject({ x: 600, y: -TITLE });
    scene.carry([{ kind: "node", id: two }]);
    scene.shift(10, 20);
    followed(scene, now, (draft) => moveNodes(draft, ROOT, [10, 20], [two]));
    expect(scene.carried).toBeNull();
    expect(scene.nodes.get(two)?.box).toMatchObject({ x: 610, y: 20 - TITLE });
    expect(scene.nodeAt(620, 30)?.id).toBe(two);
  });

  it("draws no link twice and none for the wrong ends after many random edits", () => {
    const node = fc.record({
      kind: fc.constantFrom("add", "move", "link", "cut", "remove"),
      a: fc.nat(9),
      b: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(node, { maxLength: 40 }), (steps) => {
        const scene = new Scene();
        let { doc } = twoNodes();
        doc = followed(scene, doc);
        for (const { kind, a, b } of steps) {
          doc = followed(scene, doc, (draft) => {
            const ids = Object.keys(draft.root.nodes);
            const [one, two] = [ids[a % Math.max(1, ids.length)], ids[b % Math.max(1, ids.length)]];
            if (kind === "add" || one === undefined || two === undefined) {
              addNode(draft, ROOT, {
                type: "Any",
                pos: [a * 90, b * 70],
                size: [200, 60],
                mode: 0,
                inputs: [],
                outputs: [],
                values: {},
              });
            } else if (kind === "move") moveNodes(draft, ROOT, [a * 200 - 900, b * 150], [one]);
            else if (kind === "remove") removeNodes(draft, ROOT, [one]);
            else if (kind === "cut") disconnect(draft, ROOT, Object.keys(draft.root.links).slice(0, 1));
            else if (one !== two) connect(draft, ROOT, { from: one, out: 0, to: two, input: "in", type: "A" });
          });
        }
        const fresh = new Scene();
        fresh.follow(doc, ROOT, TYPES, new Set(), "curve");
        const seen = (scene: Scene) => ({
          nodes: [...scene.nodes].map(([id, { box, linked, linkedOut }]) => [id, box, linked, [...linkedOut]]).sort(),
          wires: [...scene.wires].map(([id, { course }]) => [id, course]).sort(),
        });
        expect(seen(scene)).toEqual(seen(fresh));
        for (const { link } of scene.wires.values()) {
          expect(scene.linksOf(link.from).map((one) => one.id)).toContain(link.id);
        }
      }),
    );
  });
});
