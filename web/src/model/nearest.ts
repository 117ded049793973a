// Which known names look like a wrong one: for hints and for offers to mend. Pure.

const LEAST = 0.6;
const LONGEST = 60; // longer words cost quadratic time and are never a slip of the hand

/** Return up to `count` of `known` that look like `word`, the most alike first, whatever their case. */
export function nearest(word: string, known: Iterable<string>, count = 3): string[] {
  const wanted = word.slice(0, LONGEST).toLowerCase();
  const found: { name: string; ratio: number }[] = [];
  for (const name of known) {
    const other = name.slice(0, LONGEST).toLowerCase();
    const most = (2 * Math.min(wanted.length, other.length)) / (wanted.length + other.length || 1);
    if (most < LEAST) continue;
    const ratio = (2 * common(wanted, other)) / (wanted.length + other.length || 1);
    if (ratio >= LEAST) found.push({ name, ratio });
  }
  found.sort((a, b) => b.ratio - a.ratio);
  return found.slice(0, count).map((entry) => entry.name);
}

/** Return how many letters two words have in common in the same order. */
function common(one: string, other: string): number {
  let row = new Uint8Array(other.length + 1);
  for (let i = 0; i < one.length; i++) {
    const next = new Uint8Array(other.length + 1);
    const letter = one.charCodeAt(i);
    for (let j = 0; j < other.length; j++) {
      const same = letter === other.charCodeAt(j);
      next[j + 1] = same ? (row[j] as number) + 1 : Math.max(next[j] as number, row[j + 1] as number);
    }
    row = next;
  }
  return row[other.length] as number;
}
