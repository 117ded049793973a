// The title bar of a node: its name, which can be changed in place, marks for what it is and for what a run does, and the
// bar of progress below. Knows one node.

import { type FocusEvent, type KeyboardEvent, useState } from "react";
import { t } from "../i18n";
import { setCollapsed, setTitle } from "../model/ops";
import { type DocNode, MODE } from "../model/types";
import { edit } from "../store/docs";
import type { NodeRun } from "../store/shapes";
import { enter, openDialog, select } from "../store/ui";
import { isLight, ownBody, ownColor } from "./colors";
import type { LoomNode } from "./elements";

export function titleOf({ placed }: LoomNode["data"]): string {
  const { node, type, end } = placed;
  if (end !== undefined) return placed.sockets.outputs.length > 0 ? t("canvas.subInputs") : t("canvas.subOutputs");
  return node.title ?? type?.title ?? node.type;
}

/** A node's own colors with text that can be read on them; where the page is light they are tints of them. */
export function ownColors(node: DocNode): Record<string, string> {
  const body = ownBody(node, "var(--own-body)");
  const own: Record<string, string> = body === undefined ? {} : { "--node-body": body };
  if (!node.color) return own;
  const text = isLight(node.color) ? "#101216" : "#f2f4f8";
  const title = ownColor(node.color, "var(--own-tint, 0%)");
  return { ...own, "--node-title": title, "--title-text": `var(--on-own, ${text})` };
}

export function Title({
  data,
  title,
  run,
  unknown,
}: {
  data: LoomNode["data"];
  title: string;
  run: NodeRun | undefined;
  unknown: boolean;
}) {
  const { placed, tab, layer, readOnly } = data;
  const { node, type } = placed;
  const [renaming, setRenaming] = useState(false);
  const isSub = placed.isSub;
  const rename = (text: string) => {
    setRenaming(false);
    const plain = text.trim() === (type?.title ?? node.type) ? "" : text.trim();
    if (plain !== (node.title ?? ""))
      edit(tab, t("canvas.rename"), (doc) => setTitle(doc, layer, node.id, plain), { layer });
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: F2 renames by keyboard
    <div
      className="node-title"
      data-title
      style={{ height: placed.layout.title }}
      onDoubleClick={() => placed.end === undefined && !readOnly && setRenaming(true)}
    >
      {placed.end === undefined && (
        <button
          type="button"
          tabIndex={-1}
          className="node-fold"
          aria-expanded={!node.collapsed}
          aria-label={node.collapsed ? t("canvas.expand") : t("canvas.collapse")}
          disabled={readOnly}
          onClick={() =>
            edit(tab, t("canvas.collapse"), (doc) => setCollapsed(doc, layer, [node.id], !node.collapsed), { layer })
          }
        />
      )}
      {renaming ? (
        <NameField text={title} onDone={rename} onCancel={() => setRenaming(false)} />
      ) : (
        <span className="node-name">{title}</span>
      )}
      {node.pinned && <span className="node-mark pin" title={t("canvas.pinned")} />}
      {node.mode === MODE.muted && <span className="node-tag">{t("canvas.muted")}</span>}
      {node.mode === MODE.bypassed && <span className="node-tag">{t("canvas.bypassed")}</span>}
      {unknown && (
        <button type="button" className="node-tag action" onClick={() => replace(tab, node)}>
          {t("canvas.replace")}
        </button>
      )}
      {run && <RunMark run={run} />}
      {isSub && (
        <button
          type="button"
          className="node-enter"
          aria-label={t("canvas.enter", { title })}
          title={t("canvas.enter", { title })}
          onClick={() => enter(tab, node.id)}
        />
      )}
    </div>
  );
}

function replace(tab: string, node: DocNode): void {
  select(tab, [{ kind: "node", id: node.id }]);
  openDialog({ kind: "replace", node: node.id });
}

function NameField({ text, onDone, onCancel }: { text: string; onDone(text: string): void; onCancel(): void }) {
  const [value, setValue] = useState(text);
  const keys = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.stopPropagation();
    const node = event.currentTarget.closest<HTMLElement>("[data-node]");
    if (event.key === "Enter") onDone(value);
    else onCancel();
    node?.focus();
  };
  const show = (event: FocusEvent<HTMLInputElement>) => event.currentTarget.select();
  return (
    <input
      className="node-rename nodrag"
      // biome-ignore lint/a11y/noAutofocus: the field opens because one wants to type into it
      autoFocus
      aria-label={t("canvas.rename")}
      value={value}
      onChange={(event) => setValue(event.target.value)}
      onFocus={show}
      onBlur={() => onDone(value)}
      onKeyDown={keys}
    />
  );
}

/** Short enough for a title: "8 ms", "1.2 s", "34 s". */
function timeOf(seconds: number): string {
  if (seconds < 0.1) return `${Math.max(1, Math.round(seconds * 1_000))} ms`;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

function RunMark({ run }: { run: NodeRun }) {
  const time = run.seconds === undefined ? "" : timeOf(run.seconds);
  if (run.state === "running")
    return <span className="node-time">{run.total ? `${run.value ?? 0}/${run.total}` : "…"}</span>;
  if (run.state === "cached") return <span className="node-time cached">{t("canvas.state.cached")}</span>;
  if (run.state === "failed") return <span className="node-time failed">{t("canvas.state.failed")}</span>;
  return time ? <span className="node-time">{time}</span> : null;
}

export function Progress({ run }: { run: NodeRun }) {
  const share = run.total ? Math.min(1, (run.value ?? 0) / run.total) : null;
  return (
    <div
      className={share === null ? "node-progress waiting" : "node-progress"}
      role="progressbar"
      aria-label={t("canvas.progress")}
      aria-valuemin={0}
      aria-valuemax={run.total ?? 1}
      aria-valuenow={share === null ? undefined : run.value}
    >
      <span style={{ transform: `scaleX(${share ?? 0.3})` }} />
    </div>
  );
}
