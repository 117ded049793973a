// The definitions of subgraphs: where they are used, their slots, the inner widgets that instances show, copies. A
// change of a slot is carried to every instance in every layer. Makes and unpacks none (subgraph.ts does).

import { clone, EditError, need, needNode, peek, rows, unique, uuid } from "./draft";
import { shownName } from "./nodetypes";
import type { Doc, DocNode, Json, Layer, LayerKey, Link, NodeId, SeedControl, Sub, SubSlot } from "./types";
import { layerOf, ROOT, SUB_INPUT, SUB_OUTPUT } from "./types";
import { removeLinks } from "./wires";

/** In a list of shown widgets: the instance's own input. */
const OWN: NodeId = "-1";

export type Side = "input" | "output";

export interface Place {
  layer: LayerKey;
  id: NodeId;
}

/** Return all nodes that are instances of a definition. */
export function instancesOf(doc: Doc, subId: string): Place[] {
  const found: Place[] = [];
  for (const layer of layersOf(doc)) {
    for (const node of rows(need(doc, layer).nodes)) if (node.type === subId) found.push({ layer, id: node.id });
  }
  return found;
}

export function layersOf(doc: Doc): LayerKey[] {
  return [ROOT, ...Object.keys(doc.subs)];
}

/** Return the definitions that are used by the root or by what it uses. */
export function subsUsed(doc: Doc): Set<string> {
  return within(doc, [ROOT]);
}

/** Tell whether a definition is another one, or uses it at any depth. */
export function contains(doc: Doc, outer: string, inner: string): boolean {
  return outer === inner || within(doc, [outer]).has(inner);
}

/** Refuse a node type that would put a definition into itself. */
export function refuseRing(doc: Doc, layer: LayerKey, type: string): void {
  if (layer === ROOT || peek(doc.subs, type) === undefined || !contains(doc, type, layer)) return;
  const name = doc.subs[type]?.name ?? type;
  throw new EditError(`The subgraph "${name}" cannot be put here: it would contain itself.`);
}

function within(doc: Doc, layers: Iterable<LayerKey>): Set<string> {
  const found = new Set<string>();
  const waiting = [...layers];
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    for (const node of rows(layerOf(doc, key)?.nodes ?? {})) {
      if (found.has(node.type) || peek(doc.subs, node.type) === undefined) continue;
      found.add(node.type);
      waiting.push(node.type);
    }
  }
  return found;
}

/** Refuse definitions that contain themselves, whoever wrote them. */
export function refuseRings(doc: Doc, ids: Iterable<string>): void {
  for (const id of ids) {
    if (!within(doc, [id]).has(id)) continue;
    throw new EditError(`The subgraph "${doc.subs[id]?.name ?? id}" contains itself.`);
  }
}

/** Take away those of these definitions, and of what they use, that nothing else uses any more. */
export function dropUnused(doc: Doc, types: Iterable<string>): void {
  const candidates = new Set([...types].filter((type) => peek(doc.subs, type) !== undefined));
  if (candidates.size === 0) return;
  for (const inner of within(doc, candidates)) candidates.add(inner);
  const used = within(
    doc,
    layersOf(doc).filter((key) => !candidates.has(key)),
  );
  for (const type of candidates) if (!used.has(type)) delete doc.subs[type];
}

/** Return the layer inside the subgraph nodes of a path, or undefined when one of them is none (any more). */
export function layerAt(doc: Doc, path: readonly NodeId[]): LayerKey | undefined {
  let key: LayerKey = ROOT;
  for (const id of path) {
    const type: string | undefined = layerOf(doc, key)?.nodes[id]?.type;
    if (type === undefined || type === ROOT || doc.subs[type] === undefined) return undefined;
    key = type;
  }
  return key;
}

/** Return the id of a new definition with the same content; what it uses itself stays shared. */
export function copyDefinition(doc: Doc, id: string): string {
  const copy = clone(needSub(doc, id));
  copy.id = uuid();
  copy.name = unique(copy.name, new Set(rows(doc.subs).map((sub) => sub.name)), " ");
  for (const slot of [...copy.inputs, ...copy.outputs]) slot.id = uuid();
  doc.subs[copy.id] = copy;
  return copy.id;
}

/** Give an instance a definition of its own, so that editing it changes no other instance. */
export function makeIndependent(doc: Doc, layer: LayerKey, id: NodeId): string {
  const node = needNode(need(doc, layer), id);
  const old = node.type;
  node.type = copyDefinition(doc, old);
  dropUnused(doc, [old]);
  return node.type;
}

