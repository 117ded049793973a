// Which values a value is made of, through the nodes of a layer and through subgraphs: a subgraph's output depends only
// on those of its inputs that lead to it inside. So a link may go to and fro between a subgraph and another node without
// closing a ring. Changes nothing; knows no node types.

import { linksFrom, linksInto } from "./graph";
import type { Doc, Layer, LayerKey, NodeId } from "./types";
import { layerOf, SUB_INPUT, SUB_OUTPUT } from "./types";

/** One end of a link. */
export type End = { node: NodeId; output: number } | { node: NodeId; input: string };

/** By definition and output: the inputs that it depends on. */
type Known = Map<string, ReadonlySet<string>>;

/** Return a test for the ends at which a link from one of these, all of one side, would close a ring of values. */
export function ringTest(doc: Doc, key: LayerKey, fixed: readonly End[]): (end: End) => boolean {
  const layer = layerOf(doc, key);
  if (layer === undefined) return () => false;
  const known: Known = new Map();
  const barred = new Set<string>();
  for (const end of fixed) barred.add(end.node);
  const outputs = fixed.flatMap((end) => ("output" in end ? [end] : []));
  const inputs = fixed.flatMap((end) => ("input" in end ? [end] : []));
  for (const one of behind(doc, layer, outputs, known)) barred.add(one);
  for (const one of beyond(doc, layer, inputs, known)) barred.add(one);
  return (end) => barred.has(end.node) || barred.has(nameOf(end));
}

const nameOf = (end: End): string => `${end.node} ${"output" in end ? `out ${end.output}` : `in ${end.input}`}`;

/** Return what these outputs are made of: nodes by id, of subgraphs only the inputs, and the layer's own inputs. */
function behind(doc: Doc, layer: Layer, from: readonly { node: NodeId; output: number }[], known: Known): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const waiting = [...from];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const name = nameOf(at);
    if (seen.has(name)) continue;
    seen.add(name);
    const type = layer.nodes[at.node]?.type;
    if (at.node === SUB_INPUT || type === undefined) {
      found.add(name);
      continue;
    }
    const own = through(doc, type, at.output, known);
    if (own === null) {
      if (found.has(at.node)) continue;
      found.add(at.node);
    } else for (const input of own) found.add(nameOf({ node: at.node, input }));
    for (const link of linksInto(layer, at.node)) {
      if (own === null || own.has(link.input)) waiting.push({ node: link.from, output: link.out });
    }
  }
  return found;
}

/** Return what is made of these inputs: nodes by id, of subgraphs only the outputs. */
function beyond(doc: Doc, layer: Layer, from: readonly { node: NodeId; input: string }[], known: Known): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const waiting = [...from];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const { node, input } = at;
    const type = layer.nodes[node]?.type;
    if (seen.has(nameOf(at)) || type === undefined) continue;
    seen.add(nameOf(at));
    const sub = doc.subs[type];
    if (sub === undefined) {
      if (found.has(node)) continue;
      found.add(node);
    }
    const made = sub?.outputs.map((_, output) => through(doc, type, output, known)?.has(input) === true);
    made?.forEach((is, output) => {
      if (is) found.add(nameOf({ node, output }));
    });
    for (const link of linksFrom(layer, node)) {
      if (made === undefined || made[link.out] === true) waiting.push({ node: link.to, input: link.input });
    }
  }
  return found;
}

/** Return the inputs of a subgraph that one of its outputs depends on; null for a type that is no subgraph. */
function through(doc: Doc, type: string, output: number, known: Known): ReadonlySet<string> | null {
  const sub = doc.subs[type];
  if (sub === undefined) return null;
  const name = `${output} ${type}`;
  const before = known.get(name);
  if (before !== undefined) return before;
  // A definition that contains itself, in a broken file, ends here.
  known.set(name, new Set());
  const inner = linksInto(sub, SUB_OUTPUT).filter((link) => link.input === sub.outputs[output]?.name);
  const sources = inner.map((link) => ({ node: link.from, output: link.out }));
  const reached = behind(doc, sub, sources, known);
  const found = new Set(
    sub.inputs.flatMap((slot, place) => (reached.has(nameOf({ node: SUB_INPUT, output: place })) ? [slot.name] : [])),
  );
  known.set(name, found);
  return found;
}
