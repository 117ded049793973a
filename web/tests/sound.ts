// What must hold of every document whatever was done to it, and what a document runs: wires and values between nodes
// that run, told by tags, so that two documents can be compared. Knows no particular edit.

import * as sub from "../src/model/subgraph";
import type { Doc, DocNode, Layer, LayerKey, Link, NodeId } from "../src/model/types";
import { layerOf, REROUTE_TYPE, ROOT, SUB_INPUT, SUB_OUTPUT } from "../src/model/types";
import { TYPES } from "./graphs";

// ---- what must hold ------------------------------------------------------------------------------------------

/** Return what is wrong with a document; nothing, if it is sound. */
export function faults(doc: Doc): string[] {
  const found: string[] = [];
  const say = (text: string) => void found.push(text);
  for (const layer of [ROOT, ...Object.keys(doc.subs)]) {
    const at = layerOf(doc, layer) as Layer;
    const inner = doc.subs[layer];
    const where = layer === ROOT ? "root" : (inner?.name ?? layer);
    for (const part of ["nodes", "links", "groups", "reroutes"] as const) {
      for (const [id, one] of Object.entries(at[part]))
        if (one.id !== id) say(`${where}: ${part} ${id} says ${one.id}`);
    }
    const inputs = new Set<string>();
    const sources = new Map<string, string>();
    for (const link of Object.values(at.links)) {
      const key = `${link.to} ${link.input}`;
      if (inputs.has(key)) say(`${where}: two links into ${key}`);
      inputs.add(key);
      const from = at.nodes[link.from];
      const to = at.nodes[link.to];
      if (!from && !(inner && link.from === SUB_INPUT)) say(`${where}: link ${link.id} from nowhere (${link.from})`);
      if (!to && !(inner && link.to === SUB_OUTPUT)) say(`${where}: link ${link.id} to nowhere (${link.to})`);
      const outs = link.from === SUB_INPUT ? inner?.inputs : from && doc.subs[from.type]?.outputs;
      if (outs && outs[link.out] === undefined)
        say(`${where}: link ${link.id} from output ${link.out} of ${outs.length}`);
      const ins = link.to === SUB_OUTPUT ? inner?.outputs : to && doc.subs[to.type]?.inputs;
      if (ins && !ins.some((slot) => slot.name === link.input))
        say(`${where}: link ${link.id} to no input ${link.input}`);
      for (const id of wayOf(at, link, say)) {
        const source = `${link.from} ${link.out}`;
        if ((sources.get(id) ?? source) !== source) say(`${where}: reroute ${id} has two sources`);
        sources.set(id, source);
      }
    }
    for (const id of Object.keys(at.reroutes)) if (!sources.has(id)) say(`${where}: no link passes reroute ${id}`);
    for (const node of Object.values(at.nodes)) {
      const definition = doc.subs[node.type];
      if (!definition && !TYPES.has(node.type) && node.type !== REROUTE_TYPE)
        say(`${where}: ${node.id} has lost its type`);
      if (definition && node.inputs.length === definition.inputs.length) {
        const [own, said] = [definition.inputs.map((slot) => slot.name), node.inputs.map((slot) => slot.name)];
        if (own.join() !== said.join()) say(`${where}: ${node.id} says inputs ${said}, has ${own}`);
      }
      for (const [id] of node.shown ?? [])
        if (!definition?.nodes[id]) say(`${where}: ${node.id} shows lost node ${id}`);
    }
    if (inner && sub.instancesOf(doc, layer).length === 0) say(`nothing uses ${where}`);
    for (const side of inner ? [inner.inputs, inner.outputs] : []) {
      if (new Set(side.map((slot) => slot.name)).size !== side.length) say(`${where}: two slots of one name`);
    }
  }
  hasUndefined(doc, "doc", say);
  return found;
}

function wayOf(at: Layer, link: Link, say: (text: string) => void): string[] {
  const way: string[] = [];
  for (let id = link.reroute; id !== undefined; id = at.reroutes[id]?.parent) {
    if (!at.reroutes[id]) say(`link ${link.id} passes lost reroute ${id}`);
    if (way.includes(id)) {
      say(`reroutes run in a ring at ${id}`);
      break;
    }
    way.push(id);
  }
  return way;
}

function hasUndefined(value: unknown, path: string, say: (text: string) => void): void {
  if (value === undefined) say(`${path} is undefined`);
  if (typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value)) hasUndefined(part, `${path}.${key}`, say);
}

