// What stands in the way of a run, found without the server: the same codes and inputs as its check gives
// (engine/graph/validate.py), for everything that can be seen here. What only the server can see (files, their facets)
// it reports itself. Changes nothing.

import { slotList } from "./comfy_write";
import { Flat, type FlatNode } from "./flat";
import { fits } from "./graph";
import { unfit } from "./literal";
import { nearest } from "./nearest";
import { rings } from "./rings";
import { matchesRepeat } from "./sockets";
import type { InputSpec, NodeType, NodeTypes } from "./spec";
import type { Doc, Json, NodePath, Problem } from "./types";
import { defaultOf } from "./widgetspec";

export { type Fix, fixOf } from "./fixes";

type Given = { link: { path: NodePath; out: number } } | { value: Json } | "unknown";
type Inputs = Map<string, Given>;

/** Return every problem, in the order of the nodes; those of no node come last. Empty if nothing stands in the way. */
export function check(doc: Doc, types: NodeTypes): Problem[] {
  const flat = new Flat(doc, types);
  if (flat.tooLarge) return [];
  const table = new Map<NodePath, Inputs>();
  for (const [path, node] of flat.nodes) table.set(path, inputsOf(flat, node));
  prune(flat, table);
  return new Check(flat, types, table).run();
}

/** Return what a node gets when it runs: its values, then what its wires bring. */
function inputsOf(flat: Flat, node: FlatNode): Inputs {
  const inputs: Inputs = new Map();
  const { scope, type } = node;
  const values = node.node.values;
  const literal = (name: string): Json | undefined =>
    flat.given(scope, node.node.id, name) ?? values[name] ?? undefined;
  for (const input of type?.inputs ?? []) {
    const value = literal(input.name) ?? (input.widget ? fallback(input) : undefined);
    if (value !== undefined) inputs.set(input.name, { value });
  }
  for (const name of Object.keys(values)) {
    const value = literal(name);
    const repeated = type?.repeat && !inputs.has(name) && matchesRepeat(type.repeat.pattern, name);
    if (repeated && value !== undefined) inputs.set(name, { value });
  }
  for (const slot of slotList(node.node, type, scope.links.into.get(node.node.id) ?? [])) {
    const source = flat.source(node, slot.name, slot.type);
    const renamed = slot.widget !== undefined && !inputs.has(slot.name) && inputs.has(slot.widget);
    const name = renamed ? (slot.widget as string) : slot.name;
    if (!source || source.kind === "keep") continue;
    if (source.kind === "drop") inputs.delete(name);
    else if (source.kind === "unknown") inputs.set(name, "unknown");
    else if (source.kind === "link") inputs.set(name, { link: source });
    else if ("value" in source && (source.kind === "value" || !inputs.has(name))) {
      inputs.set(name, { value: source.value });
    }
  }
  return inputs;
}

/** Return what stands for a widget without a value. Of files nothing does: one must be chosen. */
function fallback(input: InputSpec): Json | undefined {
  const value = input.default ?? (input.widget ? defaultOf(input.widget, false) : null);
  return value ?? undefined;
}

/** Leave out nodes of unknown type and all that they feed, as the server does, if anything is left to be done then. */
function prune(flat: Flat, table: Map<NodePath, Inputs>): void {
  const fed = new Map<NodePath, NodePath[]>();
  for (const [path, inputs] of table) {
    for (const given of inputs.values()) {
      if (given === "unknown" || !("link" in given)) continue;
      fed.set(given.link.path, [...(fed.get(given.link.path) ?? []), path]);
    }
  }
  const out = new Set<NodePath>();
  const waiting = [...flat.nodes.values()].filter((node) => !node.type).map((node) => node.path);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (out.has(path)) continue;
    out.add(path);
    waiting.push(...(fed.get(path) ?? []));
  }
  if (![...flat.nodes.values()].some((node) => node.type?.isOutput && !out.has(node.path))) return;
  for (const path of out) table.delete(path);
}

class Check {
  private readonly problems: Problem[] = [];

  constructor(
    private readonly flat: Flat,
    private readonly types: NodeTypes,
    private readonly table: Map<NodePath, Inputs>,
  ) {}

  run(): Problem[] {
    for (const [path, inputs] of this.table) {
      const node = this.flat.nodes.get(path) as FlatNode;
      if (!node.type) {
        if (!this.flat.isServers(node.node.type)) this.unknownType(node);
        continue;
      }
      for (const [name, given] of inputs) this.input(node, node.type, name, given);
      this.missing(node, node.type, inputs);
    }
    this.outputs();
    this.cycles();
    const place = new Map([...this.table.keys()].map((path, number) => [path, number]));
    const of = (problem: Problem): number => place.get(problem.node_id ?? "") ?? place.size;
    return this.problems.sort((a, b) => of(a) - of(b));
  }

  private report(code: string, node: FlatNode | null, input: string | null, parts: [string, string, string]): void {
    const [expected, got, fix] = parts;
    const at = node ? placeOf(node) : "graph";
    const where = input === null ? at : `${at}, input "${input}"`;
    const message = `${code} ${where}: expected ${expected}, got ${got}. ${fix}`;
    this.problems.push({ code, node_id: node?.path ?? null, input, where, expected, got, fix, message });
  }

