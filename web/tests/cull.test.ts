// Tiles find what lies in a box and nothing stays behind; the near set grows a few at a time and keeps its order.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { around, FAR, nearNodes, overlaps, stepNear, Tiles, tilesOf } from "../src/canvas/cull";
import type { Box } from "../src/model/types";

const box = fc.record({
  x: fc.integer({ min: -20_000, max: 20_000 }),
  y: fc.integer({ min: -20_000, max: 20_000 }),
  width: fc.integer({ min: 1, max: 3_000 }),
  height: fc.integer({ min: 1, max: 3_000 }),
});

describe("tiles", () => {
  it("find every box that a query touches, after boxes were put, moved and removed", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.option(box)), { maxLength: 120 }), box, (steps, asked) => {
        const tiles = new Tiles();
        const now = new Map<string, Box>();
        for (const [number, place] of steps) {
          const id = String(number);
          if (place === null) {
            tiles.remove(id);
            now.delete(id);
          } else {
            tiles.put(id, [place]);
            now.set(id, place);
          }
        }
        const found = new Set(tiles.query(asked));
        for (const [id, own] of now) if (overlaps(own, asked)) expect(found.has(id)).toBe(true);
        for (const id of found) expect(now.has(id)).toBe(true);
      }),
    );
  });

  it("leave out what lies far away", () => {
    const tiles = new Tiles();
    for (let place = 0; place < 100; place++)
      tiles.put(String(place), [{ x: place * 1000, y: 0, width: 10, height: 10 }]);
    expect([...tiles.query({ x: 0, y: 0, width: 100, height: 100 })]).toEqual(["0"]);
  });

  it("find a thing of several boxes by each of them, once", () => {
    const tiles = new Tiles();
    tiles.put("link", [
      { x: 0, y: 0, width: 10, height: 10 },
      { x: 5000, y: 5000, width: 10, height: 10 },
    ]);
    tiles.put("other", [{ x: 2500, y: 2500, width: 10, height: 10 }]);
    expect([...tiles.query({ x: 5001, y: 5001, width: 2, height: 2 })]).toEqual(["link"]);
    expect([...tiles.query({ x: 2400, y: 2400, width: 200, height: 200 })]).toEqual(["other"]);
  });
});

describe("the near set", () => {
  const boxes = new Map(
    Array.from({ length: 400 }, (_, place) => [
      String(place),
      { x: (place % 20) * 400, y: Math.floor(place / 20) * 300, width: 300, height: 200 },
    ]),
  );
  const tiles = new Tiles();
  for (const [id, own] of boxes) tiles.put(id, [own]);

  it("holds all that is seen, the nearest to the middle first", () => {
    const view = { x: -3000, y: -2000, zoom: 1 };
    const near = nearNodes(tiles, (id) => boxes.get(id), view, 1600, 1000);
    const seen = [...boxes].filter(([, own]) => overlaps(own, { x: 3000, y: 2000, width: 1600, height: 1000 }));
    for (const [id] of seen) expect(near).toContain(id);
    expect(near.length).toBeLessThan(60);
    const [first, last] = [near[0], near.at(-1)].map((id) => boxes.get(id ?? "") as Box);
    const away = (own: Box | undefined) => Math.hypot((own?.x ?? 0) + 150 - 3800, (own?.y ?? 0) + 100 - 2500);
    expect(away(first)).toBeLessThan(away(last));
  });

  it("is empty below the zoom at which boxes are painted", () => {
    expect(nearNodes(tiles, (id) => boxes.get(id), { x: 0, y: 0, zoom: FAR - 0.01 }, 1600, 1000)).toEqual([]);
  });

  it("is chosen again only when the view reaches other tiles", () => {
    const before = tilesOf({ x: 0, y: 0, zoom: 1 }, 1600, 1000);
    expect(tilesOf({ x: -3, y: -3, zoom: 1 }, 1600, 1000)).toBe(before);
    expect(tilesOf({ x: -600, y: 0, zoom: 1 }, 1600, 1000)).not.toBe(before);
  });

  it("comes to what is wanted in steps of the given size, without changing places", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 0, max: 60 }).map(String), { maxLength: 40 });
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: 10 }), (start, wanted, most) => {
        let now: ReadonlySet<string> = new Set(start);
        for (let step = 0; step < 100; step++) {
          const next = stepNear(now, wanted, most);
          const added = [...next].filter((id) => !now.has(id));
          expect(added.length).toBeLessThanOrEqual(most);
          const kept = [...next].filter((id) => now.has(id));
          expect(kept).toEqual([...now].filter((id) => next.has(id)));
          if (next === now) break;
          now = next;
        }
        expect(new Set(now)).toEqual(new Set(wanted));
        expect(stepNear(now, wanted, most)).toBe(now);
      }),
    );
  });
});

it("the box around nothing is none", () => {
  expect(around([])).toBeNull();
  expect(
    around([
      { x: 1, y: 2, width: 3, height: 4 },
      { x: -1, y: 0, width: 1, height: 1 },
    ]),
  ).toEqual({
    x: -1,
    y: 0,
    width: 5,
    height: 6,
  });
});