// ---- what a document runs ------------------------------------------------------------------------------------

/** Return every wire between nodes that run, as "source.place > target.input", by the nodes' tags (value "tag"). */
export function wiring(doc: Doc): string[] {
  const found: string[] = [];
  walk(doc, ROOT, [], (path, node) => {
    const at = layerOf(doc, layerFor(doc, path)) as Layer;
    for (const link of Object.values(at.links)) {
      if (link.to !== node.id) continue;
      const source = feeding(doc, path, link);
      if (source) found.push(`${source} > ${node.values.tag}.${link.input}`);
    }
  });
  return found.sort();
}

/** Return the value of each widget as it is run, as "tag.widget=value", of widgets that no wire enters. */
export function running(doc: Doc): string[] {
  const found: string[] = [];
  walk(doc, ROOT, [], (path, node) => {
    for (const { name, widget } of TYPES.get(node.type)?.inputs ?? []) {
      if (widget) found.push(`${node.values.tag}.${name}=${valueAt(doc, path, node, name)}`);
    }
  });
  return found.sort();
}

function valueAt(doc: Doc, path: NodeId[], node: DocNode, widget: string): unknown {
  const own = node.values[widget];
  const outer = path.slice(0, -1);
  const hostId = path.at(-1);
  if (hostId === undefined) return own;
  const host = (layerOf(doc, layerFor(doc, outer)) as Layer).nodes[hostId] as DocNode;
  const inside = doc.subs[host.type];
  const shown = host.shown?.find(([id, name]) => id === node.id && name === widget);
  if (shown) {
    const given = valueAt(doc, outer, host, `${node.id}:${widget}`);
    if (given !== undefined) return given;
  }
  const entering = Object.values(inside?.links ?? {}).find(
    (one) => one.from === SUB_INPUT && one.to === node.id && one.input === widget,
  );
  const slot = entering && inside?.inputs[entering.out];
  return (slot && valueAt(doc, outer, host, slot.name)) ?? own;
}

function layerFor(doc: Doc, path: NodeId[]): LayerKey {
  const key = sub.layerAt(doc, path);
  if (key === undefined) throw new Error(`no layer at ${path}`);
  return key;
}

function walk(doc: Doc, layer: LayerKey, path: NodeId[], visit: (path: NodeId[], node: DocNode) => void): void {
  for (const node of Object.values((layerOf(doc, layer) as Layer).nodes)) {
    if (doc.subs[node.type]) walk(doc, node.type, [...path, node.id], visit);
    else if (node.type !== REROUTE_TYPE) visit(path, node);
  }
}

/** Return the output that feeds a link; nothing where the wires run in a ring, which ends after so many steps. */
function feeding(doc: Doc, path: NodeId[], link: Link, steps = 500): string | null {
  if (steps === 0) return null;
  const at = layerOf(doc, layerFor(doc, path)) as Layer;
  if (link.from === SUB_INPUT) {
    const outer = path.slice(0, -1);
    const host = path.at(-1) as NodeId;
    const name = doc.subs[layerFor(doc, path)]?.inputs[link.out]?.name;
    const around = layerOf(doc, layerFor(doc, outer)) as Layer;
    const next = Object.values(around.links).find((one) => one.to === host && one.input === name);
    return next ? feeding(doc, outer, next, steps - 1) : null;
  }
  const node = at.nodes[link.from] as DocNode;
  const inside = doc.subs[node.type];
  if (inside) {
    const name = inside.outputs[link.out]?.name;
    const next = Object.values(inside.links).find((one) => one.to === SUB_OUTPUT && one.input === name);
    return next ? feeding(doc, [...path, node.id], next, steps - 1) : null;
  }
  if (node.type === REROUTE_TYPE) {
    const next = Object.values(at.links).find((one) => one.to === node.id);
    return next ? feeding(doc, path, next, steps - 1) : null;
  }
  return `${node.values.tag}.${link.out}`;
}

/** Give every node a value by which it is known wherever it goes. */
export function tag(doc: Doc): void {
  for (const layer of [ROOT, ...Object.keys(doc.subs)]) {
    for (const node of Object.values((layerOf(doc, layer) as Layer).nodes))
      node.values.tag = `${layer.slice(0, 4)}${node.id}`;
  }
}
