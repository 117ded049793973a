// A node as elements of the page: title, sockets, widgets, the state of its run, its picture. Everything lies where the
// layout says, so that links painted elsewhere end at its sockets. Reads only what concerns this node.

import type { NodeProps } from "@xyflow/react";
import { memo, useMemo } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { valueOf as shownValue } from "../model/nodetypes";
import { setControl, setValue } from "../model/ops";
import {
  type DocNode,
  type Json,
  type LayerKey,
  layerOf,
  MODE,
  NOTE_TYPES,
  type NodeId,
  type Problem,
  REROUTE_TYPE,
  type SeedControl,
} from "../model/types";
import { docs, edit } from "../store/docs";
import { nodeRun, runs } from "../store/runs";
import type { DocsState, NodeRun } from "../store/shapes";
import { types } from "../store/types";
import { setPanel } from "../store/ui";
import { Widget } from "../widgets";
import type { LoomNode } from "./elements";
import { ownColors, Progress, Title, titleOf } from "./NodeTitle";
import { NoteText } from "./Note";
import { Picture } from "./picture";
import { Socket } from "./Socket";

const NO_PROBLEMS: Problem[] = [];
/** The kind of note whose text is formatted. */
const FORMATTED = NOTE_TYPES[1];

export const NodeView = memo(
  NodeBody,
  (before, after) => before.data === after.data && before.selected === after.selected,
);

function NodeBody({ data, selected }: NodeProps<LoomNode>) {
  const { placed, tab, layer, path, readOnly } = data;
  const { type, sockets, layout } = placed;
  // What is placed follows the document with the next frame; a field that one types into has to be with it at once.
  const present = useStore(docs, (state) => presentNode(state, tab, layer, placed.id));
  const node = present ?? placed.node;
  const run = useStore(runs, (state) => nodeRun(state, tab, path));
  useStore(types, (state) => state.worded);
  const all = useStore(runs, (state) => state.problems[tab] ?? NO_PROBLEMS);
  const problems = useMemo(() => {
    const own = all.filter((problem) => problem.node_id === path);
    return run?.error === undefined ? own : [...own, run.error];
  }, [all, path, run?.error]);
  const problemAt = (input: string) => problems.find((problem) => problem.input === input);
  const linked = new Set(placed.linked);
  const isReroute = node.type === REROUTE_TYPE;
  const isCollapsed = node.collapsed === true;
  const bare = isReroute || isCollapsed;
  const isUnknown = type === undefined && placed.end === undefined;
  const title = titleOf(data);
  const rows = useMemo(() => new Map(sockets.inputs.map((socket) => [socket.name, socket])), [sockets]);
  const state = run?.state;
  const classes = [
    "node",
    selected && "selected",
    isReroute && "reroute",
    isUnknown && "unknown",
    placed.end && "end",
    NOTE_TYPES.includes(node.type) && "note",
    node.mode === MODE.muted && "muted",
    node.mode === MODE.bypassed && "bypassed",
    problems.length > 0 && "invalid",
  ];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a look of its own
    <div
      className={classes.filter(Boolean).join(" ")}
      role="group"
      tabIndex={-1}
      data-node={node.id}
      data-type={node.type}
      data-state={state}
      data-mode={node.mode || undefined}
      aria-label={saidOf(title, node, state, problems, isUnknown)}
      style={ownColors(node) as React.CSSProperties}
    >
      {layout.title > 0 && <Title data={data} title={title} run={run} unknown={isUnknown} />}
      {run?.state === "running" && <Progress run={run} />}
      {layout.inputs.map(({ name, x, y }) => {
        const socket = rows.get(name);
        if (socket === undefined) return null;
        return (
          <Socket
            key={name}
            side="in"
            id={name}
            label={socket.label}
            type={socket.type}
            x={x}
            y={y}
            linked={linked.has(name)}
            required={socket.required && socket.widget === undefined}
            bare={bare || socket.widget !== undefined}
            problem={problemAt(name)?.message}
            tooltip={type?.inputs.find((input) => input.name === name)?.tooltip ?? ""}
          />
        );
      })}
      {layout.outputs.map(({ index, x, y }) => {
        const output = sockets.outputs[index];
        if (output === undefined) return null;
        return (
          <Socket
            key={`out ${index}`}
            side="out"
            id={index}
            label={output.name}
            type={output.type}
            x={x}
            y={y}
            linked={placed.linkedOut.has(index)}
            required={false}
            isList={output.isList}
            bare={bare}
            problem={undefined}
            tooltip={type?.outputs[index]?.tooltip ?? ""}
          />
        );
      })}
      {!isCollapsed &&
        layout.widgets.map(({ name, y, height }) => {
          const row = sockets.widgets.find((one) => one.name === name);
          if (row === undefined) return null;
          const value = shownValue(node, row.input);
          const set = (value: Json, gesture?: string) =>
            void edit(
              tab,
              t("canvas.setValue", { name: row.label }),
              (doc) => setValue(doc, layer, node.id, name, value),
              {
                layer,
                ...(gesture && { gesture: `${path} ${name} ${gesture}` }),
              },
            );
          const control = (control: SeedControl) =>
            void edit(tab, t("canvas.setControl"), (doc) => setControl(doc, layer, node.id, name, control), { layer });
          return (
            <div className="node-row" key={name} style={{ top: y, height }}>
              {NOTE_TYPES.includes(node.type) ? (
                <NoteText
                  formatted={node.type === FORMATTED}
                  text={String(value ?? "")}
                  readOnly={readOnly}
                  onChange={set}
                />
              ) : (
                <Widget
                  node={node}
                  input={row.input}
                  value={value}
                  control={node.control?.[name]}
                  disabled={readOnly || linked.has(name)}
                  problem={problemAt(name)}
                  onChange={set}
                  onControl={control}
                  path={path}
                />
              )}
            </div>
          );
        })}
      {layout.picture && (
        <div className="node-picture" style={{ top: layout.picture.y, height: layout.picture.height }}>
          <Picture tab={tab} path={path} node={node} type={type} />
        </div>
      )}
      {problems.length > 0 && !isReroute && <Trouble problems={problems} />}
      {!isReroute && !isCollapsed && placed.end === undefined && !readOnly && (
        <span className="node-corner" data-resize />
      )}
    </div>
  );
}

function presentNode({ byId }: DocsState, tab: string, layer: LayerKey, id: NodeId): DocNode | undefined {
  const doc = byId[tab]?.doc;
  return doc && layerOf(doc, layer)?.nodes[id];
}

function saidOf(
  title: string,
  node: DocNode,
  state: NodeRun["state"] | undefined,
  problems: Problem[],
  unknown: boolean,
): string {
  const parts = [
    title,
    node.mode === MODE.muted && t("canvas.muted"),
    node.mode === MODE.bypassed && t("canvas.bypassed"),
    node.collapsed && t("canvas.collapsed"),
    node.pinned && t("canvas.pinned"),
    unknown && t("canvas.unknown"),
    state && t(`canvas.state.${state}`),
    ...problems.map((problem) => problem.message),
  ];
  return parts.filter(Boolean).join(", ");
}

/** What is wrong, below the node: the first in words, and how many more. */
function Trouble({ problems }: { problems: Problem[] }) {
  const [first] = problems;
  if (first === undefined) return null;
  return (
    <button type="button" className="node-trouble" onClick={() => setPanel("inspector")} title={first.fix}>
      {problems.length > 1 ? t("canvas.problems", { text: first.message, n: problems.length - 1 }) : first.message}
    </button>
  );
}
