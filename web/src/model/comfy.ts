// The saved format, ComfyUI's UI JSON, as the editor reads it: the door to `comfy_read`, the kinds of nodes that exist
// only in editors, and JSON with whole numbers of more than 53 bits. What writes it, `comfy_write`, is fetched when
// something is first saved or run.

import type { Json } from "./types";

export { readUi } from "./comfy_read";

/** Kinds that only pass on what enters them. */
export const PASSING: readonly string[] = ["Reroute", "Reroute (rgthree)"];
/** Kinds that wire nodes without a line: by a name, or to every open input of a type. The server follows them. */
export const WIRELESS: readonly string[] = [
  "SetNode",
  "GetNode",
  "easy setNode",
  "easy getNode",
  "Anything Everywhere",
  "Anything Everywhere3",
  "Anything Everywhere?",
  "Prompts Everywhere",
];
/** Further kinds that packs show in editors and that never run. */
export const SHOWN_ONLY: readonly string[] = [
  "Label (rgthree)",
  "Bookmark (rgthree)",
  "Fast Muter (rgthree)",
  "Fast Bypasser (rgthree)",
  "Fast Groups Muter (rgthree)",
  "Fast Groups Bypasser (rgthree)",
  "Mute / Bypass Repeater (rgthree)",
  "Mute / Bypass Relay (rgthree)",
  "Node Collector (rgthree)",
];
/** What the type of a legacy group node begins with; its definition stands under `extra.groupNodes`. */
export const GROUP_NODE = /^workflow[/>]/;

const LONG_WHOLE = /(?<![\d.])-?\d{16,}(?![\d.eE])/g;

/**
 * Parse JSON, with whole numbers that this language cannot hold exactly kept as texts ("18446744073709551615"): seeds
 * have 64 bits. The server takes such a text for the number. Throws what JSON.parse throws.
 */
export function parseJson(source: string): Json {
  const parts: string[] = [];
  let done = 0;
  let quote = source.indexOf('"');
  let inside = false;
  for (const found of source.matchAll(LONG_WHOLE)) {
    if (Number.isSafeInteger(Number(found[0]))) continue;
    for (; quote >= 0 && quote < found.index; quote = source.indexOf('"', quote + 1)) {
      if (!inside || !isEscaped(source, quote)) inside = !inside;
    }
    if (inside) continue;
    parts.push(source.slice(done, found.index), `"${found[0]}"`);
    done = found.index + found[0].length;
  }
  return JSON.parse(done ? parts.join("") + source.slice(done) : source) as Json;
}

function isEscaped(source: string, quote: number): boolean {
  let first = quote;
  while (source.charAt(first - 1) === "\\") first--;
  return (quote - first) % 2 === 1;
}
