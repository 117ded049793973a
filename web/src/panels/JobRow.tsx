// One job of the queue in one row: how it stands, what it made, and what one may do with it. Knows the calls of jobs.ts.

import { useRef } from "react";
import { t } from "../i18n";
import { Icon, type IconName } from "../icons";
import * as api from "../server/api";
import { viewUrl } from "../server/api";
import type { JobRun } from "../store/shapes";
import { openDialog } from "../store/ui";
import { attempt } from "./attempt";
import { ago, duration } from "./format";
import { type Ended, useResults } from "./history";
import { openJob, picturesOf } from "./jobs";
import type { MenuEntry } from "./menus";

export const JOB_ROW = 60;
const MOST_PICTURES = 3;

const ICONS: Record<JobRun["state"], IconName> = {
  pending: "queue",
  running: "play",
  done: "check",
  failed: "warning",
  cancelled: "stop",
};

interface Props {
  job: Ended & Partial<JobRun>;
  isSelected: boolean;
  onSelect(withRange: boolean): void;
  onRemove?(): void;
}

export function JobRow({ job, isSelected, onSelect, onRemove }: Props) {
  const more = useRef<HTMLButtonElement>(null);
  const title = job.title || t("queue.untitled");
  const openMenu = () => {
    const box = more.current?.getBoundingClientRect();
    openDialog({ kind: "menu", at: [box?.left ?? 0, box?.bottom ?? 0], entries: entriesFor(job, onRemove) });
  };
  return (
    <div className={`job ${job.state}`} data-job={job.id} data-state={job.state} data-held={job.held || undefined}>
      <input
        type="checkbox"
        aria-label={t("queue.selectJob", { title })}
        checked={isSelected}
        onChange={(event) => onSelect((event.nativeEvent as MouseEvent).shiftKey === true)}
      />
      <span className="job-state">
        <Icon name={job.held ? "pause" : ICONS[job.state]} />
      </span>
      <button
        type="button"
        className="job-main"
        title={t("queue.open", { title })}
        onClick={() => void openJob(job.id)}
      >
        <span className="job-title clip">
          {title} <span className="dim">#{job.sequence}</span>
        </span>
        <span className="job-line clip">
          <Line job={job} />
        </span>
      </button>
      {job.state === "done" && <Pictures id={job.id} title={title} />}
      <button
        ref={more}
        type="button"
        className="icon-button"
        aria-label={t("queue.actions", { title })}
        title={t("queue.actions", { title })}
        aria-haspopup="menu"
        onClick={openMenu}
      >
        <Icon name="more" />
      </button>
    </div>
  );
}

function Line({ job }: { job: Props["job"] }) {
  if (job.state === "running") return <Progress job={job} />;
  if (job.state === "pending") return <>{job.held ? t("queue.held") : t("queue.since", { when: ago(job.created) })}</>;
  const took = job.started && job.ended ? duration(job.ended - job.started) : "";
  const how = job.state === "failed" ? (job.error?.message ?? t("queue.state.failed")) : t(`queue.state.${job.state}`);
  return (
    <>
      <span className={job.state === "failed" ? "bad" : undefined}>{how}</span>
      {took && ` · ${took}`} · {ago(job.ended ?? job.created)}
    </>
  );
}

function Progress({ job }: { job: Props["job"] }) {
  const { done, total, note } = progressOf(job);
  return (
    <>
      <span
        className="progress"
        role="progressbar"
        aria-label={t("queue.progress", { title: job.title || t("queue.untitled") })}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(done * 100)}
      >
        <span style={{ width: `${done * 100}%`, display: "block" }} />
      </span>
      <span className="dim number">
        {note || (total > 0 ? `${Math.round(done * 100)} %` : t("queue.state.running"))}
      </span>
    </>
  );
}

/** How much of a running job is done: whole nodes, and the part of those that run. */
export function progressOf(job: Partial<JobRun>): { done: number; total: number; note: string } {
  const nodes = Object.values(job.nodes ?? {});
  const total = Math.max(job.nodesTotal ?? 0, nodes.length);
  if (total === 0) return { done: 0, total: 0, note: "" };
  let sum = 0;
  let note = "";
  for (const node of nodes) {
    if (node.state === "done" || node.state === "cached") sum += 1;
    if (node.state === "running" && node.total) {
      sum += (node.value ?? 0) / node.total;
      note = `${node.value ?? 0}/${node.total}`;
    }
  }
  return { done: Math.min(1, sum / total), total, note };
}

function Pictures({ id, title }: { id: string; title: string }) {
  const results = useResults(id);
  const pictures = results === null ? [] : picturesOf(results);
  return (
    <span className="job-pictures">
      {pictures.slice(0, MOST_PICTURES).map((picture, index) => (
        <button
          key={picture.key}
          type="button"
          className="thumb"
          aria-label={t("gallery.openPicture", { name: `${title} ${index + 1}` })}
          onClick={() => openDialog({ kind: "picture", picture, all: pictures })}
        >
          <img src={viewUrl(picture.item, { preview: "webp;80" })} alt="" loading="lazy" decoding="async" />
        </button>
      ))}
      {pictures.length > MOST_PICTURES && <span className="dim">+{pictures.length - MOST_PICTURES}</span>}
    </span>
  );
}

function entriesFor(job: Props["job"], onRemove?: () => void): MenuEntry[] {
  const act = (label: string, run: () => Promise<unknown>): MenuEntry => ({
    label: t(`queue.action.${label}`),
    run: () => void attempt(run),
  });
  const open: MenuEntry = { label: t("queue.action.edit"), run: () => void openJob(job.id) };
  const copy = act("again", () => api.jobs.duplicate(job.id));
  if (job.state === "pending") {
    return [
      open,
      act("front", () => api.jobs.front(job.id)),
      job.held ? act("release", () => api.jobs.release(job.id)) : act("hold", () => api.jobs.hold(job.id)),
      copy,
      "line",
      act("cancel", () => api.jobs.cancel(job.id)),
    ];
  }
  if (job.state === "running") return [open, copy, "line", act("cancel", () => api.jobs.cancel(job.id))];
  const retry = job.state === "done" ? [] : [act("retry", () => api.jobs.retry(job.id))];
  const remove: MenuEntry[] = onRemove ? ["line", { label: t("queue.action.remove"), run: onRemove }] : [];
  return [open, copy, ...retry, ...remove];
}
