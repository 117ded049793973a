// Two pictures one over the other, parted by a line that one moves: by pointer anywhere on them, or by keyboard.
// Knows no store and no server.

import { useState } from "react";
import { t } from "../i18n";
import "./media.css";

export interface ComparedPicture {
  url: string;
  label: string;
}

export function Compare({ left, right }: { left: ComparedPicture; right: ComparedPicture }) {
  const [percent, setPercent] = useState(50);
  return (
    <figure className="compare" style={{ "--at": `${percent}%` } as React.CSSProperties} data-compare>
      <img src={right.url} alt={right.label} draggable={false} />
      <img className="compare-left" src={left.url} alt={left.label} draggable={false} />
      <span className="compare-line" aria-hidden="true" />
      <figcaption className="compare-name start">{left.label || t("compare.left")}</figcaption>
      <span className="compare-name end">{right.label || t("compare.right")}</span>
      <input
        type="range"
        min={0}
        max={100}
        step={0.5}
        value={percent}
        aria-label={t("compare.position")}
        onChange={(event) => setPercent(Number(event.currentTarget.value))}
      />
    </figure>
  );
}
