// Nodes that feed one another in a ring. Source: Tarjan, Depth-first search and linear graph algorithms (1972), with a
// stack of its own, so that depth is no limit. Knows no document.

export interface Ring {
  /** Along the flow, each once. */
  ids: string[];
  /** The input through which the ring enters its first node. */
  input: string;
}

/** What feeds each node: input name and source, in the order of the inputs. */
export type Feeds = Map<string, [input: string, source: string][]>;

/** Return one shortest ring of each part in which all nodes reach one another, in the order of the nodes. */
export function rings(feeds: Feeds): Ring[] {
  const place = new Map([...feeds.keys()].map((id, number) => [id, number]));
  const found = parts(feeds).map((part) => {
    const start = [...part].reduce((first, id) => ((place.get(id) ?? 0) < (place.get(first) ?? 0) ? id : first));
    return { start, part };
  });
  found.sort((a, b) => (place.get(a.start) ?? 0) - (place.get(b.start) ?? 0));
  return found.map(({ start, part }) => ringThrough(start, part, feeds));
}

function parts(feeds: Feeds): Set<string>[] {
  const number = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const found: Set<string>[] = [];
  const enter = (id: string): { id: string; next: number } => {
    number.set(id, number.size);
    low.set(id, number.get(id) as number);
    open.push(id);
    isOpen.add(id);
    return { id, next: 0 };
  };
  const lower = (id: string, value: number): void => {
    low.set(id, Math.min(low.get(id) as number, value));
  };
  for (const root of feeds.keys()) {
    if (number.has(root)) continue;
    const work = [enter(root)];
    for (let at = work.at(-1); at; at = work.at(-1)) {
      const source = feeds.get(at.id)?.[at.next++]?.[1];
      if (source !== undefined) {
        if (!feeds.has(source)) continue;
        if (!number.has(source)) work.push(enter(source));
        else if (isOpen.has(source)) lower(at.id, number.get(source) as number);
        continue;
      }
      work.pop();
      const above = work.at(-1);
      if (above) lower(above.id, low.get(at.id) as number);
      if (low.get(at.id) !== number.get(at.id)) continue;
      const part = new Set<string>();
      while (!part.has(at.id)) {
        const last = open.pop() as string;
        isOpen.delete(last);
        part.add(last);
      }
      const own = at.id;
      if (part.size > 1 || feeds.get(own)?.some(([, fed]) => fed === own)) found.push(part);
    }
  }
  return found;
}

/** Walk against the flow, breadth first, until the start is met again. */
function ringThrough(start: string, part: Set<string>, feeds: Feeds): Ring {
  const reached = new Map<string, string>();
  const waiting = [start];
  for (let at = 0; !reached.has(start) && at < waiting.length; at++) {
    const id = waiting[at] as string;
    for (const [, source] of feeds.get(id) ?? []) {
      if (!part.has(source) || reached.has(source)) continue;
      reached.set(source, id);
      waiting.push(source);
    }
  }
  const ids = [start];
  for (let next = reached.get(start); next !== undefined && next !== start; next = reached.get(next)) ids.push(next);
  const last = ids.at(-1);
  const input = feeds.get(start)?.find(([, source]) => source === last)?.[0] ?? "";
  return { ids, input };
}
