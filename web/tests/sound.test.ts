// Random documents and edits: every document stays sound, and making and unpacking subgraphs changes nothing of what runs.

import fc from "fast-check";
import { expect, test } from "vitest";
import * as sub from "../src/model/subgraph";
import { emptyDoc, type Item, type Layer, layerOf, MODE, ROOT } from "../src/model/types";
import { anyDoc, attempt, randomFrom, TYPES } from "./graphs";
import { faults, running, tag, wiring } from "./sound";

const nodes = (...ids: string[]): Item[] => ids.map((id) => ({ kind: "node", id }));

test("whatever is made a subgraph and unpacked again, the same runs", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 10, max: 80 }), (seed, edits) => {
      const random = randomFrom(seed + 1);
      const one = anyDoc(seed, edits);
      tag(one);
      for (let count = 0; count < 6; count += 1) {
        const before = { wires: wiring(one), values: running(one) };
        const keys = [ROOT, ...Object.keys(one.subs)];
        const key = keys[Math.floor(random() * keys.length)] as string;
        const at = layerOf(one, key) as Layer;
        const ids = Object.keys(at.nodes).filter(() => random() < 0.4);
        const hosts = ids.filter((id) => one.subs[at.nodes[id]?.type ?? ""] && at.nodes[id]?.mode === MODE.always);
        if (random() < 0.5 && hosts[0] !== undefined) sub.unpack(one, key, hosts[0]);
        else if (ids.length > 0) {
          const reroutes = Object.keys(at.reroutes).filter(() => random() < 0.5);
          const items: Item[] = [...nodes(...ids), ...reroutes.map((id): Item => ({ kind: "reroute", id }))];
          sub.makeSubgraph(one, key, items, TYPES, "Sub");
        }
        expect({ wires: wiring(one), values: running(one) }).toEqual(before);
        expect(faults(one)).toEqual([]);
      }
    }),
    { numRuns: 60 },
  );
});

test("every edit leaves a sound document", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = randomFrom(seed);
      const one = emptyDoc("doc");
      for (let count = 0; count < 120; count += 1) {
        const kind = attempt(one, random);
        const wrong = faults(one);
        if (wrong.length > 0) throw new Error(`after "${kind}" (edit ${count}): ${wrong.join("; ")}`);
      }
    }),
    { numRuns: 40 },
  );
});
