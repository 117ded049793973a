// The frame of a panel: a region with a heading, its own buttons and a way to close it. The keyboard's focus goes to the
// heading when it opens. Knows no particular panel.

import { type ReactNode, useEffect, useRef } from "react";
import { t } from "../i18n";
import { Icon } from "../icons";
import type { PanelName } from "../store/shapes";
import { ui } from "../store/ui";
import "./panel.css";

interface Props {
  name: PanelName;
  /** Buttons beside the heading. */
  actions?: ReactNode;
  children: ReactNode;
}

export function Panel({ name, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each panel that is opened
  useEffect(() => {
    if (document.activeElement?.closest(".rail, .topbar") !== null) heading.current?.focus({ preventScroll: true });
  }, [name]);
  return (
    <section className={`panel panel-${name}`} data-panel={name} aria-labelledby={`panel-${name}-title`}>
      <header className="panel-title">
        <h2 id={`panel-${name}-title`} ref={heading} tabIndex={-1}>
          {t(`panel.${name}`)}
        </h2>
        <div className="panel-actions">{actions}</div>
        <button
          type="button"
          className="icon-button"
          aria-label={t("panel.close")}
          title={t("panel.close")}
          onClick={() => ui.setState({ panel: null })}
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="panel-body">{children}</div>
    </section>
  );
}

/** What a panel says when there is nothing to show. */
export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}
