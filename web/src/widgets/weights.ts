// Weights in prompts, "(word:1.1)": what a key press changes around the selection. Pure functions.
// "\(" and "\)" are letters; "(word)" without a number weighs 1.1, as in every program that reads such prompts.

/** Replace text[from, to) by `text`, and select [start, end) of the result. */
export interface Replacement {
  from: number;
  to: number;
  text: string;
  start: number;
  end: number;
}

const LOWEST = 0;
const HIGHEST = 10;
const NUMBER = /^(.*):\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*$/s;
const SEPARATES = /[\s,.;:!?()|{}<>[\]]/;

/** Return the change that raises or lowers the weight of what is selected, or of the word at the caret; null if there is none. */
export function changeWeight(text: string, start: number, end: number, delta: number): Replacement | null {
  const balanced = balance(text, ...(start === end ? wordAt(text, start) : trimmed(text, start, end)));
  if (balanced === null || balanced[0] === balanced[1]) return null;
  const [from, to] = balanced;
  const around = weighted(text, from, to);
  const inner = around ? around.inner : text.slice(from, to);
  const present = around ? around.weight : 1;
  const weight = Math.min(HIGHEST, Math.max(LOWEST, Math.round((present + delta) * 1000) / 1000));
  const bare = weight === 1;
  const first = around ? around.from : from;
  return {
    from: first,
    to: around ? around.to : to,
    text: bare ? inner : `(${inner}:${String(weight)})`,
    start: first + (bare ? 0 : 1),
    end: first + (bare ? 0 : 1) + inner.length,
  };
}

/** Return the parentheses that hold exactly this range: the range itself, or what is next to it. */
function weighted(text: string, from: number, to: number) {
  const open = bracket(text, from, "(") ? from : bracket(text, from - 1, "(") ? from - 1 : -1;
  if (open < 0) return null;
  const close = partner(text, open);
  if (close < 0) return null;
  const content = text.slice(open + 1, close);
  const found = NUMBER.exec(content);
  const inner = found?.[1] ?? content;
  const innerEnd = open + 1 + inner.length;
  // The selection is the whole of it, or all that is inside, with or without the number.
  const fits = from === open ? to === close + 1 : to === innerEnd || to === close;
  if (!fits) return null;
  return { from: open, to: close + 1, inner, weight: found ? Number(found[2]) : 1.1 };
}

function bracket(text: string, at: number, kind: "(" | ")"): boolean {
  if (text[at] !== kind) return false;
  let escapes = 0;
  while (text[at - 1 - escapes] === "\\") escapes += 1;
  return escapes % 2 === 0;
}

function partner(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (bracket(text, at, "(")) depth += 1;
    else if (bracket(text, at, ")")) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}

/** Widen a range until every parenthesis in it has its partner in it; null if one has none. */
function balance(text: string, from: number, to: number): [from: number, to: number] | null {
  let [first, last] = [from, to];
  const open: number[] = [];
  for (let at = first; at < last; at += 1) {
    if (bracket(text, at, "(")) open.push(at);
    else if (bracket(text, at, ")") && open.pop() === undefined) {
      do first -= 1;
      while (first >= 0 && !(bracket(text, first, "(") && partner(text, first) === at));
      if (first < 0) return null;
    }
  }
  if (open[0] !== undefined) {
    const close = partner(text, open[0]);
    if (close < 0) return null;
    last = close + 1;
  }
  return [first, last];
}

function wordAt(text: string, caret: number): [from: number, to: number] {
  let from = caret;
  let to = caret;
  while (from > 0 && !SEPARATES.test(text.charAt(from - 1))) from -= 1;
  while (to < text.length && !SEPARATES.test(text.charAt(to))) to += 1;
  return [from, to];
}

/** Without the spaces at both ends, which a double-click selects on some systems. */
function trimmed(text: string, start: number, end: number): [from: number, to: number] {
  let [from, to] = [start, end];
  while (from < to && /\s/.test(text.charAt(from))) from += 1;
  while (to > from && /\s/.test(text.charAt(to - 1))) to -= 1;
  return [from, to];
}
