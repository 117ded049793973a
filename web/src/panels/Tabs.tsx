// The open workflows, and where inside the active one the user is. A dot marks what is not saved to its file yet;
// nothing is lost by it, as the journal has every edit. Knows the documents' and the view's store.

import { type PointerEvent, useRef, useState } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { runCommand } from "../commands";
import { t } from "../i18n";
import { Icon } from "../icons";
import { layerOf, type NodeId, ROOT } from "../model/types";
import { activate, docs, moveTab } from "../store/docs";
import { keyAt, openDialog, setPath, ui } from "../store/ui";
import { CommandButton } from "./CommandButton";

const NO_PATH: NodeId[] = [];
/** How far the pointer moves before a press on a tab becomes a drag, in pixels. */
const DRAG_FROM = 6;

/** A tab that is being dragged, and its place among the others if it were let go now. */
interface Dragged {
  id: string;
  to: number;
}

export function Tabs() {
  const order = useStore(docs, (state) => state.order);
  const menu = useRef<HTMLButtonElement>(null);
  const [dragged, setDragged] = useState<Dragged | null>(null);
  const others = order.filter((id) => id !== dragged?.id);
  const openMenu = () => {
    const box = menu.current?.getBoundingClientRect();
    openDialog({ kind: "menu", at: [box?.left ?? 0, (box?.bottom ?? 0) + 4], target: { kind: "main" } });
  };
  return (
    <>
      <button
        ref={menu}
        type="button"
        className="icon-button main-menu"
        aria-label={t("shell.menu")}
        title={t("shell.menu")}
        aria-haspopup="menu"
        data-command="menu.main"
        onClick={openMenu}
      >
        <Icon name="menu" />
      </button>
      <nav className="doc-tabs" aria-label={t("shell.tabs")}>
        <ul>
          {order.map((id) => (
            <Tab key={id} id={id} mark={markOf(id, others, dragged)} onDrag={setDragged} />
          ))}
        </ul>
        <CommandButton id="file.new" icon="plus" className="icon-button" />
      </nav>
    </>
  );
}

/** What a tab shows while one is dragged: that it is the one, or that this one would lie beside it. */
function markOf(id: string, others: string[], dragged: Dragged | null): string | undefined {
  if (dragged === null) return undefined;
  if (id === dragged.id) return "dragged";
  if (id === others[dragged.to]) return "before";
  return dragged.to === others.length && id === others.at(-1) ? "after" : undefined;
}

/** The place among the other tabs at which the pointer is. */
function placeAt(list: Element | null | undefined, id: string, x: number): number {
  const others = [...(list?.children ?? [])].filter((one) => one.getAttribute("data-tab") !== id);
  return others.filter((one) => {
    const box = one.getBoundingClientRect();
    return box.left + box.width / 2 < x;
  }).length;
}

interface TabProps {
  id: string;
  mark: string | undefined;
  onDrag(dragged: Dragged | null): void;
}

function Tab({ id, mark, onDrag }: TabProps) {
  const start = useRef<number | null>(null);
  const isDragging = mark === "dragged";
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    start.current = event.clientX;
    // A quick hand leaves the tab before the first move is told.
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    if (start.current === null || (!isDragging && Math.abs(event.clientX - start.current) < DRAG_FROM)) return;
    onDrag({ id, to: placeAt(event.currentTarget.closest("ul"), id, event.clientX) });
  };
  const onPointerUp = (event: PointerEvent<HTMLElement>) => {
    start.current = null;
    if (!isDragging) return;
    moveTab(id, placeAt(event.currentTarget.closest("ul"), id, event.clientX));
    onDrag(null);
  };
  const stop = () => {
    start.current = null;
    onDrag(null);
  };
  const tab = useStore(
    docs,
    useShallow((state) => {
      const open = state.byId[id];
      return {
        title: open?.title ?? "",
        isActive: state.active === id,
        isChanged: open !== undefined && open.edits !== open.savedEdit,
        readOnly: open?.readOnly ?? false,
      };
    }),
  );
  return (
    <li
      className={tab.isActive ? "doc-tab active" : "doc-tab"}
      data-tab={id}
      data-changed={tab.isChanged || undefined}
      data-drag={mark}
    >
      <button
        type="button"
        className="tab-title"
        aria-current={tab.isActive ? "page" : undefined}
        title={tab.title}
        onClick={() => activate(id)}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={stop}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !isDragging) return;
          event.preventDefault();
          stop();
        }}
        onDoubleClick={() => void runCommand("file.rename", id)}
        onAuxClick={(event) => event.button === 1 && void runCommand("file.close", id)}
      >
        <span className="clip">{tab.title}</span>
        {tab.readOnly && <span className="badge">{t("tab.readOnly")}</span>}
        {tab.isChanged && (
          <span className="changed" title={t("tab.changed")}>
            <span className="sr-only">{t("tab.changed")}</span>
          </span>
        )}
      </button>
      <button
        type="button"
        className="icon-button tab-close"
        aria-label={t("tab.close", { name: tab.title })}
        title={t("tab.close", { name: tab.title })}
        onClick={() => void runCommand("file.close", id)}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}

/** The subgraphs entered, each a way back; nothing at the root. */
export function Breadcrumb() {
  const tab = useStore(docs, (state) => state.active);
  const path = useStore(ui, (state) => (tab === null ? NO_PATH : (state.path[tab] ?? NO_PATH)));
  const names = useStore(
    docs,
    useShallow((state) => {
      const open = tab === null ? undefined : state.byId[tab];
      if (open === undefined) return [];
      return path.map((id, depth) => {
        const layer = layerOf(open.doc, keyAt(open.doc, path.slice(0, depth)) ?? ROOT);
        const node = layer?.nodes[id];
        return node?.title ?? (node === undefined ? id : (open.doc.subs[node.type]?.name ?? id));
      });
    }),
  );
  const title = useStore(docs, (state) => (tab === null ? "" : (state.byId[tab]?.title ?? "")));
  if (tab === null || path.length === 0) return null;
  return (
    <nav className="breadcrumb" aria-label={t("shell.where")}>
      <ol>
        <li>
          <button type="button" className="link-button" onClick={() => setPath(tab, [])}>
            {title}
          </button>
        </li>
        {names.map((name, depth) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a place in the path is what it is
          <li key={depth}>
            <Icon name="right" />
            <button
              type="button"
              className="link-button"
              aria-current={depth === names.length - 1 ? "location" : undefined}
              onClick={() => setPath(tab, path.slice(0, depth + 1))}
            >
              {name}
            </button>
          </li>
        ))}
      </ol>
      <CommandButton id="subgraph.leave" icon="up" className="icon-button" />
    </nav>
  );
}
