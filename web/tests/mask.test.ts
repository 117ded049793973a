// Masks: strokes, rectangles, undo by tiles. And what a chart makes of measurements.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byMeasure, nearest, rangeOf, share, short, smoothed, ticks } from "../src/widgets/chart";
import {
  type Brush,
  clipped,
  coverage,
  emptyMask,
  invert,
  type Mask,
  newStep,
  paintLine,
  paintRectangle,
  type Step,
  swap,
  whole,
  withStep,
} from "../src/widgets/strokes";

const BRUSH: Brush = { radius: 10, hardness: 1, strength: 1, erase: false };
const at = (mask: Mask, x: number, y: number) => mask.data[y * mask.width + x];

describe("strokes", () => {
  test("a dab covers its circle and nothing else", () => {
    const mask = emptyMask(300, 200);
    const area = paintLine(mask, newStep(), [150, 100], [150, 100], BRUSH);
    expect(at(mask, 150, 100)).toBe(255);
    expect(at(mask, 158, 100)).toBe(255);
    expect(at(mask, 161, 100)).toBe(0);
    expect(at(mask, 158, 108)).toBe(0);
    expect(coverage(mask) * 300 * 200).toBeCloseTo(Math.PI * 9.5 * 9.5, -1.3);
    expect(area).toEqual({ x: 139, y: 89, width: 22, height: 22 });
  });
  test("a line has no gaps", () => {
    const mask = emptyMask(300, 40);
    paintLine(mask, newStep(), [20, 20], [280, 20], BRUSH);
    for (let x = 20; x <= 280; x += 1) {
      expect(at(mask, x, 20)).toBe(255);
      expect(at(mask, x, 12)).toBeGreaterThan(200);
    }
  });
  test("a soft brush fades to its rim, and painting over it does not darken", () => {
    const mask = emptyMask(100, 100);
    const soft = { ...BRUSH, radius: 40, hardness: 0.25 };
    paintLine(mask, newStep(), [50, 50], [50, 50], soft);
    const row = [50, 62, 70, 80, 88].map((x) => at(mask, x, 50) ?? 0);
    expect(row).toEqual([...row].sort((one, other) => other - one));
    expect(row[0]).toBe(255);
    expect(row.at(-1)).toBeLessThan(20);
    const before = mask.data.slice();
    paintLine(mask, newStep(), [50, 50], [50, 50], soft);
    expect(mask.data).toEqual(before);
  });
  test("a weak brush leaves a weak mask; the eraser takes it away", () => {
    const mask = emptyMask(60, 60);
    paintLine(mask, newStep(), [30, 30], [30, 30], { ...BRUSH, strength: 0.5 });
    expect(at(mask, 30, 30)).toBe(128);
    paintLine(mask, newStep(), [30, 30], [30, 30], { ...BRUSH, radius: 15, erase: true });
    expect(coverage(mask)).toBe(0);
  });
  test("outside the picture nothing happens", () => {
    const mask = emptyMask(50, 50);
    const step = newStep();
    expect(paintLine(mask, step, [-100, -100], [-60, -80], BRUSH)).toBeNull();
    expect(paintRectangle(mask, step, { x: 60, y: 0, width: 10, height: 10 }, 255)).toBeNull();
    expect(step.tiles.size).toBe(0);
    paintLine(mask, step, [0, 25], [0, 25], BRUSH);
    expect(at(mask, 0, 25)).toBe(255);
    expect(at(mask, 49, 25)).toBe(0);
  });
});

test("a rectangle is clipped to the picture", () => {
  const mask = emptyMask(10, 10);
  expect(paintRectangle(mask, newStep(), { x: -5, y: 8, width: 8, height: 100 }, 255)).toEqual({
    x: 0,
    y: 8,
    width: 3,
    height: 2,
  });
  expect(coverage(mask)).toBeCloseTo(6 / 100);
  expect(clipped(mask, { x: 0, y: 0, width: 0, height: 5 })).toBeNull();
});

