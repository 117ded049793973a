// Menus: lists of commands at a place, for the canvas, a node, a link, a group, the page and the run button. By keyboard
// as the page's other menus: arrows, first letters, Escape. Knows commands by name, and what a menu is about by its kind.

import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { commands, runCommand } from "../commands";
import { t } from "../i18n";
import { Icon } from "../icons";
import { keysOf } from "../keys";
import type { Point } from "../model/types";
import { closeDialog, ui } from "../store/ui";
import { type MenuEntry, type MenuTarget, menuFor } from "./menus";

export function Menu() {
  const dialog = useStore(ui, (state) => state.dialog);
  if (dialog?.kind !== "menu") return null;
  const entries = (dialog.entries as MenuEntry[] | undefined) ?? menuFor(dialog.target as MenuTarget | undefined);
  return <MenuList key={String(dialog.at)} at={dialog.at as Point} entries={entries} />;
}

function MenuList({ at, entries }: { at: Point; entries: MenuEntry[] }) {
  const root = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<Point>(at);
  const [open, setOpen] = useState<number | null>(null);
  useLayoutEffect(() => {
    const box = root.current?.getBoundingClientRect();
    if (box === undefined) return;
    const x = Math.max(4, Math.min(at[0], window.innerWidth - box.width - 4));
    const y = Math.max(4, Math.min(at[1], window.innerHeight - box.height - 4));
    setPlace([x, y]);
  }, [at]);
  useEffect(() => {
    const before = document.activeElement;
    itemsOf(root.current)[0]?.focus();
    const onDown = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) closeDialog("menu");
    };
    window.addEventListener("pointerdown", onDown, true);
    return () => {
      window.removeEventListener("pointerdown", onDown, true);
      // Only if nothing else took the focus meanwhile, such as a dialog that the command opened.
      if (document.activeElement === document.body && before instanceof HTMLElement) before.focus();
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    const level = (event.target as HTMLElement).closest<HTMLElement>("[role=menu]");
    const items = itemsOf(level);
    const now = items.indexOf(document.activeElement as HTMLElement);
    const go = (to: number) => items[(to + items.length) % items.length]?.focus();
    if (event.key === "ArrowDown") go(now + 1);
    else if (event.key === "ArrowUp") go(now < 0 ? -1 : now - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(-1);
    else if (event.key === "Escape" || event.key === "Tab") closeDialog("menu");
    else if (event.key === "ArrowRight" && items[now]?.getAttribute("aria-haspopup")) items[now]?.click();
    else if (event.key === "ArrowLeft" && level !== root.current) {
      setOpen(null);
      level?.parentElement?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    } else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey) {
      const letter = event.key.toLowerCase();
      const rest = [...items.slice(now + 1), ...items.slice(0, now + 1)];
      rest.find((item) => item.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={root}
      className="menu"
      role="menu"
      tabIndex={-1}
      aria-label={t("menu.label")}
      data-menu
      style={{ left: place[0], top: place[1] }}
      onKeyDown={onKeyDown}
      onContextMenu={(event) => event.preventDefault()}
    >
      {entries.map((entry, index) => (
        <Entry
          // biome-ignore lint/suspicious/noArrayIndexKey: the entries of a menu do not change while it is open
          key={index}
          entry={entry}
          open={open === index}
          onOpen={(isOpen) => setOpen(isOpen ? index : null)}
        />
      ))}
    </div>
  );
}

function Entry({ entry, open, onOpen }: { entry: MenuEntry; open: boolean; onOpen(open: boolean): void }) {
  const sub = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const list = sub.current;
    if (!open || list === null) return;
    const box = list.getBoundingClientRect();
    if (box.right > window.innerWidth - 4) list.dataset.flip = "on";
    const over = box.bottom - window.innerHeight + 4;
    if (over > 0) list.style.marginTop = `${-over}px`;
    if (document.activeElement?.getAttribute("aria-haspopup") === "menu") itemsOf(list)[0]?.focus();
  }, [open]);
  if (entry === "line") return <hr className="menu-line" />;
  if ("entries" in entry) {
    return (
      <div className="menu-sub" onPointerEnter={(event) => event.pointerType === "mouse" && onOpen(true)}>
        <button
          type="button"
          role="menuitem"
          tabIndex={-1}
          className="menu-item"
          aria-haspopup="menu"
          aria-expanded={open}
          onClick={() => onOpen(!open)}
        >
          <span className="menu-mark" />
          <span className="grow">{entry.label}</span>
          <Icon name="right" />
        </button>
        {open && (
          <div ref={sub} className="menu menu-nested" role="menu" aria-label={entry.label}>
            {entry.entries.map((inner, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: as above
              <Entry key={index} entry={inner} open={false} onOpen={() => undefined} />
            ))}
          </div>
        )}
      </div>
    );
  }
  const command = "command" in entry ? commands[entry.command] : undefined;
  const label = entry.label ?? (command === undefined ? "" : t(command.label));
  const checked = command?.checked?.();
  const keys = command === undefined || entry.label !== undefined ? undefined : keysOf(command.id)[0];
  const run = () => {
    closeDialog("menu");
    if ("command" in entry) void runCommand(entry.command, entry.arg);
    else entry.run();
  };
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: aria-checked stands only where the role is that of a switch
    <button
      type="button"
      role={checked === undefined ? "menuitem" : "menuitemcheckbox"}
      aria-checked={checked}
      tabIndex={-1}
      className="menu-item"
      data-command={command?.id}
      disabled={command?.enabled?.() === false}
      onClick={run}
      onPointerEnter={() => onOpen(false)}
    >
      <span className="menu-mark">
        {checked && <Icon name="check" />}
        {"color" in entry && entry.color !== undefined && (
          <span className="swatch" style={{ background: entry.color || undefined }} />
        )}
      </span>
      <span className="grow">{label}</span>
      {keys && <span className="keys">{keys}</span>}
    </button>
  );
}

function itemsOf(level: HTMLElement | null): HTMLElement[] {
  const found = level?.querySelectorAll<HTMLElement>("[role^=menuitem]:not(:disabled)") ?? [];
  return [...found].filter((item) => item.closest("[role=menu]") === level);
}
