// What is known of the selection: problems with their fixes, title and mode, values, help of the type, what the last run
// did. With nothing selected the whole workflow as a form. Changes go through commands and `edit`.

import { type ReactNode, useState } from "react";
import { useStore } from "zustand";
import { runCommand } from "../commands";
import { pathOf } from "../commands_documents";
import { t } from "../i18n";
import { ranks } from "../model/graph";
import { socketsOf, typeOf } from "../model/nodetypes";
import { setGroup, setTitle } from "../model/ops";
import type { NodeType } from "../model/spec";
import {
  type Doc,
  type DocNode,
  type Item,
  type Layer,
  layerOf,
  MODE,
  NOTE_TYPES,
  type NodeId,
  ROOT,
} from "../model/types";
import { docs, edit, useDoc } from "../store/docs";
import { nodeRun, runs } from "../store/runs";
import { types, useWords } from "../store/types";
import { keyAt, reveal, ui } from "../store/ui";
import { CommandButton } from "./CommandButton";
import { duration } from "./format";
import { NodeForm } from "./NodeForm";
import { Empty, Panel } from "./Panel";
import { FixButton, Problems } from "./Problems";
import { ShownWidgets, SubgraphEnds } from "./SubgraphForm";
import { TypeDot } from "./TypeDot";

const NO_ITEMS: Item[] = [];
const NO_PATH: NodeId[] = [];
/** A form of more nodes than this shows the rest when asked. */
const FORM_STEP = 30;
/** The id of a subgraph's definition, which says nothing to anybody. */
const MADE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export default function Inspector() {
  const tab = useStore(docs, (state) => state.active);
  const doc = useDoc(tab, (open) => open.doc);
  const readOnly = useDoc(tab, (open) => open.readOnly) ?? false;
  const items = useStore(ui, (state) => (tab === null ? NO_ITEMS : (state.selection[tab] ?? NO_ITEMS)));
  const path = useStore(ui, (state) => (tab === null ? NO_PATH : (state.path[tab] ?? NO_PATH)));
  if (tab === null || doc === undefined) {
    return (
      <Panel name="inspector">
        <Empty>{t("inspector.nothingOpen")}</Empty>
      </Panel>
    );
  }
  const layer = keyAt(doc, path) ?? ROOT;
  const content = layerOf(doc, layer) ?? doc.root;
  const nodes = items
    .flatMap((item) => (item.kind === "node" ? [content.nodes[item.id]] : []))
    .filter((node) => !!node);
  const group = items.length === 1 && items[0]?.kind === "group" ? content.groups[items[0].id] : undefined;
  const [only] = nodes;
  const place = { tab, doc, layer, content, path, readOnly };
  let shown: ReactNode;
  if (group !== undefined) shown = <GroupView key={group.id} {...place} id={group.id} title={group.title} />;
  else if (nodes.length === 1 && only !== undefined) shown = <NodeView key={only.id} {...place} node={only} />;
  else if (nodes.length > 1) shown = <ManyView count={nodes.length} />;
  else shown = <WorkflowForm {...place} />;
  return (
    <Panel name="inspector">
      <Problems tab={tab} />
      {shown}
    </Panel>
  );
}

interface Place {
  tab: string;
  doc: Doc;
  layer: string;
  content: Layer;
  path: NodeId[];
  readOnly: boolean;
}

function NodeView({ node, ...place }: Place & { node: DocNode }) {
  const known = useStore(types, (state) => state.types);
  const type = typeOf(place.doc, node, known);
  const path = pathOf(place.path, node.id);
  const sub = place.doc.subs[node.type];
  return (
    <>
      <TitleField
        label={t("inspector.title")}
        value={node.title ?? ""}
        placeholder={type?.title ?? sub?.name ?? node.type}
        disabled={place.readOnly}
        onChange={(text) =>
          edit(place.tab, t("command.node.rename"), (doc) => setTitle(doc, place.layer, node.id, text), {
            layer: place.layer,
          })
        }
      />
      <div className="button-row">
        <CommandButton id="node.bypass" text={t("inspector.bypass")} pressed={node.mode === MODE.bypassed} />
        <CommandButton id="node.mute" text={t("inspector.mute")} pressed={node.mode === MODE.muted} />
        <CommandButton id="node.collapse" text={t("inspector.collapse")} pressed={node.collapsed === true} />
        <CommandButton id="run.toHere" icon="play" text={t("inspector.runToHere")} />
      </div>
      <RunFacts tab={place.tab} path={path} />
      {type === undefined && !NOTE_TYPES.includes(node.type) && <Unknown type={node.type} />}
      <NodeForm {...place} node={node} path={path} />
      {sub !== undefined && <ShownWidgets {...place} host={node} sub={sub} />}
      {type !== undefined && <Help type={type} node={node} />}
    </>
  );
}

function TitleField(props: {
  label: string;
  value: string;
  placeholder?: string;
  disabled: boolean;
  onChange(text: string): void;
}) {
  const [text, setText] = useState<string | null>(null);
  const done = () => {
    if (text !== null && text !== props.value) props.onChange(text);
    setText(null);
  };
  return (
    <label className="field">
      <span className="label">{props.label}</span>
      <input
        className="input"
        value={text ?? props.value}
        placeholder={props.placeholder}
        disabled={props.disabled}
        onChange={(event) => setText(event.target.value)}
        onBlur={done}
        onKeyDown={(event) => event.key === "Enter" && done()}
      />
    </label>
  );
}

