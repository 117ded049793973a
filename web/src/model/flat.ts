// A document as it would run: subgraphs written out, wires followed through reroutes, primitives, the ends of subgraphs
// and bypassed nodes. Only for checking before a run; what really runs is worked out by the server, by the same rules
// (engine/comfy). Iterative, stops at rings. Changes nothing.

import { GROUP_NODE, PASSING, SHOWN_ONLY, WIRELESS } from "./comfy";
import { slotList } from "./comfy_write";
import { index, type LayerIndex } from "./graph";
import { shownName, typeOf } from "./kinds";
import type { NodeType, NodeTypes } from "./spec";
import type { Doc, DocNode, Json, Layer, LayerKey, NodeId, NodePath, Sub } from "./types";
import { MODE, NOTE_TYPES, PRIMITIVE_TYPE, ROOT, SUB_INPUT, SUB_OUTPUT } from "./types";

/** One canvas as it runs: the root, or a definition as one of its instances uses it. */
export interface Scope {
  layer: Layer;
  key: LayerKey;
  prefix: string;
  links: LayerIndex;
  sub?: Sub;
  host?: DocNode;
  outer?: Scope;
  children: Map<NodeId, Scope>;
}

export interface FlatNode {
  path: NodePath;
  scope: Scope;
  node: DocNode;
  type: NodeType | undefined;
}

/**
 * What feeds an input. "link": output `out` of a node that runs; "value": a literal; "spare": a literal for an input
 * that has none; "keep": nothing, the node's own value stands; "drop": the wire is cut, the input is left out;
 * "unknown": something that only the server follows.
 */
export type Source =
  | { kind: "link"; path: NodePath; out: number }
  | { kind: "value" | "spare"; value: Json }
  | { kind: "keep" | "drop" | "unknown" };

const MOST_NODES = 20_000; // of one graph, as on the server
const DEEPEST = 64;
const LONGEST = 10_000; // steps along one wire
const ROUNDTRIP = /^Loom/; // what our pack puts before the ids of nodes when it runs inside ComfyUI

type At = { scope: Scope; id: NodeId; out: number };

export class Flat {
  /** The nodes that run, each after the one before it in its layer. */
  readonly nodes = new Map<NodePath, FlatNode>();
  /** The document has wires without lines, which only the server follows. */
  readonly wireless: boolean;
  /** Written out it is too large to be looked at here. */
  readonly tooLarge: boolean = false;

  constructor(
    private readonly doc: Doc,
    private readonly types: NodeTypes,
  ) {
    let wireless = false;
    const root: Scope = { layer: doc.root, key: ROOT, prefix: "", links: index(doc.root), children: new Map() };
    const waiting: Scope[] = [root];
    let seen = 0;
    for (let scope = waiting.shift(); scope; scope = waiting.shift()) {
      const inner: Scope[] = [];
      for (const node of Object.values(scope.layer.nodes)) {
        if (++seen > MOST_NODES) {
          this.tooLarge = true;
          break;
        }
        if (WIRELESS.includes(node.type)) wireless = true;
        if (node.mode === MODE.muted || node.mode === MODE.bypassed || isVirtual(node.type)) continue;
        const sub = doc.subs[node.type];
        const path = scope.prefix + node.id;
        if (!sub) {
          this.nodes.set(path, { path, scope, node, type: this.typeOf(node) });
          continue;
        }
        const child = open(scope, node, sub, path);
        if (!child) continue;
        scope.children.set(node.id, child);
        inner.push(child);
      }
      waiting.unshift(...inner);
    }
    const extra = doc.rest.extra as { ue_links?: unknown } | undefined;
    this.wireless = wireless || (Array.isArray(extra?.ue_links) && extra.ue_links.length > 0);
  }

  /** Tell whether a type that nobody declares is known to the server: a legacy group node of this file. */
  isServers(type: string): boolean {
    const groups = (this.doc.rest.extra as { groupNodes?: object } | undefined)?.groupNodes ?? {};
    return GROUP_NODE.test(type) && type.replace(GROUP_NODE, "") in groups;
  }

  /** Return what feeds an input of a node, undefined for one that no wire enters. */
  source(node: FlatNode, input: string, wanted: string): Source | undefined {
    const at = this.wire(node.scope, node.node.id, input);
    return at && this.follow(at, wanted);
  }

  /** Return the value that an instance around a node gives to one of its widgets. */
  given(scope: Scope, id: NodeId, widget: string): Json | undefined {
    const name = shownName(id, widget);
    const value = scope.host?.shown?.some((entry) => shownName(...entry) === name)
      ? scope.host.values[name]
      : undefined;
    return value ?? undefined;
  }

  private typeOf(node: DocNode): NodeType | undefined {
    const found = typeOf(this.doc, node, this.types);
    if (found || !ROUNDTRIP.test(node.type)) return found;
    return typeOf(this.doc, { ...node, type: node.type.replace(ROUNDTRIP, "") }, this.types);
  }

