// A list of which only the rows in view are in the page: a thousand jobs scroll like ten. Rows have one height. The
// arrow keys walk over rows; one row at a time can be reached with Tab. Knows nothing of what a row shows.

import { type KeyboardEvent, type ReactNode, useLayoutEffect, useRef, useState } from "react";

interface Props<T> {
  items: readonly T[];
  /** Of letters of the usual size; rows grow with them. */
  rowHeight: number;
  label: string;
  keyOf(item: T): string;
  /** One row; `focused`: it is the one that Tab reaches. */
  render(item: T, index: number, focused: boolean): ReactNode;
  onKey?(event: KeyboardEvent, item: T, index: number): void;
  /** Called when the end comes into view. */
  onEnd?(): void;
  className?: string;
}

const MARGIN = 6;
const USUAL_SIZE = 16;

export function VirtualList<T>(props: Props<T>) {
  const { items, label, keyOf, render, onKey, onEnd, className = "" } = props;
  const [scale, setScale] = useState(scaleOf);
  const rowHeight = props.rowHeight * scale;
  const root = useRef<HTMLUListElement>(null);
  const [seen, setSeen] = useState({ first: 0, last: 40 });
  const [focused, setFocused] = useState(0);
  useLayoutEffect(() => {
    const scroller = scrollerOf(root.current);
    if (scroller === null || root.current === null) return;
    const list = root.current;
    const measure = () => {
      const above = scroller.getBoundingClientRect().top - list.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(above / rowHeight) - MARGIN);
      const last = Math.ceil((above + scroller.clientHeight) / rowHeight) + MARGIN;
      setSeen((before) => (before.first === first && before.last === last ? before : { first, last }));
      setScale(scaleOf());
      if (last >= items.length) onEnd?.();
    };
    measure();
    scroller.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(scroller);
    return () => {
      scroller.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, [items.length, rowHeight, onEnd]);
  const reachable = Math.min(focused, items.length - 1);
  const go = (to: number) => {
    const next = Math.max(0, Math.min(items.length - 1, to));
    setFocused(next);
    const scroller = scrollerOf(root.current);
    if (scroller === null || root.current === null) return;
    const top = next * rowHeight - (scroller.getBoundingClientRect().top - root.current.getBoundingClientRect().top);
    if (top < 0) scroller.scrollTop += top;
    else if (top + rowHeight > scroller.clientHeight) scroller.scrollTop += top + rowHeight - scroller.clientHeight;
    requestAnimationFrame(() => root.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const row = (event.target as HTMLElement).dataset.row;
    if (row === undefined) return;
    const index = Number(row);
    const page = Math.max(1, Math.floor((scrollerOf(root.current)?.clientHeight ?? 0) / rowHeight) - 1);
    if (event.altKey || event.ctrlKey || event.metaKey) {
      const item = items[index];
      if (item !== undefined) onKey?.(event, item, index);
      return;
    }
    if (event.key === "ArrowDown") go(index + 1);
    else if (event.key === "ArrowUp") go(index - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(items.length - 1);
    else if (event.key === "PageDown") go(index + page);
    else if (event.key === "PageUp") go(index - page);
    else {
      const item = items[index];
      if (item !== undefined) onKey?.(event, item, index);
      return;
    }
    event.preventDefault();
  };
  const shown = items.slice(seen.first, seen.last);
  return (
    <ul
      ref={root}
      className={`virtual ${className}`}
      aria-label={label}
      style={{ height: items.length * rowHeight }}
      onKeyDown={onKeyDown}
    >
      {shown.map((item, offset) => {
        const index = seen.first + offset;
        return (
          <li
            key={keyOf(item)}
            className="virtual-row"
            style={{ top: index * rowHeight, height: rowHeight }}
            data-row={index}
            aria-setsize={items.length}
            aria-posinset={index + 1}
            tabIndex={index === reachable ? 0 : -1}
            onFocus={(event) => event.target === event.currentTarget && setFocused(index)}
          >
            {render(item, index, index === reachable)}
          </li>
        );
      })}
    </ul>
  );
}

/** How many times larger letters are than usual. */
function scaleOf(): number {
  return (Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || USUAL_SIZE) / USUAL_SIZE;
}

function scrollerOf(element: HTMLElement | null): HTMLElement | null {
  return element?.closest<HTMLElement>(".panel-body, .dialog-body, .scroller") ?? null;
}