  private unknownType(node: FlatNode): void {
    const near = nearest(node.node.type, this.types.keys());
    const fix = near.length
      ? `Did you mean ${near.join(" or ")}?`
      : "Install the pack that brings it, or choose another node.";
    this.report("G001", node, null, ["a known node type", `'${node.node.type}'`, fix]);
  }

  private input(node: FlatNode, type: NodeType, name: string, given: Given): void {
    const input = inputNamed(type, name);
    if (!input) {
      const near = nearest(
        name,
        type.inputs.map((entry) => entry.name),
      );
      const fix = near.length ? `Did you mean ${near.join(" or ")}?` : "Remove it.";
      const known = type.inputs.map((entry) => entry.name).join(", ") || "none at all";
      this.report("G004", node, name, [`an input that ${type.id} has: ${known}`, "an unknown one", fix]);
    } else if (given !== "unknown" && "link" in given) {
      this.wire(node, name, input.type, given.link);
    } else if (given !== "unknown") {
      const wrong = unfit(input, given.value);
      if (wrong) this.report(wrong.code, node, name, [wrong.expected, wrong.got, wrong.fix]);
    }
  }

  private wire(node: FlatNode, name: string, wanted: string, link: { path: NodePath; out: number }): void {
    const source = this.flat.nodes.get(link.path);
    if (!source?.type) return;
    const output = source.type.outputs[link.out];
    if (!output) {
      const listed = source.type.outputs.map((one, place) => `${place} ${one.name}`).join(", ");
      const { id } = source.type;
      const expected = listed ? `an output of ${id} (${listed})` : `a node with outputs, not ${id}`;
      this.report("G011", node, name, [expected, `slot ${link.out}`, "Connect it to another output."]);
    } else if (!fits(wanted, output.type)) {
      const got = `${output.type} from ${placeOf(source)}`;
      this.report("G006", node, name, [wanted, got, "Connect an output of the right type."]);
    }
  }

  private missing(node: FlatNode, type: NodeType, inputs: Inputs): void {
    for (const input of type.inputs) {
      if (!input.required || input.default !== undefined || inputs.has(input.name)) continue;
      if (this.flat.wireless && !input.widget) continue;
      const expected = input.widget ? "a value" : `a wire of type ${input.type}`;
      this.report("G002", node, input.name, [expected, "nothing", "Connect it or give it a value."]);
    }
    const { repeat } = type;
    if (!repeat || this.flat.wireless) return;
    const own = new Set(type.inputs.map((input) => input.name));
    const count = [...inputs.keys()].filter((name) => !own.has(name) && matchesRepeat(repeat.pattern, name)).length;
    if (count >= repeat.minimum && count <= repeat.maximum) return;
    const pattern = repeat.pattern === "*" ? "further inputs" : `inputs "${repeat.pattern}"`;
    const fix = count < repeat.minimum ? "Connect more." : "Remove some.";
    this.report("G019", node, null, [`${repeat.minimum} to ${repeat.maximum} ${pattern}`, String(count), fix]);
  }

  private outputs(): void {
    for (const path of this.table.keys()) {
      const node = this.flat.nodes.get(path);
      if (node?.type?.isOutput || (node && this.flat.isServers(node.node.type))) return;
    }
    this.report("G014", null, null, ["a node with an effect", "none", "Add a node that saves or previews."]);
  }

  private cycles(): void {
    const feeds = new Map<NodePath, [string, NodePath][]>();
    for (const [path, inputs] of this.table) {
      const found: [string, NodePath][] = [];
      for (const [name, given] of inputs) {
        if (given !== "unknown" && "link" in given && this.table.has(given.link.path))
          found.push([name, given.link.path]);
      }
      feeds.set(path, found);
    }
    for (const ring of rings(feeds)) {
      const steps = [...ring.ids, ring.ids[0] as string].map(
        (path) => `${path} ${this.flat.nodes.get(path)?.node.type}`,
      );
      const more = steps.length - 12;
      const shown = more > 0 ? [...steps.slice(0, 6), `... (${more} more)`, ...steps.slice(-6)] : steps;
      const node = this.flat.nodes.get(ring.ids[0] as string) as FlatNode;
      this.report("G007", node, ring.input, ["no cycle", shown.join(" -> "), "Remove one of these links."]);
    }
  }
}

function inputNamed(type: NodeType, name: string): InputSpec | undefined {
  const found = type.inputs.find((input) => input.name === name);
  if (found || !type.repeat || !matchesRepeat(type.repeat.pattern, name)) return found;
  return { name, type: type.repeat.type, required: false, widget: null, default: undefined, tooltip: "" };
}

function placeOf(node: FlatNode): string {
  const name = node.node.title || node.type?.title || node.node.type;
  return `${name.length > 60 ? `${name.slice(0, 59)}…` : name} (node ${node.path})`;
}
