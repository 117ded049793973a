// How the options of an input in object_info become a widget, and what a widget shows before anybody chose. Knows no
// document and no node.

import type { WidgetSpec } from "./spec";
import type { Json, JsonObject } from "./types";

const SEED_NAMES = ["seed", "noise_seed"];
const UPLOADS = ["image_upload", "video_upload", "audio_upload", "file_upload"];

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
/** Numbers of more than 53 bits may come as texts (see `parseJson`). */
const number = (value: Json | undefined, otherwise: number): number => {
  if (typeof value === "string" && /^-?\d{16,20}$/.test(value)) return Number(value);
  return typeof value === "number" ? value : otherwise;
};
const lists = (value: Json | undefined, name: string): boolean => Array.isArray(value) && value.includes(name);

/** Return the widget of an input, null for one that takes only a wire. `loom`: what our server adds for the node. */
export function widgetFrom(name: string, kind: Json, options: JsonObject, loom: JsonObject): WidgetSpec | null {
  if (options.forceInput === true) return null;
  const type = text(options.widgetType) || kind;
  if (Array.isArray(type) || type === "COMBO") {
    const listed = Array.isArray(type) ? type : Array.isArray(options.options) ? options.options : [];
    return choiceFrom(name, listed, options, loom);
  }
  if (type === "INT") {
    const seed = loom.seed === undefined ? SEED_NAMES.includes(name) : lists(loom.seed, name);
    const control = seed || SEED_NAMES.includes(name) || Boolean(options.control_after_generate);
    const [min, max] = [number(options.min, Number.MIN_SAFE_INTEGER), number(options.max, Number.MAX_SAFE_INTEGER)];
    return { kind: "int", min, max, step: number(options.step, 1) || 1, control, seed };
  }
  if (type === "FLOAT") {
    const [min, max] = [number(options.min, -(2 ** 63)), number(options.max, 2 ** 63)];
    const round = typeof options.round === "number" ? options.round : null;
    return {
      kind: "float",
      min,
      max,
      step: number(options.step, 0.01) || 0.01,
      round,
      slider: options.display === "slider",
    };
  }
  if (type === "BOOLEAN") return { kind: "bool", on: text(options.label_on), off: text(options.label_off) };
  if (type === "STRING") {
    const prompt = options.dynamicPrompts === true || lists(loom.prompt, name);
    return { kind: "text", multiline: options.multiline === true, prompt, placeholder: text(options.placeholder) };
  }
  return options.socketless === true || options.widgetType !== undefined ? { kind: "json" } : null;
}

function choiceFrom(name: string, listed: Json[], options: JsonObject, loom: JsonObject): WidgetSpec {
  const file = isObject(loom.file) ? loom.file[name] : undefined;
  const uploads = UPLOADS.some((key) => options[key] === true);
  if (!isObject(file) && !uploads) {
    if (options.multiselect === true || isObject(options.multi_select)) return { kind: "json" };
    const known = listed.filter((option) => ["string", "number", "boolean"].includes(typeof option));
    return { kind: "choice", options: known as (string | number | boolean)[] };
  }
  const told = isObject(file) ? file : {};
  const upload = uploads || told.upload === true;
  const names = listed.filter((option): option is string => typeof option === "string");
  const folder = text(told.folder) || text(options.image_folder) || "input";
  // A node of ours that takes uploads takes pictures unless its options say another kind.
  const other = UPLOADS.slice(1).some((key) => options[key] === true);
  return { kind: "file", options: names, folder, upload, picture: upload && !other };
}

/** Return what a widget without a value and without a declared default shows. `chosen`: of files the first one. */
export function defaultOf(widget: WidgetSpec, chosen: boolean): Json {
  switch (widget.kind) {
    case "int":
    case "float":
      return Math.min(Math.max(0, widget.min), widget.max);
    case "bool":
      return false;
    case "text":
      return "";
    case "choice":
      return widget.options[0] ?? null;
    case "file":
      return chosen ? (widget.options[0] ?? null) : null;
    default:
      return null;
  }
}

/** Return a widget with which a value of a node of unknown type can be edited. */
export function guessWidget(value: Json): WidgetSpec {
  if (typeof value === "boolean") return { kind: "bool", on: "", off: "" };
  if (typeof value === "number") {
    const step = Number.isInteger(value) ? 1 : 0.01;
    return { kind: "float", min: -(2 ** 63), max: 2 ** 63, step, round: null, slider: false };
  }
  if (typeof value !== "string") return { kind: "json" };
  const multiline = value.length > 60 || value.includes("\n");
  return { kind: "text", multiline, prompt: false, placeholder: "" };
}
