// The graph that is measured: nodes in a grid, each with four inputs with widgets and two outputs, 1.5 links per node;
// as ComfyUI's UI JSON with a matching list of node types. The same for every candidate. Made from a seed.

import type { JsonObject } from "../src/model/types";

export const COLUMNS_SHARE = 1.25;
const STEP_X = 320;
const STEP_Y = 280;
export const WIDTH = 260;
export const HEIGHT = 180;
export const NODE_TYPE = "Measured";
const KIND = "LATENT";

export function objectInfo(): JsonObject {
  return {
    [NODE_TYPE]: {
      display_name: "Measured node",
      category: "bench",
      input: {
        required: {
          source: [KIND, {}],
          other: [KIND, {}],
          steps: ["INT", { default: 20, min: 1, max: 200 }],
          sampler: [["euler", "heun", "dpm"], {}],
          text: ["STRING", { default: "a quiet place" }],
          scale: ["FLOAT", { default: 7, min: 0, max: 30, step: 0.1, display: "slider" }],
        },
      },
      output: [KIND, KIND],
      output_name: ["one", "two"],
      output_is_list: [false, false],
    },
  };
}

export interface Measured {
  nodes: { id: number; x: number; y: number }[];
  links: { id: number; from: number; out: number; to: number; input: number }[];
}

export function graph(n: number): Measured {
  const columns = Math.ceil(Math.sqrt(n) * COLUMNS_SHARE);
  const nodes = Array.from({ length: n }, (_, place) => ({
    id: place + 1,
    x: (place % columns) * STEP_X,
    y: Math.floor(place / columns) * STEP_Y,
  }));
  let seed = 7;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed / 2 ** 32;
  };
  const links: Measured["links"] = [];
  for (let place = 1; place < n; place++) {
    const count = place % 2 === 0 ? 2 : 1;
    for (let input = 0; input < count; input++) {
      const near = Math.max(0, place - 1 - Math.floor(random() * columns * 1.5));
      links.push({ id: links.length + 1, from: near + 1, out: input, to: place + 1, input });
    }
  }
  return { nodes, links };
}

export function uiJson(n: number): string {
  const { nodes, links } = graph(n);
  const inputs = ["source", "other"];
  const entering = new Map(links.map((link) => [`${link.to} ${link.input}`, link.id]));
  return JSON.stringify({
    version: 0.4,
    last_node_id: n,
    last_link_id: links.length,
    nodes: nodes.map(({ id, x, y }) => ({
      id,
      type: NODE_TYPE,
      pos: [x, y],
      size: [WIDTH, HEIGHT],
      flags: {},
      order: id,
      mode: 0,
      inputs: inputs.map((name, place) => ({
        name,
        type: KIND,
        link: entering.get(`${id} ${place}`) ?? null,
      })),
      outputs: ["one", "two"].map((name) => ({ name, type: KIND, links: [] })),
      properties: {},
      widgets_values: [20, "euler", "a quiet place", 7],
      widgets_values_named: { steps: 20, sampler: "euler", text: "a quiet place", scale: 7 },
    })),
    links: links.map((link) => [link.id, link.from, link.out, link.to, link.input, KIND]),
    groups: [],
    config: {},
    extra: {},
  });
}
