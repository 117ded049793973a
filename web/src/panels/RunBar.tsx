// Run, how often, stop, how many wait, and whether the server is there. Knows the runs' store and commands by name.

import { useEffect, useRef } from "react";
import { useStore } from "zustand";
import { runCommand } from "../commands";
import { t } from "../i18n";
import { Icon } from "../icons";
import { keysOf } from "../keys";
import { docs } from "../store/docs";
import { announce, page } from "../store/page";
import { runs } from "../store/runs";
import type { RunsState } from "../store/shapes";
import { openDialog, togglePanel } from "../store/ui";
import { CommandButton } from "./CommandButton";

const MOST_RUNS = 100;

export function RunBar() {
  const count = useStore(page, (state) => state.runCount);
  const isOpen = useStore(docs, (state) => state.active !== null);
  const waiting = useStore(runs, (state) => number(state, "pending"));
  const running = useStore(runs, (state) => number(state, "running"));
  const paused = useStore(runs, (state) => state.paused !== "no");
  const connection = useStore(runs, (state) => state.connection);
  useEndsSpoken();
  const more = useRef<HTMLButtonElement>(null);
  const run = t("run.run");
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out like the rest of the bar everywhere
    <div className="run-bar" role="group" aria-label={run}>
      {connection !== "open" && (
        <span className={`connection ${connection}`} role="status">
          {t(`run.connection.${connection}`)}
        </span>
      )}
      <label className="run-count" title={t("run.count")}>
        <span className="sr-only">{t("run.count")}</span>
        <input
          type="number"
          min={1}
          max={MOST_RUNS}
          value={count}
          onChange={(event) => page.setState({ runCount: clamp(event.target.valueAsNumber) })}
        />
      </label>
      <button
        type="button"
        className="button primary run"
        data-command="run.queue"
        disabled={!isOpen || connection !== "open"}
        title={`${t("command.run.queue")} (${keysOf("run.queue")[0] ?? ""})`}
        onClick={() => void runCommand("run.queue")}
      >
        <Icon name="play" />
        <span>{run}</span>
      </button>
      <button
        ref={more}
        type="button"
        className="button primary run-more"
        aria-label={t("run.more")}
        title={t("run.more")}
        aria-haspopup="menu"
        onClick={() => {
          const box = more.current?.getBoundingClientRect();
          openDialog({ kind: "menu", at: [box?.left ?? 0, (box?.bottom ?? 0) + 4], target: { kind: "run" } });
        }}
      >
        <Icon name="down" />
      </button>
      {running > 0 && <CommandButton id="run.interrupt" icon="stop" className="icon-button danger" />}
      <button
        type="button"
        className="button queue-state"
        aria-label={t("run.queueState", { all: running + waiting, running, n: waiting })}
        title={t("run.queueState", { all: running + waiting, running, n: waiting })}
        onClick={() => togglePanel("queue")}
      >
        <Icon name={paused ? "pause" : "queue"} />
        <span aria-hidden="true">{running + waiting}</span>
      </button>
    </div>
  );
}

/** Say the end of each run to screen readers: it is seen on the canvas, far from where the focus is. */
function useEndsSpoken(): void {
  useEffect(
    () =>
      runs.subscribe((state, before) => {
        for (const [id, job] of Object.entries(state.jobs)) {
          const was = before.jobs[id];
          if (was === undefined || was === job || was.ended !== null || job.ended === null) continue;
          announce(t(`run.ended.${job.state}`, { title: job.title || id.slice(0, 8) }));
        }
      }),
    [],
  );
}

function number(state: RunsState, wanted: "pending" | "running"): number {
  let found = 0;
  for (const id in state.jobs) if (state.jobs[id]?.state === wanted) found++;
  return found;
}

function clamp(value: number): number {
  return Number.isFinite(value) ? Math.min(MOST_RUNS, Math.max(1, Math.round(value))) : 1;
}
