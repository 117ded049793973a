// One socket of a node: a dot in its type's color and shape, its name, and what assistive technology reads. Gestures and
// keys find it by `data-socket`; it does nothing itself.

import { memo } from "react";
import { t } from "../i18n";
import { cssColor, shapeOf } from "./colors";

export interface SocketProps {
  side: "in" | "out";
  /** Name of an input, place of an output. */
  id: string | number;
  label: string;
  type: string;
  x: number;
  y: number;
  linked: boolean;
  required: boolean;
  isList?: boolean;
  /** Its row shows the name already, or there is no room. */
  bare: boolean;
  problem: string | undefined;
  tooltip: string;
}

export const Socket = memo(function Socket(props: SocketProps) {
  const { side, id, label, type, x, y, linked, required, isList, bare, problem, tooltip } = props;
  const name = label || type;
  const said = t(side === "in" ? "canvas.inputSocket" : "canvas.outputSocket", { name, type });
  const states = [
    linked ? t("canvas.linked") : t("canvas.notLinked"),
    required && !linked ? t("canvas.required") : "",
    problem ?? "",
  ];
  return (
    <>
      <button
        type="button"
        tabIndex={-1}
        className="socket"
        data-socket={`${side}:${id}`}
        data-shape={isList ? "list" : shapeOf(type)}
        data-linked={linked || undefined}
        data-required={(required && !linked) || undefined}
        data-problem={problem ? "" : undefined}
        style={{ left: x, top: y, "--socket": cssColor(type) } as React.CSSProperties}
        aria-label={[said, ...states].filter(Boolean).join(", ")}
        title={[`${name}: ${type}`, tooltip, problem].filter(Boolean).join("\n")}
      />
      {!bare && (
        <span className="socket-name" data-side={side} data-problem={problem ? "" : undefined} style={{ top: y }}>
          {name}
        </span>
      )}
    </>
  );
});
