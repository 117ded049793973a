// Widget values between a node's names and the lists of ComfyUI's files, in which a seed is followed by what becomes of
// it. What nobody changed is written back as it was read. Knows no links and no places.

import { currentValue, shownName, UNNAMED } from "./kinds";
import type { InputSpec, NodeType } from "./spec";
import type { DocNode, Json, JsonObject, SeedControl, Sub } from "./types";
import { NOTE_TYPES, PRIMITIVE_TYPE, SUB_INPUT } from "./types";
import { defaultOf, isObject } from "./widgetspec";

export interface Values {
  values: Record<string, Json>;
  control?: Record<string, SeedControl>;
  unnamed?: Json;
}

/** The fields of a file's node in which values stand. */
export const VALUE_FIELDS = ["widgets_values", "widgets_values_named"] as const;
/** Under this name the named values hold what becomes of a seed; of a second seed with "#2" after it. */
const CONTROL = "control_after_generate";
/** A host's own controls, for which the format has no place: a property of its node. */
const HOST_CONTROL = "latentloom_control";
const WORDS: readonly string[] = ["fixed", "increment", "decrement", "randomize"];

export function isControl(value: unknown): value is SeedControl {
  return typeof value === "string" && WORDS.includes(value);
}

/** Tell whether a value is a whole number; those too large to be exact are texts here (see `parseJson`). */
export function isWhole(value: Json | undefined): boolean {
  return typeof value === "number" ? Number.isInteger(value) : typeof value === "string" && /^-?\d{16,20}$/.test(value);
}

const isControlName = (name: string): boolean => name === CONTROL || name.startsWith(`${CONTROL}#`);

// ---- reading -------------------------------------------------------------------------------------------------

/** Return a node's values as its fields have them. `sub`: the definition it is an instance of. */
export function readValues(node: Pick<DocNode, "type" | "inputs" | "shown">, raw: JsonObject, sub?: Sub): Values {
  const list = raw.widgets_values;
  const named = raw.widgets_values_named;
  const table = isObject(named) && Object.keys(named).some((name) => !isControlName(name)) ? named : list;
  if (isObject(table)) return byName(node, table, Array.isArray(list) ? list : [], sub, raw);
  if (!Array.isArray(list))
    return { ...bare(sub, raw), ...(list === undefined || list === null ? {} : { unnamed: list }) };
  if (!list.length) return bare(sub, raw);
  if (NOTE_TYPES.includes(node.type)) return { values: typeof list[0] === "string" ? { text: list[0] } : {} };
  if (node.type === PRIMITIVE_TYPE) {
    const control = asControl(list[1]);
    return { values: { value: list[0] ?? null }, ...(control ? { control: { value: control } } : {}) };
  }
  if (sub) return { ...byPlace(node, list, sub), ...hostControl(raw) };
  const names = node.inputs.flatMap((slot) => (slot.widget === undefined ? [] : [slot.widget]));
  if (names.length && new Set(names).size === names.length) {
    const { places, controls } = alignBare(list, names);
    if (places) {
      const values = Object.fromEntries(names.map((name, number) => [name, list[places[number] ?? 0] ?? null]));
      return { values, ...(Object.keys(controls).length ? { control: controls } : {}) };
    }
  }
  return { values: {}, unnamed: list };
}

const bare = (sub: Sub | undefined, raw: JsonObject): Values => ({ values: {}, ...(sub ? hostControl(raw) : {}) });

function byName(
  node: Pick<DocNode, "type">,
  table: JsonObject,
  list: Json[],
  sub: Sub | undefined,
  raw: JsonObject,
): Values {
  const values: Record<string, Json> = {};
  const told: Record<string, SeedControl> = {};
  let last: string | undefined;
  for (const [name, value] of Object.entries(table)) {
    if (!isControlName(name)) {
      values[name] = value;
      if (isWhole(value)) last = name;
    } else {
      const word = asControl(value);
      const whole = Object.keys(table).filter((key) => isWhole(table[key]));
      const owner =
        node.type === PRIMITIVE_TYPE
          ? "value"
          : (whole.find((key) => /(^|[._])(noise_)?seed$/.test(key)) ?? last ?? whole[0]);
      const free = owner !== undefined && told[owner] === undefined ? owner : last;
      if (word && free !== undefined) told[free] = word;
    }
  }
  const control = sub ? hostControl(raw).control : { ...told, ...align(list, values).controls };
  return { values, ...(control && Object.keys(control).length ? { control } : {}) };
}