export function renameSub(doc: Doc, id: string, name: string): void {
  needSub(doc, id).name = name;
}

export function needSub(doc: Doc, id: string): Sub {
  const found = doc.subs[id];
  if (found === undefined) throw new EditError("This subgraph is no longer in the workflow.");
  return found;
}

// ---- slots ---------------------------------------------------------------------------------------------------

export interface NewSlot {
  name: string;
  type: string;
  label?: string;
}

/** Add an input to a definition and so to all its instances; its name is changed if it is taken. */
export function addSubInput(doc: Doc, subId: string, slot: NewSlot): SubSlot {
  return addSlot(doc, subId, "input", slot);
}

/** Add an output to a definition and so to all its instances; its name is changed if it is taken. */
export function addSubOutput(doc: Doc, subId: string, slot: NewSlot): SubSlot {
  return addSlot(doc, subId, "output", slot);
}

function addSlot(doc: Doc, subId: string, side: Side, slot: NewSlot): SubSlot {
  const sub = needSub(doc, subId);
  const list = side === "input" ? "inputs" : "outputs";
  const name = unique(slot.name || slot.type, new Set(sub[list].map((one) => one.name)));
  const added: SubSlot = { id: uuid(), name, type: slot.type };
  if (slot.label !== undefined && slot.label !== name) added.label = slot.label;
  const count = sub[list].length;
  sub[list] = [...sub[list], added];
  const shown = added.label === undefined ? {} : { label: added.label };
  eachInstance(doc, subId, (node) => {
    // An instance that lists only some of its slots, or none, leaves it to the definition.
    if (node[list].length === count) node[list] = [...node[list], { name, type: slot.type, ...shown }];
  });
  return added;
}

/** Rename a slot everywhere: in the definition, on its instances, in links and values and what enclosing nodes show. */
export function renameSubSlot(doc: Doc, subId: string, side: Side, slotId: string, wanted: string): void {
  const sub = needSub(doc, subId);
  const list = side === "input" ? "inputs" : "outputs";
  const slot = sub[list].find((one) => one.id === slotId);
  if (slot === undefined) throw new EditError("The subgraph has no such slot any more.");
  const old = slot.name;
  const others = sub[list].filter((one) => one.id !== slotId).map((one) => one.name);
  const name = unique(wanted.trim() || old, new Set(others));
  delete slot.label;
  if (name !== old) slot.name = name;
  // Files may have two slots of one name; then what goes by that name stays with the other.
  const owns = !others.includes(old);
  if (side === "output" && owns) renameTargets(sub, SUB_OUTPUT, old, name);
  eachInstance(doc, subId, (node, layer) => {
    node[list] = node[list].map((one) => {
      if (one.name !== old) return one;
      const { label: _label, ...rest } = one;
      return { ...rest, name, ...(one.widget === undefined ? {} : { widget: name }) };
    });
    if (side === "output" || !owns) return;
    renameTargets(need(doc, layer), node.id, old, name);
    renameKey(node.values, old, name);
    if (node.control !== undefined) renameKey(node.control, old, name);
    if (node.shown !== undefined) {
      node.shown = node.shown.map(([id, widget]) => [id, id === OWN && widget === old ? name : widget]);
    }
    mapShown(doc, layer, (inner, widget) => [inner, inner === node.id && widget === old ? name : widget]);
  });
}

/** Take a slot away: its links inside and at all instances go, links of later slots follow to their new places. */
export function removeSubSlot(doc: Doc, subId: string, side: Side, slotId: string): void {
  const sub = needSub(doc, subId);
  const list = side === "input" ? "inputs" : "outputs";
  const place = sub[list].findIndex((one) => one.id === slotId);
  const slot = sub[list][place];
  if (slot === undefined) return;
  const name = slot.name;
  sub[list] = sub[list].filter((_one, number) => number !== place);
  const owns = !sub[list].some((one) => one.name === name);
  if (side === "input") closeGap(sub, SUB_INPUT, place);
  else if (owns) removeTargets(sub, SUB_OUTPUT, name);
  eachInstance(doc, subId, (node, layer) => {
    const at = need(doc, layer);
    if (side === "output") {
      const listed = node.outputs[place]?.name === name ? place : node.outputs.findIndex((one) => one.name === name);
      node.outputs = node.outputs.filter((_one, number) => number !== listed);
      closeGap(at, node.id, place);
      return;
    }
    if (!owns) return;
    node.inputs = node.inputs.filter((one) => one.name !== name);
    removeTargets(at, node.id, name);
    delete node.values[name];
    if (node.control !== undefined) delete node.control[name];
    if (node.shown !== undefined) node.shown = node.shown.filter(([id, widget]) => id !== OWN || widget !== name);
    mapShown(doc, layer, (inner, widget) => (inner === node.id && widget === name ? null : [inner, widget]));
  });
}

