// A node's values as a form: the same widgets as on the canvas, one below the other, with labels and help. For the
// inspector and for the form of a whole workflow, which is how one works on a phone. Changes go through `edit`.

import { memo, useMemo } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { linksInto } from "../model/graph";
import { socketsOf, typeOf, valueOf } from "../model/nodetypes";
import { setControl, setValue } from "../model/ops";
import type { Doc, DocNode, Json, Layer, LayerKey, NodePath, SeedControl } from "../model/types";
import { edit } from "../store/docs";
import { runs } from "../store/runs";
import { types } from "../store/types";
import { Widget } from "../widgets";

interface Props {
  tab: string;
  doc: Doc;
  layer: LayerKey;
  content: Layer;
  node: DocNode;
  path: NodePath;
  readOnly: boolean;
}

export const NodeForm = memo(function NodeForm({ tab, doc, layer, content, node, path, readOnly }: Props) {
  const known = useStore(types, (state) => state.types);
  const problems = useStore(runs, (state) => state.problems[tab]);
  const linked = useMemo(() => new Set(linksInto(content, node.id).map((link) => link.input)), [content, node.id]);
  const type = typeOf(doc, node, known);
  const { widgets } = socketsOf(node, type, linked);
  const change = (name: string) => (value: Json, gesture?: string) => {
    edit(tab, t("command.node.change", { name }), (draft) => setValue(draft, layer, node.id, name, value), {
      layer,
      ...(gesture && { gesture }),
    });
  };
  const control = (name: string) => (value: SeedControl) => {
    edit(tab, t("command.node.change", { name }), (draft) => setControl(draft, layer, node.id, name, value), { layer });
  };
  if (widgets.length === 0) return null;
  return (
    <div className="node-form w-form">
      {widgets.map((row) => {
        const widget = row.input.widget;
        const isTall = (widget.kind === "text" && widget.multiline) || widget.kind === "json";
        return (
          <div key={row.name} className={isTall ? "form-row tall" : "form-row"}>
            {isTall && <span className="label">{row.label}</span>}
            <Widget
              node={node}
              input={row.input}
              value={valueOf(node, row.input)}
              control={node.control?.[row.name]}
              disabled={readOnly || linked.has(row.name)}
              problem={problems?.find((problem) => problem.node_id === path && problem.input === row.name)}
              onChange={change(row.name)}
              onControl={control(row.name)}
              path={path}
            />
            {linked.has(row.name) && <span className="hint">{t("inspector.byWire")}</span>}
          </div>
        );
      })}
    </div>
  );
});
