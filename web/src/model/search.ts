// The search for a node type: words against titles, ids, categories and further names, ranked. Knows no document.

import { fits } from "./graph";
import type { NodeType, NodeTypes } from "./spec";

export interface TypeSearch {
  /** Only types that can be joined to this end of a link: `end` says whether the link comes out of an output. */
  link?: { type: string; end: "output" | "input" };
  /** Ids of types used lately, the latest first. */
  recent?: readonly string[];
}

interface Entry {
  type: NodeType;
  title: string;
  id: string;
  category: string;
  more: string[];
}

const entriesOf = new WeakMap<NodeTypes, Entry[]>();

/** Return the types that match all words, the best first; without words all, the latest used first. */
export function searchTypes(types: NodeTypes, query: string, options: TypeSearch = {}): NodeType[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const whole = words.join(" ");
  const recent = new Map((options.recent ?? []).map((id, place) => [id, place]));
  const found: { type: NodeType; score: number }[] = [];
  for (const entry of entries(types)) {
    if (options.link && !joins(entry.type, options.link)) continue;
    let score = 0;
    for (const word of words) {
      const rank = rankOf(entry, word);
      if (rank < 0) {
        score = -1;
        break;
      }
      score += rank;
    }
    if (score < 0) continue;
    // Who writes all of a name means that type, and none whose name goes on.
    if (whole !== "" && (entry.title === whole || entry.id === whole)) score -= 10;
    const place = recent.get(entry.type.id);
    if (place !== undefined) score -= words.length ? 0.5 : 1000 - place;
    if (entry.type.deprecated) score += 10_000;
    found.push({ type: entry.type, score: score + (words.length ? entry.title.length / 200 : 0) });
  }
  // The sort keeps the order of equals, which is that of titles.
  found.sort((a, b) => a.score - b.score);
  return found.map((entry) => entry.type);
}

function joins(type: NodeType, link: { type: string; end: "output" | "input" }): boolean {
  if (link.end === "input") return type.outputs.some((output) => fits(link.type, output.type));
  if (type.repeat && fits(type.repeat.type, link.type)) return true;
  return type.inputs.some((input) => fits(input.type, link.type));
}

/** Return how well a word matches, smaller is better, -1 for not at all. */
function rankOf(entry: Entry, word: string): number {
  const title = place(entry.title, word);
  if (title === 0) return 0;
  const id = place(entry.id, word);
  if (id === 0) return 1;
  if (title === 1) return 2;
  let further = 9;
  for (const name of entry.more) further = Math.min(further, place(name, word));
  if (further <= 1) return 3;
  if (title === 2) return 4;
  if (id === 1 || id === 2) return 5;
  if (further === 2) return 6;
  if (place(entry.category, word) <= 2) return 8;
  if (word.length < 3) return -1;
  if (isWithin(entry.title, word)) return 12;
  return isWithin(entry.id, word) ? 13 : -1;
}

/** Return 0: begins with it; 1: a word within does; 2: holds it; 9: does not. */
function place(text: string, word: string): number {
  const at = text.indexOf(word);
  if (at < 0) return 9;
  if (at === 0) return 0;
  for (let next = at; next > 0; next = text.indexOf(word, next + 1)) {
    if (!isLetter(text.charCodeAt(next - 1))) return 1;
  }
  return 2;
}

const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code > 127;

/** Tell whether the letters of `word` stand in `text` in this order ("ksam" in "k-sampler"). */
function isWithin(text: string, word: string): boolean {
  let at = -1;
  for (let letter = 0; letter < word.length; letter++) {
    at = text.indexOf(word.charAt(letter), at + 1);
    if (at < 0) return false;
  }
  return true;
}

function entries(types: NodeTypes): Entry[] {
  let found = entriesOf.get(types);
  if (!found) {
    found = [...types.values()].map((type) => ({
      type,
      title: type.title.toLowerCase(),
      id: type.id.toLowerCase(),
      category: type.category.toLowerCase(),
      more: [...type.aliases, ...type.formerIds].map((name) => name.toLowerCase()),
    }));
    found.sort((a, b) => (a.title < b.title ? -1 : a.title > b.title ? 1 : 0));
    entriesOf.set(types, found);
  }
  return found;
}
