// Lists one types into: all commands, the nodes of this workflow, and the types a node may be replaced by. One component
// draws all three. Knows commands by name, and the graph only to name its nodes.

import { type KeyboardEvent, useId, useMemo, useState } from "react";
import { commands, runCommand } from "../commands";
import { here } from "../here";
import { t } from "../i18n";
import { keysOf } from "../keys";
import { searchTypes, socketsOf, typeOf } from "../model/nodetypes";
import { type Layer, layerOf, type NodeId, ROOT } from "../model/types";
import type { Dialog } from "../store/shapes";
import { types } from "../store/types";
import { closeDialog, reveal } from "../store/ui";
import { DialogFrame } from "./Dialog";

interface Choice {
  id: string;
  label: string;
  side?: string;
  disabled?: boolean;
  run(): void;
}

const MOST_SHOWN = 200;

export function Commands(_: { dialog: Dialog }) {
  const all = useMemo(
    () =>
      Object.values(commands)
        .filter((command) => command.id !== "commands.list")
        .map(
          (command): Choice => ({
            id: command.id,
            label: `${t(`commandGroup.${command.group}`)}: ${t(command.label)}`,
            side: keysOf(command.id)[0],
            disabled: command.enabled?.() === false,
            run: () => void runCommand(command.id),
          }),
        ),
    [],
  );
  return <FilterList kind="commands" title={t("dialog.commands.title")} choices={(query) => match(all, query)} />;
}

/** Find a node of the workflow, in whatever subgraph, by title, type or the text in its widgets. */
export function Find(_: { dialog: Dialog }) {
  const place = here();
  const all = useMemo(() => (place === null ? [] : nodesOf(place.tab)), [place]);
  return <FilterList kind="find" title={t("dialog.find.title")} choices={(query) => match(all, query)} />;
}

/** What a node may be replaced by: types with sockets like those that are joined, the best first. */
export function Replace({ dialog }: { dialog: Dialog }) {
  const known = types.getState().types;
  const ranked = useMemo(() => rankFor(String(dialog.node)), [dialog.node]);
  const choices = (query: string): Choice[] => {
    const found = query === "" ? ranked : searchTypes(known, query).map((type) => type.id);
    return found.map((id) => ({
      id,
      label: known.get(id)?.title ?? id,
      side: known.get(id)?.category,
      run: () => void runCommand("node.replace", id),
    }));
  };
  return <FilterList kind="replace" title={t("dialog.replace.title")} choices={choices} />;
}

function FilterList({ kind, title, choices }: { kind: string; title: string; choices(query: string): Choice[] }) {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const id = useId();
  const shown = choices(query.trim()).slice(0, MOST_SHOWN);
  const choose = (choice: Choice | undefined) => {
    if (choice === undefined || choice.disabled) return;
    closeDialog(kind);
    choice.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = shown.length - 1;
    let next = active;
    if (event.key === "ArrowDown") next = active >= last ? 0 : active + 1;
    else if (event.key === "ArrowUp") next = active <= 0 ? last : active - 1;
    else if (event.key === "PageDown") next = Math.min(last, active + 8);
    else if (event.key === "PageUp") next = Math.max(0, active - 8);
    else if (event.key === "Enter" && !event.nativeEvent.isComposing) choose(shown[active]);
    else return;
    event.preventDefault();
    setActive(next);
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <DialogFrame kind={kind} title={title}>
      <input
        data-first
        className="input"
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={shown[active] && `${id}-${active}`}
        aria-label={title}
        placeholder={t("dialog.filter")}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="list scroller filter-list" role="listbox" id={`${id}-list`} aria-label={title}>
        {shown.map((choice, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard chooses in the field above
          <div
            key={choice.id}
            id={`${id}-${index}`}
            className="list-item"
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            aria-disabled={choice.disabled || undefined}
            data-choice={choice.id}
            onClick={() => choose(choice)}
          >
            <span className="grow clip">{choice.label}</span>
            {choice.side && <span className="keys">{choice.side}</span>}
          </div>
        ))}
      </div>
      {shown.length === 0 && <p className="empty">{t("search.nothing")}</p>}
    </DialogFrame>
  );
}

function match(all: Choice[], query: string): Choice[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const score = (choice: Choice): number => {
    const text = choice.label.toLowerCase();
    let sum = choice.disabled ? 1000 : 0;
    for (const word of words) {
      const at = text.indexOf(word);
      if (at < 0) return Infinity;
      sum += at === 0 || text[at - 1] === " " ? 0 : 10;
    }
    return sum;
  };
  return all
    .map((choice) => ({ choice, score: score(choice) }))
    .filter((one) => one.score < Infinity)
    .sort((one, other) => one.score - other.score)
    .map((one) => one.choice);
}

function nodesOf(tab: string): Choice[] {
  const place = here();
  if (place === null) return [];
  const known = types.getState().types;
  const found: Choice[] = [];
  const visit = (layer: Layer, path: NodeId[], within: string) => {
    for (const node of Object.values(layer.nodes)) {
      const type = typeOf(place.doc, node, known);
      const title = node.title ?? type?.title ?? node.type;
      const texts = Object.values(node.values).filter((value) => typeof value === "string");
      const text = texts.join(" ").slice(0, 80);
      const full = [...path, node.id];
      found.push({
        id: full.join(":"),
        label: `${within}${title}${text === "" ? "" : ` - ${text}`}`,
        side: `#${full.join(":")}`,
        run: () => reveal(tab, full.join(":")),
      });
      const sub = place.doc.subs[node.type];
      if (sub !== undefined && path.length < 8) visit(sub, full, `${within}${title} / `);
    }
  };
  const root = layerOf(place.doc, ROOT);
  if (root !== undefined) visit(root, [], "");
  return found;
}

/** Node types by how many of the node's wires they could keep, then by how few other inputs they have. */
function rankFor(id: NodeId): string[] {
  const place = here();
  const node = place?.content.nodes[id];
  if (place === null || node === undefined) return [];
  const known = types.getState().types;
  const sockets = socketsOf(node, typeOf(place.doc, node, known));
  const near = place.open.missing.find((one) => one.type === node.type)?.nearest ?? [];
  const inputs = new Set(sockets.inputs.map((socket) => socket.type));
  const outputs = new Set(sockets.outputs.map((socket) => socket.type));
  const score = (type: ReturnType<typeof known.get>): number => {
    if (type === undefined) return -1;
    const same = type.inputs.filter((input) => inputs.has(input.type)).length;
    const given = type.outputs.filter((output) => outputs.has(output.type)).length;
    return 10 * given + 4 * same - type.inputs.length - (type.deprecated ? 20 : 0);
  };
  const ranked = [...known.values()]
    .filter((type) => type.id !== node.type)
    .map((type) => ({ id: type.id, score: score(type) }))
    .sort((one, other) => other.score - one.score)
    .map((one) => one.id);
  return [...new Set([...near.filter((one) => known.has(one)), ...ranked])];
}
