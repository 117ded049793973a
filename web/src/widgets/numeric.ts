// Numbers as texts and back: expressions such as "512*2", steps, ranges, whole numbers beyond 2^53. Pure functions.
// A whole number that a JavaScript number cannot hold exactly is kept as its digits in a string.

import type { WidgetSpec } from "../model/spec";
import type { Json } from "../model/types";

export type NumberSpec = Extract<WidgetSpec, { kind: "int" | "float" }>;

const TOKEN = /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([a-z]+)|(\*\*|[-+*/%^(),]))/iy;
const CONSTANTS: Record<string, number> = { pi: Math.PI, e: Math.E };
const FUNCTIONS: Record<string, (...values: number[]) => number> = {
  abs: Math.abs,
  ceil: Math.ceil,
  cos: Math.cos,
  exp: Math.exp,
  floor: Math.floor,
  log: Math.log,
  max: Math.max,
  min: Math.min,
  round: Math.round,
  sin: Math.sin,
  sqrt: Math.sqrt,
};
const DEEPEST = 100;

/** Return the value of an arithmetic expression, or undefined if it is none or has no finite value. */
export function evaluate(text: string): number | undefined {
  const tokens = tokenize(text);
  if (tokens === undefined || tokens.length === 0) return undefined;
  let at = 0;
  let depth = 0;

  function take(token: string): boolean {
    if (tokens?.[at] !== token) return false;
    at += 1;
    return true;
  }
  function sum(): number {
    let value = product();
    for (;;) {
      if (take("+")) value += product();
      else if (take("-")) value -= product();
      else return value;
    }
  }
  function product(): number {
    let value = sign();
    for (;;) {
      if (take("*")) value *= sign();
      else if (take("/")) value /= sign();
      else if (take("%")) value %= sign();
      else return value;
    }
  }
  function sign(): number {
    depth += 1;
    if (depth > DEEPEST) throw new RangeError("too deep");
    const value = take("-") ? -sign() : take("+") ? sign() : power();
    depth -= 1;
    return value;
  }
  function power(): number {
    const base = atom();
    return take("**") || take("^") ? base ** sign() : base;
  }
  function atom(): number {
    const token = tokens?.[at];
    if (token === undefined) throw new SyntaxError("ends early");
    at += 1;
    if (token === "(") return closed(sum());
    if (/^[\d.]/.test(token)) return Number(token);
    const call = FUNCTIONS[token];
    if (call !== undefined && take("(")) {
      const values = [sum()];
      while (take(",")) values.push(sum());
      return closed(call(...values));
    }
    const constant = CONSTANTS[token];
    if (constant === undefined) throw new SyntaxError(token);
    return constant;
  }
  function closed(value: number): number {
    if (!take(")")) throw new SyntaxError("not closed");
    return value;
  }

  try {
    const value = sum();
    return at === tokens.length && Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function tokenize(text: string): string[] | undefined {
  const tokens: string[] = [];
  const line = text.toLowerCase().trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < line.length) {
    const found = TOKEN.exec(line);
    if (found === null) return undefined;
    tokens.push(found[1] ?? found[2] ?? found[3] ?? "");
  }
  return tokens;
}

/**
 * Return what a text means for a widget: clamped to its range, rounded as it asks; undefined if it means no number.
 * "+=8", "-=8", "*=2" and "/=2" start from the present value. A lone comma is a decimal point ("0,5"), except where it
 * looks like thousands ("1,024"). Digits of other scripts (a full-width keyboard) are read.
 */
export function parseNumber(text: string, spec: NumberSpec, present: Json): Json | undefined {
  let plain = text.normalize("NFKC").trim();
  if (/^[-+]?\d{1,3}(,\d{3})+$/.test(plain) && !/^[-+]?0,/.test(plain)) plain = plain.replaceAll(",", "");
  else if (/^[-+]?\d*,\d+$/.test(plain)) plain = plain.replace(",", ".");
  if (spec.kind === "int" && /^[-+]?\d+$/.test(plain)) return wholeIn(BigInt(plain), spec);
  const relative = /^([-+*/])=(.*)$/.exec(plain);
  const value = evaluate(relative ? `(${asNumber(present)})${relative[1]}(${relative[2]})` : plain);
  if (value === undefined) return undefined;
  return spec.kind === "int" ? wholeIn(BigInt(Math.round(value)), spec) : floatIn(value, spec);
}

/** Return the value some steps away, on the widget's grid of steps where it lies on it. */
export function stepped(value: Json, steps: number, spec: NumberSpec): Json {
  if (spec.kind === "int") {
    const whole = Math.max(1, Math.round(spec.step));
    return wholeIn(asWhole(value) + BigInt(Math.round(steps)) * BigInt(whole), spec);
  }
  const next = asNumber(value) + steps * spec.step;
  return floatIn(Number(next.toFixed(Math.min(12, places(spec) + 2))), spec);
}

/** Return the value after a drag of so many pixels over a field of that width; fine: ten times slower, coarse: faster. */
export function dragged(start: Json, pixels: number, width: number, spec: NumberSpec, speed: number): Json {
  const range = spec.max - spec.min;
  if (spec.kind === "float" && spec.slider && range > 0 && Number.isFinite(range)) {
    const steps = Math.round(((pixels / Math.max(1, width)) * range * speed) / spec.step);
    return stepped(start, steps, spec);
  }
  return stepped(start, Math.trunc((pixels / 4) * speed), spec);
}

/** Return where a value lies in its range, from 0 to 1. */
export function fraction(value: Json, spec: NumberSpec): number {
  const range = spec.max - spec.min;
  return range > 0 ? Math.min(1, Math.max(0, (asNumber(value) - spec.min) / range)) : 0;
}

/** Return the text that shows a value: as many decimals as its step asks for, more if the value has them. */
export function formatNumber(value: Json, spec: NumberSpec): string {
  if (typeof value === "string") return value;
  if (typeof value !== "number") return value === null ? "" : JSON.stringify(value);
  if (spec.kind === "int" || !Number.isFinite(value)) return String(value);
  const wanted = places(spec);
  const exact = String(value);
  if (exact.includes("e")) return exact;
  const has = exact.split(".")[1]?.length ?? 0;
  return has >= wanted ? exact : value.toFixed(wanted);
}

/** Return the value as a JavaScript number; 0 for what is none. */
export function asNumber(value: Json): number {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : 0;
}

/** Return whether both ends of a widget's range are meant, and not only the limits of the machine. */
export function hasRange(spec: NumberSpec): boolean {
  return Math.abs(spec.min) < 2 ** 53 && Math.abs(spec.max) < 2 ** 53;
}

/** A seed below 2^53 and within the widget's range; `random` gives numbers in [0, 1). */
export function newSeed(spec: NumberSpec, random: () => number = Math.random): number {
  const low = Math.max(spec.min, 0);
  const high = Math.min(spec.max, 2 ** 53 - 1);
  return Math.min(high, low + Math.floor(random() * (high - low + 1)));
}

function places(spec: NumberSpec & { kind: "float" }): number {
  const unit = spec.round ?? spec.step;
  if (!(unit > 0) || unit >= 1) return 0;
  return Math.min(10, Math.ceil(-Math.log10(unit) - 1e-9));
}

function floatIn(value: number, spec: NumberSpec & { kind: "float" }): number {
  const unit = spec.round;
  const rounded = unit ? Number((Math.round(value / unit) * unit).toFixed(12)) : value;
  return Math.min(spec.max, Math.max(spec.min, rounded));
}

function asWhole(value: Json): bigint {
  if (typeof value === "string" && /^[-+]?\d+$/.test(value)) return BigInt(value);
  return BigInt(Math.round(asNumber(value)));
}

/** Limits such as 2^64-1 arrive as the number 2^64: that one stands for the largest value below it. */
function limit(value: number): bigint {
  const whole = BigInt(Math.round(Math.min(2 ** 64, Math.max(-(2 ** 64), value))));
  return Math.abs(value) >= 2 ** 53 ? whole - BigInt(Math.sign(value)) : whole;
}

function wholeIn(value: bigint, spec: NumberSpec & { kind: "int" }): Json {
  const [low, high] = [limit(spec.min), limit(spec.max)];
  const inside = value < low ? low : value > high ? high : value;
  const number = Number(inside);
  return Number.isSafeInteger(number) ? number : inside.toString();
}
