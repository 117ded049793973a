// The palette that adds a node: at the pointer, from a link dropped on empty space only types that fit its end. Typing
// narrows, Enter adds and joins. Knows node types as the server sent them.

import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { writable } from "../here";
import { t } from "../i18n";
import { typeOfOutput } from "../model/graph";
import { firstFit, makeNode, OWN_TYPES, searchTypes, socketsOf, subAsType, typeOf } from "../model/nodetypes";
import { addNode, connect } from "../model/ops";
import type { NodeType } from "../model/spec";
import { type Doc, type Item, layerOf, type NodeId, type Point } from "../model/types";
import { edit } from "../store/docs";
import { announce, page, usedType } from "../store/page";
import type { SearchRequest } from "../store/shapes";
import { types, useWords } from "../store/types";
import { closeSearch, ui } from "../store/ui";
import { TypeDot } from "./TypeDot";

const MOST_SHOWN = 60;
const WIDTH = 400;
const HEIGHT = 420;

export function Search() {
  const request = useStore(ui, (state) => state.search);
  if (request === null) return null;
  return <Palette key={`${request.at}`} request={request} />;
}

function Palette({ request }: { request: SearchRequest }) {
  useWords();
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const known = useStore(types, (state) => state.types);
  const recent = useStore(page, (state) => state.recentTypes);
  const root = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const link = useMemo(() => endOf(request), [request]);
  const all = useMemo(() => allTypes(known), [known]);
  const found = useMemo(() => searchTypes(all, query, { recent, ...(link && { link }) }), [all, query, recent, link]);
  const shown = found.slice(0, MOST_SHOWN);
  const [x, y] = useMemo(() => placeOf(request.at), [request]);
  useEffect(() => {
    const onDown = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) closeSearch();
    };
    window.addEventListener("pointerdown", onDown, true);
    return () => window.removeEventListener("pointerdown", onDown, true);
  }, []);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);
  const choose = (type: NodeType | undefined) => {
    if (type === undefined) return;
    closeSearch();
    addType(type, request);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = shown.length - 1;
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown") setActive(active >= last ? 0 : active + 1);
    else if (event.key === "ArrowUp") setActive(active <= 0 ? last : active - 1);
    else if (event.key === "PageDown") setActive(Math.min(last, active + 8));
    else if (event.key === "PageUp") setActive(Math.max(0, active - 8));
    else if (event.key === "Enter") choose(shown[active]);
    else if (event.key === "Escape" || event.key === "Tab") {
      closeSearch();
      focusCanvas();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const current = shown[active];
  return (
    <div
      ref={root}
      className="search popover"
      role="dialog"
      aria-label={t("search.title")}
      data-search
      style={{ left: x, top: y, width: WIDTH }}
    >
      <input
        // biome-ignore lint/a11y/noAutofocus: the palette opens for typing
        autoFocus
        type="text"
        className="search-input"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={current && `${id}-${active}`}
        aria-label={t("search.title")}
        placeholder={link === undefined ? t("search.placeholder") : t("search.fitting", { type: link.type })}
        value={query}
        spellCheck={false}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div ref={list} className="search-list" role="listbox" id={`${id}-list`} aria-label={t("search.results")}>
        {shown.map((type, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard chooses in the field above
          <div
            key={type.id}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            className={index === active ? "search-row active" : "search-row"}
            data-type={type.id}
            onPointerMove={() => index !== active && setActive(index)}
            onClick={() => choose(type)}
          >
            <TypeDot type={type.outputs[0]?.type ?? type.inputs[0]?.type ?? "*"} />
            <span className="search-name clip">{type.title}</span>
            {type.deprecated && <span className="badge">{t("search.deprecated")}</span>}
            {type.experimental && <span className="badge">{t("search.experimental")}</span>}
            <span className="search-category clip">{type.category}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="empty">{t("search.nothing")}</p>}
      <p className="search-help">{current?.description || t("search.hint")}</p>
      <span className="sr-only" role="status">
        {t("search.count", { n: found.length })}
      </span>
    </div>
  );
}

/** Add a node of the type where the search was asked for, joined to the link's end if there was one. */
export function addType(type: NodeType, request: SearchRequest): NodeId | null {
  const place = writable();
  if (place === null) return null;
  let made: NodeId | null = null;
  edit(
    place.tab,
    t("search.added", { name: type.title }),
    (doc): Item[] => {
      const node = makeNode(type, request.at);
      const id = addNode(doc, place.layer, node);
      made = id;
      join(doc, place.layer, id, type, request);
      return [{ kind: "node", id }];
    },
    { layer: place.layer },
  );
  usedType(type.id);
  announce(t("search.added", { name: type.title }));
  const added = made;
  if (added !== null) requestAnimationFrame(() => ui.getState().canvas?.focusNode(added));
  return made;
}

function join(doc: Doc, layer: string, id: NodeId, type: NodeType, request: SearchRequest): void {
  const link = endOf(request);
  if (request.link === undefined || link === undefined) return;
  const fit = firstFit(type, link);
  if (fit === null) return;
  const { link: end } = request;
  if ("output" in end)
    connect(doc, layer, { from: end.node, out: end.output, to: id, input: String(fit), type: link.type });
  else
    connect(doc, layer, {
      from: id,
      out: Number(fit),
      to: end.node,
      input: end.input,
      type: type.outputs[Number(fit)]?.type ?? "*",
    });
}

/** The type that the link's end has, and which end of it is given. */
function endOf(request: SearchRequest): { type: string; end: "output" | "input" } | undefined {
  const place = writable();
  const { link } = request;
  if (place === null || link === undefined) return undefined;
  const known = types.getState().types;
  if ("output" in link) {
    return { type: typeOfOutput(place.doc, place.layer, known, link.node, link.output) ?? "*", end: "output" };
  }
  const node = layerOf(place.doc, place.layer)?.nodes[link.node];
  if (node === undefined) return undefined;
  const sockets = socketsOf(node, typeOf(place.doc, node, known));
  return { type: sockets.inputs.find((socket) => socket.name === link.input)?.type ?? "*", end: "input" };
}

/** The server's types, notes and reroutes, and the document's own subgraphs. */
function allTypes(known: ReadonlyMap<string, NodeType>): ReadonlyMap<string, NodeType> {
  const place = writable();
  const all = new Map([...known, ...OWN_TYPES.map((type) => [type.id, type] as const)]);
  for (const sub of Object.values(place?.doc.subs ?? {})) {
    if (place !== null && sub.id !== place.layer) all.set(sub.id, subAsType(sub, place.doc, known));
  }
  return all;
}

function placeOf(at: Point): Point {
  const [x, y] = ui.getState().canvas?.graphToScreen(at) ?? [window.innerWidth / 2, window.innerHeight / 3];
  return [
    Math.max(8, Math.min(x, window.innerWidth - WIDTH - 8)),
    Math.max(8, Math.min(y, window.innerHeight - HEIGHT - 8)),
  ];
}

function focusCanvas(): void {
  document.querySelector<HTMLElement>("[data-canvas]")?.focus({ preventScroll: true });
}