function RunFacts({ tab, path }: { tab: string; path: string }) {
  const run = useStore(runs, (state) => nodeRun(state, tab, path));
  if (run === undefined) return null;
  const seconds = run.seconds === undefined ? "" : ` · ${duration(run.seconds)}`;
  const said = (
    <p className={run.state === "failed" ? "notice error" : "hint"} data-run={run.state}>
      {t(`inspector.run.${run.state}`)}
      {seconds}
      {run.error && `: ${run.error.message}`}
    </p>
  );
  if (run.state !== "failed" || !run.error) return said;
  return (
    <>
      {said}
      <FixButton tab={tab} problem={{ ...run.error, node_id: path }} />
    </>
  );
}

function Unknown({ type }: { type: string }) {
  return (
    <div className="notice warning">
      <p>{t("inspector.unknown", { type })}</p>
      <button type="button" className="button" onClick={() => void runCommand("node.replace")}>
        {t("command.node.replace")}
      </button>
    </div>
  );
}

function Help({ type, node }: { type: NodeType; node: DocNode }) {
  useWords();
  const { inputs, outputs } = socketsOf(node, type);
  const tips = new Map(type.inputs.map((input) => [input.name, input.tooltip]));
  return (
    <section className="panel-section" aria-label={t("inspector.help")}>
      <h3>{type.title}</h3>
      <p className="hint">
        {[type.category, type.pack, MADE_ID.test(type.id) ? "" : type.id].filter(Boolean).join(" · ") ||
          t("inspector.subgraph")}
      </p>
      {type.description && <p className="help-text">{coded(type.description)}</p>}
      <dl className="sockets">
        {inputs.map((socket) => (
          <div key={`in ${socket.name}`}>
            <dt>
              <TypeDot type={socket.type} /> {socket.label} <span className="dim">{socket.type}</span>
            </dt>
            {tips.get(socket.name) && <dd>{coded(tips.get(socket.name))}</dd>}
          </div>
        ))}
      </dl>
      {outputs.length > 0 && <h4>{t("inspector.outputs")}</h4>}
      <dl className="sockets">
        {outputs.map((output, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: outputs are told apart by their place
          <div key={index}>
            <dt>
              <TypeDot type={output.type} /> {output.name} <span className="dim">{output.type}</span>
            </dt>
            {type.outputs[index]?.tooltip && <dd>{coded(type.outputs[index].tooltip)}</dd>}
          </div>
        ))}
      </dl>
    </section>
  );
}

/** What stands between backticks is shown as code. */
function coded(text = ""): ReactNode[] {
  // biome-ignore lint/suspicious/noArrayIndexKey: parts of a text have no names
  return text.split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part));
}

function GroupView({ tab, layer, readOnly, id, title }: Place & { id: string; title: string }) {
  return (
    <>
      <TitleField
        label={t("inspector.groupTitle")}
        value={title}
        disabled={readOnly}
        onChange={(text) =>
          edit(tab, t("command.node.rename"), (doc) => setGroup(doc, layer, id, { title: text }), { layer })
        }
      />
      <div className="button-row">
        <CommandButton id="group.bypass" text={t("inspector.bypass")} />
        <CommandButton id="group.mute" text={t("inspector.mute")} />
        <CommandButton id="group.select" text={t("command.group.select")} />
      </div>
    </>
  );
}

const SIDES = ["left", "center", "right", "top", "middle", "bottom"];

function ManyView({ count }: { count: number }) {
  return (
    <>
      <p>{t("inspector.many", { n: count })}</p>
      <div className="button-row">
        {SIDES.map((side) => (
          <CommandButton key={side} id={`node.align.${side}`} text={t(`command.node.align.${side}`)} />
        ))}
      </div>
      <div className="button-row">
        {["node.bypass", "node.mute", "node.collapse", "group.add", "subgraph.make", "node.arrange"].map((id) => (
          <CommandButton key={id} id={id} text={t(`command.${id}`)} />
        ))}
      </div>
    </>
  );
}

/** All nodes that have values, in the order in which they run. */
function WorkflowForm(place: Place) {
  const known = useStore(types, (state) => state.types);
  const [most, setMost] = useState(FORM_STEP);
  const rank = ranks(place.content);
  const nodes = Object.values(place.content.nodes)
    .filter((node) => socketsOf(node, typeOf(place.doc, node, known)).widgets.length > 0)
    .sort((one, other) => (rank.get(one.id) ?? 0) - (rank.get(other.id) ?? 0) || one.pos[1] - other.pos[1]);
  const sub = place.doc.subs[place.layer];
  return (
    <>
      {sub !== undefined && <SubgraphEnds {...place} sub={sub} />}
      {nodes.length === 0 && <Empty>{t("inspector.noValues")}</Empty>}
      {nodes.slice(0, most).map((node) => (
        <section
          key={node.id}
          className="panel-section"
          aria-label={node.title ?? typeOf(place.doc, node, known)?.title}
        >
          <div className="section-head">
            <h3 className="clip">{node.title ?? typeOf(place.doc, node, known)?.title ?? node.type}</h3>
            <button
              type="button"
              className="link-button dim"
              onClick={() => reveal(place.tab, pathOf(place.path, node.id))}
            >
              #{node.id}
            </button>
          </div>
          <NodeForm {...place} node={node} path={pathOf(place.path, node.id)} />
        </section>
      ))}
      {nodes.length > most && (
        <button type="button" className="button" onClick={() => setMost(most + FORM_STEP)}>
          {t("inspector.more", { n: nodes.length - most })}
        </button>
      )}
    </>
  );
}
