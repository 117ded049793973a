// Whether a value may stand in an input, by the rules and with the codes of the engine (engine/graph/literal.py). Names
// of files are not looked up: the server knows which are there. Knows no document.

import { nearest } from "./nearest";
import type { InputSpec, WidgetSpec } from "./spec";
import type { Json } from "./types";

/** Why a value cannot be taken, in the parts of the server's record. */
export interface Unfit {
  code: string;
  expected: string;
  got: string;
  fix: string;
}

type Plain = "INT" | "FLOAT" | "STRING" | "BOOLEAN";
const PLAIN: Record<Plain, WidgetSpec> = {
  INT: { kind: "int", min: -(2 ** 64), max: 2 ** 64, step: 1, control: false, seed: false },
  FLOAT: { kind: "float", min: -(2 ** 63), max: 2 ** 63, step: 0.01, round: null, slider: false },
  STRING: { kind: "text", multiline: false, prompt: false, placeholder: "" },
  BOOLEAN: { kind: "bool", on: "", off: "" },
};

/** Return what is wrong with a value for an input, null if nothing is. */
export function unfit(input: InputSpec, value: Json): Unfit | null {
  if (value === null && !input.required) return null;
  const own = input.widget ?? PLAIN[input.type as Plain];
  if (own) return forWidget(own, value);
  const types = input.type.split(",").map((type) => type.trim());
  if (types.includes("*")) return null;
  const plain = types.flatMap((type) => (type in PLAIN ? [PLAIN[type as Plain]] : []));
  if (plain.some((widget) => forWidget(widget, value) === null)) return null;
  if (types.includes("COMBO") && typeof value === "string") return null;
  if (plain.length) {
    return no("G005", `${input.type} or a wire`, shown(value), "Give such a value or connect an output.");
  }
  return no("G017", `a wire of type ${input.type}`, `the value ${shown(value)}`, "Connect an output to it.");
}

function forWidget(widget: WidgetSpec, value: Json): Unfit | null {
  switch (widget.kind) {
    case "int":
      return whole(widget, value);
    case "float":
      return real(widget, value);
    case "bool":
      return isSwitch(value) ? null : no("G005", "true or false", shown(value), "Give one of the two.");
    case "choice":
      return choice(widget.options, value);
    case "text":
      return isText(value) ? null : no("G005", "text", shown(value), "Put it in quotes.");
    case "file":
      return typeof value === "string" ? null : no("G005", "a file name", shown(value), "Put it in quotes.");
    default:
      return null;
  }
}

function whole(widget: { min: number; max: number }, value: Json): Unfit | null {
  const wrong = no("G005", "a whole number", shown(value), "Give one without quotes or fraction.");
  if (typeof value === "number" && !Number.isFinite(value)) return notFinite(value);
  if (typeof value === "number" && !Number.isInteger(value)) return wrong;
  if (typeof value === "string" && !/^\s*[+-]?\d+\s*$/.test(value)) return wrong;
  if (typeof value !== "number" && typeof value !== "string") return wrong;
  if (typeof value === "string" && value.length > 40) return wrong;
  const number = BigInt(typeof value === "string" ? value.trim().replace(/^\+/, "") : value);
  const [min, max] = [BigInt(widget.min), exactMax(widget.max)];
  return number >= min && number <= max ? null : outOfRange(String(min), String(max), String(number), number < min);
}

/** The greatest number of 63 or 64 bits is told one too large, as this language rounds it. */
export const exactMax = (max: number): bigint => (max >= 2 ** 63 ? BigInt(max) - 1n : BigInt(Math.floor(max)));

function real(widget: { min: number; max: number }, value: Json): Unfit | null {
  const wrong = no("G005", "a number", shown(value), "Give one without quotes.");
  if (typeof value !== "number" && typeof value !== "string") return wrong;
  if (typeof value === "string" && !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return wrong;
  const number = Number(value);
  if (!Number.isFinite(number)) return notFinite(number);
  if (number >= widget.min && number <= widget.max) return null;
  return outOfRange(decimal(widget.min), decimal(widget.max), decimal(number), number < widget.min);
}

function choice(options: (string | number | boolean)[], value: Json): Unfit | null {
  if (typeof value !== "string" && typeof value !== "number") {
    if (typeof value !== "boolean") return no("G005", "one of its choices", shown(value), "Give the name of one.");
    if (options.includes(value)) return null;
  } else if (options.includes(value) || options.some((option) => slashed(String(option)) === slashed(String(value)))) {
    return null;
  }
  const names = options.map(String);
  const near = nearest(String(value), names);
  const fix = near.length
    ? `Did you mean ${near.join(" or ")}?`
    : names.length
      ? "Choose one of these."
      : "There is nothing to choose from; add what it lists.";
  const more = names.length > 12 ? `, ... (${names.length} in all)` : "";
  const expected = names.length ? `one of ${names.slice(0, 12).join(", ")}${more}` : "one of no choices";
  return no("G008", expected, shown(value), fix);
}

function isSwitch(value: Json): boolean {
  if (typeof value === "boolean" || value === 0 || value === 1) return true;
  return typeof value === "string" && ["true", "false"].includes(value.toLowerCase());
}

const isText = (value: Json): boolean => typeof value === "string" || typeof value === "number";
const slashed = (name: string): string => name.replaceAll("\\", "/");
const decimal = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : String(value);

function notFinite(number: number): Unfit {
  return no("G009", "a finite number", String(number), "Give a number.");
}

function outOfRange(min: string, max: string, got: string, below: boolean): Unfit {
  return no("G003", `${min} to ${max}`, got, below ? "Raise it." : "Lower it.");
}

const no = (code: string, expected: string, got: string, fix: string): Unfit => ({ code, expected, got, fix });

/** Return a short picture of a value, as the server's messages have it. */
export function shown(value: Json): string {
  if (value === null) return "nothing (null)";
  const text =
    typeof value === "string"
      ? `'${value}'`
      : typeof value === "boolean"
        ? value
          ? "True"
          : "False"
        : JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