/** Return where in a list each named value stands, and the word after each seed. */
export function align(list: Json[], values: Record<string, Json>) {
  const names = Object.keys(values);
  const places: Record<string, number> = {};
  const controls: Record<string, SeedControl> = {};
  const words: Record<string, number> = {};
  let at = 0;
  let last: string | undefined;
  for (let place = 0; place < list.length; place++) {
    const value = list[place] ?? null;
    const word = asControl(value);
    // A word that the next widget may have too is a control while there are more entries than widgets.
    const next = same(values[names[at] ?? ""], value);
    const told =
      word !== undefined && (!next || (typeof value === "string" && list.length - place > names.length - at));
    if (
      last !== undefined &&
      told &&
      words[last] === undefined &&
      places[last] === place - 1 &&
      isWhole(values[last])
    ) {
      controls[last] = word;
      words[last] = place;
      continue;
    }
    // Names without an entry in the list stand for widgets that the node type got later.
    let found = at;
    while (found < names.length && !same(values[names[found] ?? ""], value)) found++;
    if (found >= names.length) continue;
    last = names[found] as string;
    places[last] = place;
    at = found + 1;
  }
  return { places, controls, words };
}

/** Lay a list along names alone: as many values as names, or as many when what follows seeds is left out. */
function alignBare(list: Json[], names: string[]) {
  const controls: Record<string, SeedControl> = {};
  if (list.length === names.length) return { places: list.map((_, place) => place), controls };
  const places: number[] = [];
  list.forEach((value, place) => {
    const word = isControl(value) && place > 0 && isWhole(list[place - 1]);
    const owner = names[places.length - 1];
    if (word && owner !== undefined) controls[owner] = value;
    else places.push(place);
  });
  return { places: places.length === names.length ? places : null, controls };
}

function asControl(value: Json | undefined): SeedControl | undefined {
  if (typeof value === "boolean") return value ? "randomize" : "fixed"; // as old files have it
  return isControl(value) ? value : undefined;
}

// ---- instances of subgraphs ----------------------------------------------------------------------------------

/** Return the inputs of a definition that end in a widget, in order, and the first (node, widget) of each. */
export function promoted(sub: Sub): Map<string, string> {
  const ends = new Map<number, string>();
  for (const link of Object.values(sub.links)) {
    if (link.from !== SUB_INPUT || ends.has(link.out)) continue;
    const slot = sub.nodes[link.to]?.inputs.find((entry) => entry.name === link.input);
    if (slot?.widget !== undefined) ends.set(link.out, shownName(link.to, slot.widget));
  }
  const found = new Map<string, string>();
  sub.inputs.forEach((slot, place) => {
    const end = ends.get(place);
    if (end !== undefined && !found.has(slot.name)) found.set(slot.name, end);
  });
  return found;
}

function byPlace(node: Pick<DocNode, "shown">, list: Json[], sub: Sub): Values {
  const own = promoted(sub);
  const names = [...own.keys()];
  const values: Record<string, Json> = {};
  const shown = node.shown ?? [];
  const proxied = list.length !== names.length && shown.length === list.length;
  const inputOf = new Map([...own].map(([name, end]) => [end, name]));
  list.forEach((value, place) => {
    const [inner, widget] = shown[place] ?? ["", ""];
    const name = proxied ? (inputOf.get(shownName(inner, widget)) ?? shownName(inner, widget)) : names[place];
    if (name !== undefined && value !== null) values[name] = value;
  });
  return { values };
}

function hostControl(raw: JsonObject): { control?: Record<string, SeedControl> } {
  const given = isObject(raw.properties) ? raw.properties[HOST_CONTROL] : undefined;
  if (!isObject(given)) return {};
  const control = Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, SeedControl] => isControl(entry[1])),
  );
  return { control };
}

// ---- writing -------------------------------------------------------------------------------------------------

/** Return the fields for a node's values, and `properties` where they belong to it; as read if nothing changed. */
export function writeValues(
  node: DocNode,
  type: NodeType | undefined,
  sub: Sub | undefined,
  properties: JsonObject,
): JsonObject {
  const raw: JsonObject = {};
  for (const field of VALUE_FIELDS) if (node.rest?.[field] !== undefined) raw[field] = node.rest[field];
  if (node.rest && unchanged(node, { ...raw, properties }, sub)) return raw;
  if (NOTE_TYPES.includes(node.type)) return { widgets_values: [node.values.text ?? ""], ...named(node, raw) };
  if (node.type === PRIMITIVE_TYPE) {
    const control = node.control?.value;
    const rest = Array.isArray(raw.widgets_values) ? raw.widgets_values.slice(2) : [];
    const value = node.values.value ?? type?.inputs[0]?.default ?? null;
    return { widgets_values: [value, ...(control ? [control] : []), ...rest], ...named(node, raw) };
  }
  if (sub) return writeHost(node, type, sub, properties);
  if (type) return writeKnown(node, type);
  return writeUnknown(node, raw);
}

function unchanged(node: DocNode, raw: JsonObject, sub: Sub | undefined): boolean {
  const read = readValues(node, raw, sub);
  const now = { values: node.values, control: node.control ?? {}, unnamed: node.unnamed ?? null };
  return same({ values: read.values, control: read.control ?? {}, unnamed: read.unnamed ?? null } as Json, now as Json);
}

