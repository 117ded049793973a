// A small window beside a control, above everything else: canvas, panels, dialogs. It closes when one presses outside,
// scrolls or resizes. Knows nothing of what is in it.

import { type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef } from "react";
import { createPortal } from "react-dom";

const MARGIN = 8;
const NARROWEST = 260;

interface PopupProps {
  label: string;
  anchor: RefObject<HTMLElement | null>;
  onClose(): void;
  children: ReactNode;
}

export function Popup({ label, anchor, onClose, children }: PopupProps) {
  const box = useRef<HTMLDivElement>(null);
  const closing = useRef(onClose);
  closing.current = onClose;

  useLayoutEffect(() => {
    const element = box.current;
    const from = anchor.current?.getBoundingClientRect();
    if (element === null || from === undefined) return;
    if (!element.matches(":popover-open")) element.showPopover();
    const width = Math.min(Math.max(from.width, NARROWEST), innerWidth - 2 * MARGIN);
    element.style.width = `${width}px`;
    element.style.left = `${Math.max(MARGIN, Math.min(from.left, innerWidth - width - MARGIN))}px`;
    const tall = element.offsetHeight;
    const below = from.bottom + 2;
    const top = below + tall <= innerHeight - MARGIN ? below : from.top - tall - 2;
    element.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - tall - MARGIN))}px`;
  }, [anchor]);

  useEffect(() => {
    const outside = (event: Event) => {
      // A keyboard that comes up on a phone makes the window smaller: that closes nothing.
      const target = (event.type === "resize" ? document.activeElement : event.target) as Node | null;
      if (target && (box.current?.contains(target) || anchor.current?.contains(target))) return;
      closing.current();
    };
    const options = { capture: true, passive: true };
    for (const kind of ["pointerdown", "wheel", "resize", "focusin"]) addEventListener(kind, outside, options);
    return () => {
      for (const kind of ["pointerdown", "wheel", "resize", "focusin"]) removeEventListener(kind, outside, options);
    };
  }, [anchor]);

  // Inside a dialog that is open everything else is inert, so the window must be in it.
  const parent = anchor.current?.closest("dialog") ?? document.body;
  return createPortal(
    <div ref={box} popover="manual" role="dialog" aria-label={label} className="w-popup nowheel nodrag nopan">
      {children}
    </div>,
    parent,
  );
}
