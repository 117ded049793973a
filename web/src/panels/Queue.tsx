// The queue: what runs, what waits and in which order, what has ended. Waiting jobs are moved by their handle or with
// Alt and the arrow keys; several are chosen with their boxes. Knows the runs' store and the calls of jobs.ts.

import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { t } from "../i18n";
import { Icon } from "../icons";
import * as api from "../server/api";
import { forgetJobs } from "../server/run";
import { announce } from "../store/page";
import { runningJobs, runs, waitingJobs } from "../store/runs";
import type { JobRun } from "../store/shapes";
import { toast } from "../store/ui";
import { attempt } from "./attempt";
import { CommandButton } from "./CommandButton";
import { type Ended, noteRemoved, useHistory } from "./history";
import { JOB_ROW, JobRow } from "./JobRow";
import { cancelWaiting, compareJobs, moveJob } from "./jobs";
import { Empty, Panel } from "./Panel";
import { VirtualList } from "./VirtualList";

const UNDO_MS = 10_000;

export default function Queue() {
  const running = useStore(runs, useShallow(runningJobs));
  const waiting = useStore(runs, useShallow(waitingJobs));
  const paused = useStore(runs, (state) => state.paused !== "no");
  const history = useHistory();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const clearing = useClearing(history);
  const order = useMemo(() => [...running, ...waiting, ...history.jobs], [running, waiting, history.jobs]);
  const chosen = order.filter((job) => selected.has(job.id));
  const select = (id: string, range: boolean) => {
    const next = new Set(selected);
    const from = order.findIndex((job) => job.id === last.current);
    const to = order.findIndex((job) => job.id === id);
    if (range && from >= 0) for (const job of order.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(job.id);
    else if (next.has(id)) next.delete(id);
    else next.add(id);
    last.current = id;
    setSelected(next);
  };
  const row = (job: JobRun | Ended, onRemove?: () => void) => (
    <JobRow
      job={job}
      isSelected={selected.has(job.id)}
      onSelect={(range) => select(job.id, range)}
      onRemove={onRemove}
    />
  );
  const onKey = (event: KeyboardEvent, job: JobRun | Ended, index: number) => {
    if (event.key === "Delete" || event.key === "Backspace") {
      if (job.ended !== null) clearing.clear([job.id]);
      else void attempt(() => api.jobs.cancel(job.id));
    } else if (event.key === " ") select(job.id, event.shiftKey);
    else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown") && job.state === "pending") {
      const to = index + (event.key === "ArrowUp" ? -1 : 1);
      if (to >= 0 && to < waiting.length) {
        void moveJob(job.id, to);
        announce(t("queue.moved", { place: to + 1, n: waiting.length }));
      }
    } else return;
    event.preventDefault();
  };
  const nothing = running.length + waiting.length + history.jobs.length === 0;
  return (
    <Panel
      name="queue"
      actions={
        <>
          <CommandButton id="queue.pause" icon={paused ? "play" : "pause"} className="icon-button" pressed={paused} />
          <CommandButton id="run.interrupt" icon="stop" className="icon-button" />
        </>
      }
    >
      {chosen.length > 0 && (
        <Selection chosen={chosen} onDone={() => setSelected(new Set())} onClear={(ids) => clearing.clear(ids)} />
      )}
      {paused && <p className="notice warning">{t("queue.paused")}</p>}
      {nothing && <Empty>{t("queue.empty")}</Empty>}
      {running.length > 0 && (
        <Section title={t("queue.running", { n: running.length })}>
          <VirtualList
            items={running as (JobRun | Ended)[]}
            rowHeight={JOB_ROW}
            label={t("queue.running", { n: running.length })}
            keyOf={(job) => job.id}
            onKey={onKey}
            render={(job) => row(job)}
          />
        </Section>
      )}
      {waiting.length > 0 && (
        <Section
          title={t("queue.waiting", { n: waiting.length })}
          action={
            <button
              type="button"
              className="button quiet"
              data-action="cancel-all"
              onClick={() => void cancelWaiting(waiting)}
            >
              {t("queue.cancelAll")}
            </button>
          }
        >
          <VirtualList
            items={waiting as (JobRun | Ended)[]}
            rowHeight={JOB_ROW}
            label={t("queue.waiting", { n: waiting.length })}
            keyOf={(job) => job.id}
            onKey={onKey}
            render={(job, index) => (
              <div className="job-draggable">
                <Handle job={job as JobRun} index={index} count={waiting.length} />
                {row(job)}
              </div>
            )}
          />
        </Section>
      )}
      {history.jobs.length > 0 && (
        <Section
          title={t("queue.ended")}
          action={
            <button type="button" className="button quiet" data-action="clear" onClick={() => clearing.clear(null)}>
              {t("queue.clear")}
            </button>
          }
        >
          <VirtualList
            items={history.jobs as (JobRun | Ended)[]}
            rowHeight={JOB_ROW}
            label={t("queue.ended")}
            keyOf={(job) => job.id}
            onKey={onKey}
            onEnd={history.more}
            render={(job) => row(job, () => clearing.clear([job.id]))}
          />
        </Section>
      )}
    </Panel>
  );
}

