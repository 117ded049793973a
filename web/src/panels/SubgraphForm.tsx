// Forms for subgraphs: which inner widgets an instance shows, and the ends that a definition has. Changes go through
// `edit`; links of all instances follow, which is the model's work.

import { useState } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { Icon } from "../icons";
import { socketsOf, typeOf } from "../model/nodetypes";
import { addSubInput, addSubOutput, exposeWidget, hideWidget, removeSubSlot, renameSubSlot } from "../model/subgraph";
import type { Doc, DocNode, Sub, SubSlot } from "../model/types";
import { edit } from "../store/docs";
import { types } from "../store/types";
import { TypeDot } from "./TypeDot";

interface Place {
  tab: string;
  doc: Doc;
  layer: string;
  readOnly: boolean;
}

/** Boxes for the widgets of inner nodes: those checked stand on the subgraph's own node. */
export function ShownWidgets({ tab, doc, layer, readOnly, host, sub }: Place & { host: DocNode; sub: Sub }) {
  const known = useStore(types, (state) => state.types);
  const rows = Object.values(sub.nodes).flatMap((node) => {
    const type = typeOf(doc, node, known);
    const title = node.title ?? type?.title ?? node.type;
    return socketsOf(node, type).widgets.map((row) => ({ inner: node.id, name: row.name, label: row.label, title }));
  });
  const isShown = (inner: string, name: string) =>
    (host.shown ?? []).some(([id, widget]) => id === inner && widget === name);
  return (
    <details className="panel-section">
      <summary>{t("inspector.shownWidgets")}</summary>
      <ul className="list">
        {rows.map(({ inner, name, label, title }) => (
          <li key={`${inner} ${name}`}>
            <label className="check">
              <input
                type="checkbox"
                checked={isShown(inner, name)}
                disabled={readOnly}
                onChange={(event) => {
                  const work = event.target.checked ? exposeWidget : hideWidget;
                  edit(tab, t("inspector.shownWidgets"), (draft) => work(draft, layer, host.id, inner, name), {
                    layer,
                  });
                }}
              />
              <span>
                {label} <span className="dim">{title}</span>
              </span>
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** The inputs and outputs of the subgraph that is shown. */
export function SubgraphEnds({ tab, layer, readOnly, sub }: Place & { sub: Sub }) {
  return (
    <section className="panel-section" aria-label={t("inspector.ends")}>
      <h3>{t("inspector.ends")}</h3>
      {(["input", "output"] as const).map((side) => (
        <div key={side}>
          <div className="section-head">
            <h4>{t(`inspector.end.${side}`)}</h4>
            <button
              type="button"
              className="icon-button"
              aria-label={t(`inspector.addEnd.${side}`)}
              title={t(`inspector.addEnd.${side}`)}
              disabled={readOnly}
              onClick={() => {
                const add = side === "input" ? addSubInput : addSubOutput;
                edit(tab, t(`inspector.addEnd.${side}`), (doc) => void add(doc, sub.id, { name: side, type: "*" }), {
                  layer,
                });
              }}
            >
              <Icon name="plus" />
            </button>
          </div>
          <ul className="list">
            {(side === "input" ? sub.inputs : sub.outputs).map((slot) => (
              <End key={slot.id} {...{ tab, layer, readOnly, sub, side, slot }} />
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

function End(props: {
  tab: string;
  layer: string;
  readOnly: boolean;
  sub: Sub;
  side: "input" | "output";
  slot: SubSlot;
}) {
  const { tab, layer, readOnly, sub, side, slot } = props;
  const [text, setText] = useState<string | null>(null);
  const rename = () => {
    const name = text?.trim() ?? "";
    if (name !== "" && name !== slot.name) {
      edit(tab, t("command.node.rename"), (doc) => renameSubSlot(doc, sub.id, side, slot.id, name), { layer });
    }
    setText(null);
  };
  return (
    <li className="end-row">
      <TypeDot type={slot.type} />
      <input
        className="input"
        aria-label={t("inspector.endName", { name: slot.label ?? slot.name })}
        value={text ?? slot.label ?? slot.name}
        disabled={readOnly}
        onChange={(event) => setText(event.target.value)}
        onBlur={rename}
        onKeyDown={(event) => event.key === "Enter" && rename()}
      />
      <span className="dim">{slot.type}</span>
      <button
        type="button"
        className="icon-button"
        aria-label={t("inspector.removeEnd", { name: slot.name })}
        disabled={readOnly}
        onClick={() =>
          edit(tab, t("inspector.removeEnd", { name: slot.name }), (doc) => removeSubSlot(doc, sub.id, side, slot.id), {
            layer,
          })
        }
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
