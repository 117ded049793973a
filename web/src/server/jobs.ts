// Jobs as the runs store keeps them: made from what the server says, never turned back by something older, let go of
// when there are too many. Pure; knows no store and no connection.

import type { Problem } from "../model/types";
import type { JobRun } from "../store/shapes";
import type { Job } from "./protocol";
import type { JobTracker } from "./track";

/** Ended jobs that the store lists; panels fetch older ones themselves. */
export const MOST_ENDED = 200;
/** Jobs whose nodes are known, and how many nodes in all. */
const MOST_DETAILED = 50;
const MOST_NODES = 12_000;

/** A job as an answer or an event of the server tells it; events tell less. */
export type JobFacts = Pick<Job, "id"> & Partial<Omit<Job, "error">> & { error?: unknown };

const SENDER = "document:";

/** How a document calls itself as the sender of a job. */
export function senderOf(document: string): string {
  return SENDER + document;
}

/** The document that a job was sent from, by its sender. */
export function documentOf(sender: string | null): string | null {
  return sender?.startsWith(SENDER) ? sender.slice(SENDER.length) : null;
}

export function newJob(id: string): JobRun {
  return {
    ...{ id, document: null, title: "", state: "pending", held: false, priority: 0, sequence: 0, created: 0 },
    ...{ started: null, ended: null, error: null, nodes: {}, nodesTotal: 0, curves: {} },
  };
}

/**
 * Return the job with what the server says of it. An end is final: an older state does not take it back. `isAnswer`: the
 * facts answer a request, and may be older than what events told meanwhile; only an event takes a run back.
 */
export function joined(before: JobRun | undefined, facts: JobFacts, isAnswer = false): JobRun {
  const base = before ?? newJob(facts.id);
  const { client_id: sender, nodes, error = base.error, ...rest } = facts;
  const document = sender === undefined ? base.document : (documentOf(sender) ?? base.document);
  const known = { ...base, document, nodesTotal: nodes ?? base.nodesTotal };
  // The answer to a submission may come after the end of the job: only who sent it is news then.
  if (base.ended !== null && facts.ended === null) return known;
  if (isAnswer && base.state === "running" && facts.state === "pending") return known;
  const { state, title, held, priority, sequence, created, started, ended } = { ...base, ...rest };
  return {
    ...known,
    ...{ state, title, held, priority, sequence, created, started, ended },
    error: error as Problem | null,
  };
}

/** Whether a document should show this job from now on, and not the one that it shows. */
export function takesOver(job: JobRun, before: JobRun | undefined, now: JobRun | undefined): boolean {
  if (now === undefined) return true;
  if (before?.state === job.state && before.document === job.document) return false;
  if (job.state === "running" && now.state !== "running") return true;
  return now.ended !== null && job.sequence > now.sequence;
}

/**
 * Let go of what is too old: the nodes of jobs beyond some dozen, with their trackers, and ended jobs beyond some
 * hundred. Changes `jobs` and `trackers`, the longest untouched of which stand first; spares those of `shown`.
 */
export function trimmed(
  jobs: Record<string, JobRun>,
  shown: Set<string>,
  trackers: Map<string, JobTracker>,
): Record<string, JobRun> {
  let nodes = 0;
  for (const tracker of trackers.values()) nodes += tracker.size;
  for (const [id, tracker] of [...trackers]) {
    if (trackers.size <= MOST_DETAILED && nodes <= MOST_NODES) break;
    const job = jobs[id];
    if (shown.has(id) || (job !== undefined && job.ended === null)) continue;
    nodes -= tracker.size;
    trackers.delete(id);
    if (job !== undefined) jobs[id] = { ...job, nodes: {}, curves: {} };
  }
  const ended = Object.values(jobs).filter((job) => job.ended !== null && !shown.has(job.id));
  if (ended.length > MOST_ENDED) {
    ended.sort((one, other) => one.sequence - other.sequence);
    for (const job of ended.slice(0, ended.length - MOST_ENDED)) delete jobs[job.id];
  }
  return jobs;
}