function Section({ title, action, children }: { title: string; action?: React.ReactNode; children: React.ReactNode }) {
  return (
    <section className="panel-section" aria-label={title}>
      <div className="section-head">
        <h3>{title}</h3>
        {action}
      </div>
      {children}
    </section>
  );
}

function Selection({
  chosen,
  onDone,
  onClear,
}: {
  chosen: (JobRun | Ended)[];
  onDone(): void;
  onClear(ids: string[]): void;
}) {
  const open = chosen.filter((job) => job.ended === null);
  const ended = chosen.filter((job) => job.ended !== null);
  const [one, other] = chosen;
  const cancel = async () => {
    if (await attempt(() => api.queue.control({ cancel: { ids: open.map((job) => job.id) } }))) onDone();
  };
  return (
    <div className="selection-bar" role="toolbar" aria-label={t("queue.chosen", { n: chosen.length })}>
      <span className="grow">{t("queue.chosen", { n: chosen.length })}</span>
      {chosen.length === 2 && one && other && (
        <button
          type="button"
          className="button"
          data-action="diff"
          onClick={() => compareJobs(one as JobRun, other as JobRun)}
        >
          <Icon name="compare" />
          {t("queue.diff")}
        </button>
      )}
      {open.length > 0 && (
        <button type="button" className="button danger" data-action="cancel" onClick={() => void cancel()}>
          {t("queue.cancel", { n: open.length })}
        </button>
      )}
      {ended.length > 0 && (
        <button
          type="button"
          className="button"
          data-action="remove"
          onClick={() => {
            onClear(ended.map((job) => job.id));
            onDone();
          }}
        >
          {t("queue.remove", { n: ended.length })}
        </button>
      )}
      <button type="button" className="icon-button" aria-label={t("queue.chooseNone")} onClick={onDone}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** The handle by which a waiting job is dragged to another place. */
function Handle({ job, index, count }: { job: JobRun; index: number; count: number }) {
  const [by, setBy] = useState(0);
  const start = useRef(0);
  const onMove = (event: PointerEvent) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const row = event.currentTarget.closest<HTMLElement>("[data-row]")?.offsetHeight ?? JOB_ROW;
    const steps = Math.round((event.clientY - start.current) / row);
    setBy(Math.max(-index, Math.min(count - 1 - index, steps)));
  };
  const onUp = () => {
    if (by !== 0) void moveJob(job.id, index + by);
    setBy(0);
  };
  return (
    <span
      className="job-handle"
      aria-hidden="true"
      title={t("queue.drag")}
      data-by={by || undefined}
      onPointerDown={(event) => {
        start.current = event.clientY;
        event.currentTarget.setPointerCapture(event.pointerId);
        event.preventDefault();
      }}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerCancel={() => setBy(0)}
    >
      ⠿{by !== 0 && <span className="job-target">{index + by + 1}</span>}
    </span>
  );
}

/** Forget ended jobs ten seconds after they were taken off the list, unless that is taken back. */
function useClearing({ jobs, hide }: ReturnType<typeof useHistory>): { clear(ids: string[] | null): void } {
  const orders = useRef(new Map<number, { test(job: Ended): boolean; finish(): void }>());
  useEffect(() => {
    const open = orders.current;
    return () => {
      // The panel closes: what was cleared is cleared, it only waited for a change of mind.
      for (const [timer, order] of [...open]) {
        window.clearTimeout(timer);
        order.finish();
      }
    };
  }, []);
  const show = () => {
    const tests = [...orders.current.values()];
    hide((job) => tests.some((order) => order.test(job)));
  };
  const clear = (ids: string[] | null) => {
    const until = Date.now() / 1000;
    const chosen = ids === null ? jobs.map((job) => job.id) : ids;
    const named = new Set(chosen);
    const test = (job: Ended) => (ids === null ? (job.ended ?? 0) <= until : named.has(job.id));
    const timer = window.setTimeout(() => finish(), UNDO_MS);
    const finish = () => {
      orders.current.delete(timer);
      // What ended since is not meant: the server's "all" would take it too.
      const isAll = ids === null && !Object.values(runs.getState().jobs).some((job) => (job.ended ?? 0) > until);
      void attempt(async () => {
        if (isAll) await api.jobs.clear();
        else for (const id of chosen) await api.jobs.remove(id);
        forgetJobs(chosen);
        noteRemoved(chosen);
      });
    };
    orders.current.set(timer, { test, finish });
    show();
    const run = () => {
      window.clearTimeout(timer);
      orders.current.delete(timer);
      show();
    };
    const text = ids === null ? t("queue.cleared") : t("queue.removed", { n: ids.length });
    toast("info", text, { label: t("queue.undo"), run });
  };
  return { clear };
}
