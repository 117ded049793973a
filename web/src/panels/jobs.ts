// What one may do with jobs of the queue: the calls, how they are told, and how they are taken back. Shared by the queue,
// the gallery and the training panel. Draws nothing.

import { t } from "../i18n";
import type { JsonObject } from "../model/types";
import * as api from "../server/api";
import type { JobDetail } from "../server/protocol";
import { forgetJobs, noteJobs, showJob } from "../server/run";
import { runs, waitingJobs } from "../store/runs";
import { openAnswer } from "../store/save";
import type { JobRun, OutputItem } from "../store/shapes";
import { openDialog, toast } from "../store/ui";
import { attempt } from "./attempt";
import { noteRemoved } from "./history";
import "./jobs.css";

/** A result that is a file, with the job and the node that made it. */
export interface Picture {
  key: string;
  job: string;
  node: string;
  title: string;
  ended: number;
  item: OutputItem;
}

const PICTURE = /\.(png|jpe?g|webp|gif|avif|bmp)$/i;

/** Open the workflow that a job ran, as it was then, in a tab of its own. */
export function openJob(id: string): Promise<boolean> {
  return attempt(async () => {
    const job = await api.jobs.get(id);
    const answer = await api.open(workflowOf(job), job.title || t("queue.untitled"));
    const tab = openAnswer(answer, undefined, job.title || t("queue.untitled"));
    await showJob(tab, id);
  });
}

/** The document that a job was sent with, else its graph. */
export function workflowOf(job: JobDetail): JsonObject {
  const info = job.extra.extra_pnginfo as { workflow?: JsonObject } | undefined;
  return info?.workflow ?? (job.graph as JsonObject);
}

/** Cancel all jobs that wait; for ten seconds they can be had again, in their order. */
export function cancelWaiting(jobs: JobRun[]): Promise<boolean> {
  return attempt(async () => {
    const ids = jobs.map((job) => job.id);
    const { cancelled } = await api.queue.control({ cancel: { ids } });
    const gone = ids.filter((id) => cancelled.includes(id));
    const run = () =>
      void attempt(async () => {
        for (const id of gone) {
          noteJobs([await api.jobs.duplicate(id)]);
          await api.jobs.remove(id);
        }
        forgetJobs(gone);
        noteRemoved(gone);
      });
    toast("info", t("queue.cancelled", { n: gone.length }), { label: t("queue.undo"), run });
  });
}

/** Bring a waiting job to another place among those that wait. */
export function moveJob(id: string, to: number): Promise<boolean> {
  const waiting = waitingJobs(runs.getState());
  const rest = waiting.filter((job) => job.id !== id);
  const moved = waiting.find((job) => job.id === id);
  if (moved === undefined) return Promise.resolve(false);
  rest.splice(Math.max(0, Math.min(rest.length, to)), 0, moved);
  return attempt(() => api.jobs.reorder(rest, id));
}

/** Show what differs between two jobs, the older one first. */
export function compareJobs(one: JobRun, other: JobRun): void {
  const [older, newer] = one.sequence < other.sequence ? [one, other] : [other, one];
  openDialog({ kind: "diff", older: older.id, newer: newer.id });
}

/** The pictures among a job's results, in the order in which nodes made them. */
export function picturesOf(job: Pick<JobDetail, "id" | "title" | "ended" | "outputs">): Picture[] {
  const found: Picture[] = [];
  for (const [node, kinds] of Object.entries(job.outputs as Record<string, Record<string, OutputItem[]>>)) {
    for (const items of Object.values(kinds)) {
      if (!Array.isArray(items)) continue;
      for (const item of items) {
        if (typeof item?.filename !== "string" || !PICTURE.test(item.filename)) continue;
        const key = `${job.id} ${node} ${item.type}/${item.subfolder ?? ""}/${item.filename}`;
        found.push({ key, job: job.id, node, title: job.title, ended: job.ended ?? 0, item });
      }
    }
  }
  return found;
}
