// The runs store: the queue, what each node of a run does, pictures on their way. Filled by `server/run.ts`; here stand
// the store and how it is read. Knows no server and no document.

import { createStore } from "zustand/vanilla";
import type { NodePath } from "../model/types";
import type { JobRun, NodeRun, OutputItem, Preview, RunsState } from "./shapes";

export type Outputs = Record<string, OutputItem[]>;

export interface RunsStore extends RunsState {
  /** By document, a space and path: the last results of a node, of whatever run; shown until newer ones come. */
  results: Record<string, { job: string; outputs: Outputs }>;
}

export const runs = createStore<RunsStore>(() => ({
  connection: "connecting",
  paused: "no",
  jobs: {},
  shown: {},
  previews: {},
  problems: {},
  results: {},
}));

/** The job whose state a document's nodes show. */
export function shownJob(state: RunsState, document: string): JobRun | undefined {
  const id = state.shown[document];
  return id === undefined ? undefined : state.jobs[id];
}

/** What a node of a document does in the run shown; of a subgraph's node: what its inner nodes do together. */
export function nodeRun(state: RunsState, document: string, path: NodePath): NodeRun | undefined {
  return shownJob(state, document)?.nodes[path];
}

/** The picture on its way of a node, or of one inside it. */
export function previewOf(state: RunsState, document: string, path: NodePath): Preview | undefined {
  const id = state.shown[document];
  return id === undefined ? undefined : state.previews[`${id} ${path}`];
}

/** A node's results: of the run shown, else the last that there were. */
export function outputsOf(state: RunsStore, document: string, path: NodePath): Outputs | undefined {
  return nodeRun(state, document, path)?.outputs ?? state.results[`${document} ${path}`]?.outputs;
}

/** Jobs that wait in the order in which they will run. */
export function waitingJobs(state: RunsState): JobRun[] {
  return Object.values(state.jobs)
    .filter((job) => job.state === "pending")
    .sort((one, other) => one.priority - other.priority || one.sequence - other.sequence);
}

/** Jobs that run, the first that started first. */
export function runningJobs(state: RunsState): JobRun[] {
  return Object.values(state.jobs)
    .filter((job) => job.state === "running")
    .sort((one, other) => (one.started ?? 0) - (other.started ?? 0));
}

/** Jobs that have ended, the newest first. */
export function endedJobs(state: RunsState): JobRun[] {
  return Object.values(state.jobs)
    .filter((job) => job.ended !== null)
    .sort((one, other) => (other.ended ?? 0) - (one.ended ?? 0) || other.sequence - one.sequence);
}

/** Show the nodes of a document as they were in this job. */
export function setShown(document: string, job: string): void {
  if (runs.getState().shown[document] === job) return;
  runs.setState((state) => ({ shown: { ...state.shown, [document]: job } }));
}