function named(node: DocNode, raw: JsonObject): JsonObject {
  return isObject(raw.widgets_values_named) ? { widgets_values_named: withControls(node.values, node.control) } : {};
}

function writeKnown(node: DocNode, type: NodeType): JsonObject {
  const list: Json[] = [];
  const control: Record<string, SeedControl> = {};
  const values: Record<string, Json> = {};
  const widgets = type.inputs.filter((input) => input.widget !== null);
  for (const input of [...widgets.filter((one) => one.required), ...widgets.filter((one) => !one.required)]) {
    const value = shownValue(node, input);
    list.push(value);
    if (value !== null) values[input.name] = value;
    if (input.widget?.kind !== "int" || !input.widget.control) continue;
    control[input.name] = node.control?.[input.name] ?? "fixed";
    list.push(control[input.name] ?? "fixed");
  }
  for (const [name, value] of Object.entries(node.values)) if (!(name in values)) values[name] = value;
  return { widgets_values: list, widgets_values_named: withControls(values, control) };
}

/** The first choice counts as chosen, as it is what the node shows. */
function shownValue(node: DocNode, input: InputSpec): Json {
  const value = currentValue(node, input);
  return value ?? (input.widget ? defaultOf(input.widget, false) : null);
}

/** Put the word for each seed behind it, as ComfyUI does. */
function withControls(values: Record<string, Json>, control: Record<string, SeedControl> | undefined): JsonObject {
  const found: JsonObject = {};
  let count = 0;
  for (const [name, value] of Object.entries(values)) {
    found[name] = value;
    const word = control?.[name];
    if (!word) continue;
    count++;
    found[count === 1 ? CONTROL : `${CONTROL}#${count}`] = word;
  }
  return found;
}

/** Put changed values where the old ones stood; names tell the rest. */
function writeUnknown(node: DocNode, raw: JsonObject): JsonObject {
  const { [UNNAMED]: replaced, ...values } = node.values;
  if (replaced !== undefined && node.unnamed !== undefined) return { ...raw, widgets_values: replaced };
  if (isObject(raw.widgets_values)) {
    const both: JsonObject = isObject(raw.widgets_values_named)
      ? { widgets_values_named: withControls(values, node.control) }
      : {};
    return { widgets_values: { ...raw.widgets_values, ...values }, ...both };
  }
  const list = Array.isArray(raw.widgets_values) ? [...raw.widgets_values] : Object.values(values);
  const before = readValues(node, raw).values;
  const names = Object.keys(before);
  const bare = isObject(raw.widgets_values_named) ? null : alignBare(list, names).places;
  const { places, words } = align(list, before);
  for (const [name, value] of Object.entries(values)) {
    const place = bare ? bare[names.indexOf(name)] : places[name];
    if (place !== undefined) list[place] = value;
    const word = words[name];
    const control = node.control?.[name];
    if (word !== undefined && control) list[word] = control;
  }
  return { widgets_values: list, widgets_values_named: withControls(values, node.control) };
}

/**
 * A host that gives values to widgets of inner nodes must say so by place, as names would hide them; `proxyWidgets`
 * then names every place.
 */
function writeHost(node: DocNode, type: NodeType | undefined, sub: Sub, properties: JsonObject): JsonObject {
  const own = promoted(sub);
  const specs = new Map(type?.inputs.map((input) => [input.name, input]));
  const ends = new Map([...own].map(([name, end]) => [end, name]));
  const inner = (node.shown ?? []).filter(([id, widget]) => id !== "-1" && !ends.has(shownName(id, widget)));
  const shownOf = (name: string): Json => {
    const spec = specs.get(name);
    return node.values[name] ?? (spec ? currentValue(node, spec) : null);
  };
  if (node.control && Object.keys(node.control).length) properties[HOST_CONTROL] = { ...node.control };
  else delete properties[HOST_CONTROL];
  if (inner.some(([id, widget]) => node.values[shownName(id, widget)] !== undefined)) {
    const listed = new Set(
      (node.shown ?? []).map(([id, widget]) => ends.get(shownName(id, widget)) ?? shownName(id, widget)),
    );
    const missing = [...own.keys()].filter((name) => !listed.has(name)).map((name): [string, string] => ["-1", name]);
    const shown = [...missing, ...(node.shown ?? [])];
    properties.proxyWidgets = shown.map(([id, widget]) => [id, widget]);
    const names = shown.map(([id, widget]) => ends.get(shownName(id, widget)) ?? shownName(id, widget));
    return { widgets_values: names.map((name) => node.values[name] ?? null) };
  }
  const given = Object.fromEntries(Object.entries(node.values).filter(([, value]) => value !== null));
  if (!Object.keys(given).length) return { widgets_values: [], widgets_values_named: {} };
  return { widgets_values: [...own.keys()].map(shownOf), widgets_values_named: given };
}

/** Tell whether two pieces of JSON are the same, whatever the order of their keys. */
export function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((entry, place) => same(entry, other[place]));
  }
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}
