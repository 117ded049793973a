// The space beside the canvas in which a panel stands; its edge can be dragged, or moved with the arrow keys. The width is
// kept for the next start. Knows no panel.

import { type KeyboardEvent, type PointerEvent, type ReactNode, useState } from "react";
import { t } from "../i18n";

const [LEAST, USUAL, MOST] = [240, 340, 720];
const STEP = 20;

interface Props {
  side: "left" | "right" | "none";
  children: ReactNode;
}

export function SidePanel({ side, children }: Props) {
  const [width, setWidth] = useState(() => readWidth(side));
  const change = (wanted: number) => {
    const next = Math.round(Math.min(MOST, Math.max(LEAST, wanted)));
    setWidth(next);
    try {
      localStorage.setItem(keyOf(side), String(next));
    } catch {
      // Without storage it holds until the page is closed.
    }
  };
  const outward = side === "right" ? -1 : 1;
  const onMove = (event: PointerEvent) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    change(side === "right" ? window.innerWidth - event.clientX : event.clientX - leftOf(event.currentTarget));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowRight") change(width + STEP * outward);
    else if (event.key === "ArrowLeft") change(width - STEP * outward);
    else if (event.key === "Home") change(LEAST);
    else if (event.key === "End") change(MOST);
    else return;
    event.preventDefault();
  };
  return (
    <aside
      className="side"
      aria-label={t("shell.panel")}
      style={{ "--side-width": `${width}px` } as React.CSSProperties}
    >
      {children}
      {/* biome-ignore lint/a11y/useSemanticElements: a line that can be moved is no <hr> */}
      <div
        className="side-grip"
        role="separator"
        tabIndex={0}
        aria-orientation="vertical"
        aria-label={t("shell.width")}
        aria-valuenow={width}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={onMove}
        onKeyDown={onKeyDown}
        onDoubleClick={() => change(USUAL)}
      />
    </aside>
  );
}

function leftOf(grip: Element): number {
  return grip.parentElement?.getBoundingClientRect().left ?? 0;
}

function keyOf(side: string): string {
  return `latentloom.width.${side}`;
}

function readWidth(side: string): number {
  try {
    const stored = Number(localStorage.getItem(keyOf(side)));
    return stored >= LEAST && stored <= MOST ? stored : USUAL;
  } catch {
    return USUAL;
  }
}