function eachInstance(doc: Doc, subId: string, work: (node: DocNode, layer: LayerKey) => void): void {
  for (const { layer, id } of instancesOf(doc, subId)) work(needNode(need(doc, layer), id), layer);
}

/** Take away the links from one output and move those of later outputs up by one. */
function closeGap(at: Layer, from: NodeId, place: number): void {
  const gone = rows(at.links).filter((link) => link.from === from && link.out === place);
  const later = rows(at.links).filter((link) => link.from === from && link.out > place);
  removeLinks(
    at,
    gone.map((link) => link.id),
  );
  for (const link of later) (at.links[link.id] as Link).out = link.out - 1;
}

function removeTargets(at: Layer, to: NodeId, input: string): void {
  const gone = rows(at.links).filter((link) => link.to === to && link.input === input);
  removeLinks(
    at,
    gone.map((link) => link.id),
  );
}

function renameTargets(at: Layer, to: NodeId, old: string, name: string): void {
  const found = rows(at.links).filter((link) => link.to === to && link.input === old);
  for (const link of found) (at.links[link.id] as Link).input = name;
}

function renameKey(record: Record<string, Json | SeedControl>, old: string, name: string): void {
  const value = record[old];
  if (value === undefined || old === name) return;
  record[name] = value;
  delete record[old];
}

// ---- inner widgets that instances show -----------------------------------------------------------------------

/** Show a widget of an inner node on an instance. */
export function exposeWidget(doc: Doc, layer: LayerKey, hostId: NodeId, inner: NodeId, widget: string): void {
  const host = needNode(need(doc, layer), hostId);
  const sub = needSub(doc, host.type);
  if (peek(sub.nodes, inner) === undefined) throw new EditError(`There is no node ${inner} in "${sub.name}".`);
  const shown = host.shown ?? [];
  if (shown.some(([id, name]) => id === inner && name === widget)) return;
  host.shown = [...shown.map(([id, name]): [NodeId, string] => [id, name]), [inner, widget]];
}

/** Show it no longer; the value that the instance gave it goes, and the inner node's own counts again. */
export function hideWidget(doc: Doc, layer: LayerKey, hostId: NodeId, inner: NodeId, widget: string): void {
  mapShownOf(doc, { layer, id: hostId }, (id, name) => (id === inner && name === widget ? null : [id, name]));
}

type ShownChange = (inner: NodeId, widget: string) => [NodeId, string] | null;

/** Change what the instances of a layer show of its nodes; null hides it. Values and enclosing instances follow. */
export function mapShown(doc: Doc, layer: LayerKey, change: ShownChange): void {
  if (layer === ROOT) return;
  for (const place of instancesOf(doc, layer)) mapShownOf(doc, place, change);
}

function mapShownOf(doc: Doc, { layer, id }: Place, change: ShownChange): void {
  const at = need(doc, layer);
  const shown = peek(at.nodes, id)?.shown;
  if (shown === undefined) return;
  const renamed = new Map<string, string | null>();
  const kept: [NodeId, string][] = [];
  for (const [inner, widget] of shown) {
    const to = inner === OWN ? ([inner, widget] as [NodeId, string]) : change(inner, widget);
    const [old, name] = [shownName(inner, widget), to && shownName(...to)];
    if (name !== old) renamed.set(old, name);
    if (to !== null) kept.push(to);
  }
  if (renamed.size === 0) return;
  const host = needNode(at, id);
  if (kept.length > 0) host.shown = kept;
  else delete host.shown;
  for (const [old, name] of renamed) {
    for (const record of [host.values, host.control]) {
      if (record === undefined) continue;
      if (name === null) delete record[old];
      else renameKey(record, old, name);
    }
  }
  mapShown(doc, layer, (inner, widget) => {
    const name = inner === id ? renamed.get(widget) : undefined;
    if (name === undefined) return [inner, widget];
    return name === null ? null : [inner, name];
  });
}
