// Of a workflow that makes several things: what makes one of them, as a workflow of its own. Knows no server and no store.

import { WIRELESS } from "./comfy";
import { upstream } from "./graph";
import { typeOf, valueOf } from "./nodetypes";
import { membersOf, removeGroup, removeNodes } from "./ops";
import type { NodeTypes } from "./spec";
import { type Doc, MODE, type NodeId, ROOT } from "./types";

/** A node that gives something to the user, and the first text on it that tells it from others of its type. */
export interface Branch {
  id: NodeId;
  title: string;
  hint: string;
}

/** Return what a document makes; nothing when that is one thing only, or when wires without lines hide what it needs. */
export function branchesOf(doc: Doc, types: NodeTypes): Branch[] {
  const nodes = Object.values(doc.root.nodes);
  const extra = doc.rest.extra as { ue_links?: unknown[] } | undefined;
  if (extra?.ue_links?.length || nodes.some((node) => WIRELESS.includes(node.type))) return [];
  const found = nodes.flatMap((node): Branch[] => {
    const type = typeOf(doc, node, types);
    if (!type?.isOutput || node.mode !== MODE.always) return [];
    const text = type.inputs.find((input) => input.widget?.kind === "text");
    const hint = text === undefined ? "" : String(valueOf(node, text) ?? "");
    return [{ id: node.id, title: node.title ?? type.title, hint }];
  });
  return found.length > 1 ? found : [];
}

/** Leave of a document only a node and what it needs, with the groups around that. */
export function keepBranch(doc: Doc, id: NodeId): void {
  const kept = upstream(doc.root, [id]).add(id);
  for (const group of Object.values(doc.root.groups)) {
    if (!membersOf(doc.root, group).some((member) => kept.has(member))) removeGroup(doc, ROOT, group.id);
  }
  removeNodes(
    doc,
    ROOT,
    Object.keys(doc.root.nodes).filter((one) => !kept.has(one)),
  );
}