  private wire(scope: Scope, id: NodeId, input: string): At | undefined {
    const link = scope.links.into.get(id)?.find((entry) => entry.input === input);
    return link && { scope, id: link.from, out: link.out };
  }

  private follow(start: At, wanted: string): Source {
    const spares: Source[] = [];
    const seen = new Set<string>();
    let at: At | Source = start;
    for (let steps = 0; "scope" in at; steps++) {
      const name: string = `${at.scope.prefix} ${at.id} ${at.out}`;
      if (seen.has(name) || steps > LONGEST) return { kind: "keep" };
      seen.add(name);
      at = this.step(at, wanted, spares);
    }
    let found: Source = at;
    for (const spare of spares.reverse()) {
      if (found.kind === "keep" || (found.kind === "spare" && spare.kind === "value")) found = spare;
    }
    return found;
  }

  private step({ scope, id, out }: At, wanted: string, spares: Source[]): At | Source {
    if (id === SUB_INPUT && scope.outer && scope.host) return this.outOf(scope, scope.outer, scope.host, out, spares);
    const node = scope.layer.nodes[id];
    if (!node) return { kind: "keep" };
    if (node.type === PRIMITIVE_TYPE) {
      const value = this.given(scope, id, "value") ?? node.values.value ?? null;
      return value === null ? { kind: "keep" } : { kind: "value", value };
    }
    if (node.mode === MODE.muted) return { kind: "drop" };
    const child = scope.children.get(id);
    if (child) {
      const name = child.sub?.outputs[out]?.name;
      return (name !== undefined && this.wire(child, SUB_OUTPUT, name)) || { kind: "keep" };
    }
    if (PASSING.includes(node.type)) return this.wire(scope, id, node.inputs[0]?.name ?? "") ?? { kind: "keep" };
    if (WIRELESS.includes(node.type)) return { kind: "unknown" };
    if (node.mode === MODE.bypassed) return this.around(scope, node, out, wanted);
    const path = scope.prefix + id;
    return this.nodes.has(path) ? { kind: "link", path, out } : { kind: "drop" };
  }

  /** Leave a subgraph through its input: the wire into the instance, else the value that the instance gives. */
  private outOf(scope: Scope, outer: Scope, host: DocNode, out: number, spares: Source[]): At | Source {
    const name = scope.sub?.inputs[out]?.name;
    if (name === undefined) return { kind: "keep" };
    const given = this.given(outer, host.id, name) ?? host.values[name];
    const inside = this.typeOf(host)?.inputs.find((input) => input.name === name)?.default;
    if (given !== undefined && given !== null) spares.push({ kind: "value", value: given });
    else if (inside !== undefined && inside !== null) spares.push({ kind: "spare", value: inside });
    return this.wire(outer, host.id, name) ?? { kind: "keep" };
  }

  /** Step over a bypassed node: by type, the input of the same number first. */
  private around(scope: Scope, node: DocNode, out: number, wanted: string): At | Source {
    const type = this.typeOf(node);
    const inputs = slotList(node, type, scope.links.into.get(node.id) ?? []);
    const given = node.outputs[out]?.type ?? type?.outputs[out]?.type ?? "*";
    const number = passed(inputs, out, given, wanted);
    const slot = number === null ? undefined : inputs[number];
    return slot ? (this.wire(scope, node.id, slot.name) ?? { kind: "keep" }) : { kind: "drop" };
  }
}

/** Tell whether nodes of a kind never run. */
export function isVirtual(type: string): boolean {
  return [NOTE_TYPES, PASSING, WIRELESS, SHOWN_ONLY].some((kinds) => kinds.includes(type)) || type === PRIMITIVE_TYPE;
}

function open(outer: Scope, host: DocNode, sub: Sub, path: NodePath): Scope | undefined {
  let depth = 0;
  for (let at: Scope | undefined = outer; at; at = at.outer) {
    if (at.sub === sub || ++depth > DEEPEST) return undefined;
  }
  return { layer: sub, key: sub.id, prefix: `${path}:`, links: index(sub), sub, host, outer, children: new Map() };
}

/** Return which input stands for output `out` of a bypassed node, null for none. */
function passed(inputs: { type: string }[], out: number, given: string, wanted: string): number | null {
  if (!inputs.length) return null;
  if (wanted === "*") return out < inputs.length ? out : 0;
  const same = inputs[out];
  if (same && goTogether(same.type, given) && goTogether(same.type, wanted)) return out;
  const exact = inputs.findIndex((slot) => slot.type === wanted);
  const loose = inputs.findIndex((slot) => goTogether(slot.type, wanted));
  const found = exact >= 0 ? exact : loose;
  return found < 0 ? null : found;
}

function goTogether(one: string, other: string): boolean {
  if (one === other || one === "*" || other === "*") return true;
  const [left, right] = [one, other].map((type) =>
    type
      .toLowerCase()
      .split(",")
      .map((part) => part.trim()),
  );
  return (left ?? []).some((part) => right?.includes(part));
}
