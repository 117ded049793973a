// An output node for a graph that has none: after the node that everything leads to, of the type that fits it best.
// Knows node types only by what the server says of them.

import { t } from "../i18n";
import type { Fix } from "./fixes";
import { fits, index, ranks, typeOfOutput } from "./graph";
import { typeOf } from "./kinds";
import { makeNode } from "./nodetypes";
import { addNode, connect } from "./ops";
import type { NodeType, NodeTypes } from "./spec";
import { type Doc, type DocNode, MODE, PRIMITIVE_TYPE, ROOT } from "./types";

const GAP = 60;

interface Ending {
  out: number;
  wire: string;
  type: NodeType;
  input: string;
}

/** Return the edit that adds an output node, null if there is nothing that one could be joined to. */
export function outputFix(doc: Doc, types: NodeTypes): Fix | null {
  for (const node of lastNodes(doc)) {
    const best = endingFor(doc, node, types);
    if (best === null) continue;
    const after = node.title ?? typeOf(doc, node, types)?.title ?? node.type;
    return {
      label: t("fix.addOutput", { type: best.type.title, node: after }),
      apply: (draft) => add(draft, node.id, best),
    };
  }
  return null;
}

/** Nodes that feed nothing, those at the end of the longest way first, then those on the right. */
function lastNodes(doc: Doc): DocNode[] {
  const { from } = index(doc.root);
  const rank = ranks(doc.root);
  const found = Object.values(doc.root.nodes).filter(
    (node) => node.mode === MODE.always && node.type !== PRIMITIVE_TYPE && !from.get(node.id)?.length,
  );
  const place = (node: DocNode): number => rank.get(node.id) ?? 0;
  return found.sort((a, b) => place(b) - place(a) || b.pos[0] - a.pos[0]);
}

/** The simplest output node that takes exactly what an output gives, else one that takes it among other things. */
function endingFor(doc: Doc, node: DocNode, types: NodeTypes): Ending | null {
  let best: Ending | null = null;
  let least = Number.POSITIVE_INFINITY;
  (typeOf(doc, node, types)?.outputs ?? []).forEach((_, out) => {
    const wire = typeOfOutput(doc, ROOT, types, node.id, out);
    if (wire === "*") return;
    for (const type of types.values()) {
      if (!type.isOutput || type.deprecated || type.experimental) continue;
      const needed = type.inputs.filter((one) => one.required && one.default === undefined && one.widget === null);
      const input = needed[0] ?? type.inputs.find((one) => one.widget === null && fits(one.type, wire));
      if (input === undefined || needed.length > 1 || !fits(input.type, wire)) continue;
      const score = (input.type === wire ? 0 : 1000) + type.inputs.length;
      if (score < least) [best, least] = [{ out, wire, type, input: input.name }, score];
    }
  });
  return best;
}

function add(doc: Doc, after: string, { out, wire, type, input }: Ending): void {
  const node = doc.root.nodes[after];
  if (node === undefined) return;
  const id = addNode(doc, ROOT, makeNode(type, [node.pos[0] + node.size[0] + GAP, node.pos[1]]));
  connect(doc, ROOT, { from: after, out, to: id, input, type: wire });
}