describe("undo", () => {
  const edit = fc.oneof(
    fc.record({
      kind: fc.constant("line" as const),
      from: fc.tuple(fc.integer({ min: -50, max: 350 }), fc.integer({ min: -50, max: 350 })),
      to: fc.tuple(fc.integer({ min: -50, max: 350 }), fc.integer({ min: -50, max: 350 })),
      radius: fc.integer({ min: 1, max: 60 }),
      erase: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("box" as const),
      x: fc.integer({ min: -50, max: 350 }),
      y: fc.integer({ min: -50, max: 350 }),
      width: fc.nat(300),
      height: fc.nat(300),
      value: fc.nat(255),
    }),
    fc.record({ kind: fc.constant("invert" as const) }),
  );

  test("all undone is the mask as it was, all redone is the mask as it became", () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 12 }), (edits) => {
        const mask = emptyMask(300, 270);
        mask.data.forEach((_, place) => {
          mask.data[place] = (place * 7919) % 256;
        });
        const start = mask.data.slice();
        let past: Step[] = [];
        for (const each of edits) {
          const step = newStep();
          if (each.kind === "line") {
            paintLine(mask, step, each.from, each.to, {
              radius: each.radius,
              hardness: 0.5,
              strength: 1,
              erase: each.erase,
            });
          } else if (each.kind === "box") paintRectangle(mask, step, each, each.value);
          else invert(mask, step);
          past = withStep(past, step);
        }
        const end = mask.data.slice();
        for (const step of past.toReversed()) swap(mask, step);
        expect(mask.data).toEqual(start);
        for (const step of past) swap(mask, step);
        expect(mask.data).toEqual(end);
      }),
      { numRuns: 30 },
    );
  });
  test("a step tells what to draw again", () => {
    const mask = emptyMask(400, 400);
    const step = newStep();
    paintLine(mask, step, [200, 200], [200, 200], BRUSH);
    expect(swap(mask, step)).toEqual({ x: 128, y: 128, width: 128, height: 128 });
    expect(swap(mask, newStep())).toBeNull();
  });
  test("a step without changes does not count, and old ones go when all are too large", () => {
    expect(withStep([], newStep())).toEqual([]);
    const mask = emptyMask(4096, 4096);
    let steps: Step[] = [];
    for (let count = 0; count < 12; count += 1) {
      const step = newStep();
      paintRectangle(mask, step, whole(mask), count);
      steps = withStep(steps, step);
    }
    expect(steps.length).toBe(8);
  });
});

describe("charts", () => {
  test("smoothing keeps a constant, keeps gaps, and does not start at zero", () => {
    for (const value of smoothed([3, 3, 3], 0.9)) expect(value).toBeCloseTo(3);
    expect(smoothed([1, null, 1], 0.5)[1]).toBeNull();
    expect(smoothed([4, 0], 0.5)[0]).toBe(4);
    expect(smoothed([1, 5, 2], 0)).toEqual([1, 5, 2]);
  });
  test("ranges leave out what cannot be drawn", () => {
    expect(rangeOf([[null, Number.NaN]], false)).toBeNull();
    expect(rangeOf([[-1, 0]], true)).toBeNull();
    const range = rangeOf([[0, 10], [null]], false);
    expect(range).toEqual({ min: -0.5, max: 10.5 });
    const flat = rangeOf([[5]], false);
    expect(flat && flat.max > flat.min).toBe(true);
  });
  test("marks are round and within the range", () => {
    expect(ticks({ min: 0.03, max: 1.02 }, 4, false)).toEqual([0.5, 1]);
    expect(ticks({ min: -1, max: 10 }, 5, false)).toEqual([0, 5, 10]);
    expect(ticks({ min: 0.001, max: 1 }, 4, true)).toEqual([0.001, 0.01, 0.1, 1]);
    fc.assert(
      fc.property(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
        (min, size) => {
          const range = { min, max: min + size };
          if (range.max - range.min < Math.abs(min) * 1e-9) return;
          const marks = ticks(range, 5, false);
          expect(marks.length).toBeLessThanOrEqual(12);
          for (const mark of marks) expect(share(mark, range, false)).toBeLessThanOrEqual(1.0001);
        },
      ),
    );
  });
  test("the nearest measurement, by halving as by looking at all", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1 }),
        fc.integer({ min: -10, max: 1010 }),
        (list, step) => {
          const steps = list.sort((one, other) => one - other);
          const found = steps[nearest(steps, step)] ?? Number.NaN;
          expect(Math.abs(found - step)).toBe(Math.min(...steps.map((each) => Math.abs(each - step))));
        },
      ),
    );
    expect(nearest([], 3)).toBe(-1);
  });
  test("curves that measure the same share a chart", () => {
    const one = { steps: [1], values: [2] };
    const groups = byMeasure({ "12 loss": one, "7:3 loss": one, "12 learning rate": one });
    expect(groups.map((group) => [group.name, group.series.map((each) => each.name)])).toEqual([
      ["learning rate", ["12"]],
      ["loss", ["12", "7:3"]],
    ]);
  });
  test("values in few letters", () => {
    expect([0, 1 / 3, 1e-5, 1234567, null].map(short)).toEqual(["0", "0.3333", "1.00e-5", "1.23e+6", "–"]);
  });
});
