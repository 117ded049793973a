// From a document to jobs: checked first, seeds drawn and shown, sent. What stands in the way is put where it can be
// seen, with the focus on the first place. Knows the stores; follows no run.

import { t } from "../i18n";
import { writeUi } from "../model/comfy_write";
import { upstream } from "../model/graph";
import { setValue } from "../model/ops";
import { drawSeeds } from "../model/seeds";
import { type Doc, layerOf, MODE, type NodePath, type Problem, ROOT, SUB_OUTPUT } from "../model/types";
import { check } from "../model/validate";
import { docs, edit, newId, openOf } from "../store/docs";
import { runningJobs, runs } from "../store/runs";
import { types } from "../store/types";
import { reveal, toast } from "../store/ui";
import * as api from "./api";
import { senderOf } from "./jobs";
import type { Job, Submission } from "./protocol";
import { noteJobs } from "./run";

const LONGEST_TITLE = 200;
/** Jobs go in one request up to this many characters of documents. */
const MOST_CHARACTERS = 8_000_000;

export interface RunRequest {
  /** Before all that wait. */
  front?: boolean;
  /** Only what these nodes need. */
  targets?: NodePath[];
  /** So many jobs, each with its own seeds. */
  count?: number;
  /** Send it although our own check found something; the server has the last word. */
  force?: boolean;
}

/** Run a document. Returns the jobs queued; none when something stands in the way, which is then shown. */
export async function runDocument(tab: string, request: RunRequest = {}): Promise<string[]> {
  const open = openOf(tab);
  if (open === undefined) return [];
  const { types: known, state } = types.getState();
  const targets = request.targets && runnable(open.doc, request.targets);
  // Without node types nothing can be said here; the server checks in any case.
  const found = state === "ready" && !request.force ? about(open.doc, check(open.doc, known), targets) : [];
  if (found.length > 0) {
    showProblems(tab, found);
    return [];
  }
  try {
    const queued: Job[] = [];
    for (const orders of batches(tab, request, targets)) {
      const answer = await api.jobs.submitMany(orders);
      noteJobs(answer);
      queued.push(...answer);
    }
    setProblems(tab, []);
    return queued.map((job) => job.id);
  } catch (error) {
    if (!(error instanceof api.ServerError)) throw error;
    const problems = error.problems.length > 0 ? error.problems : [error.problem];
    if (error.status === 400) showProblems(tab, problems);
    else toast("error", error.message);
    return [];
  }
}

/** Stop what runs: of the active document if something of it does, else whatever runs. */
export async function interrupt(): Promise<void> {
  const running = runningJobs(runs.getState());
  const { active } = docs.getState();
  const mine = running.filter((job) => job.document === active);
  const ids = (mine.length > 0 ? mine : running).map((job) => job.id);
  if (ids.length > 0) await api.queue.control({ cancel: { ids } });
}

/** Check a document, also with what only the server knows, and keep what was found. Returns it. */
export async function recheck(tab: string): Promise<Problem[]> {
  const open = openOf(tab);
  if (open === undefined) return [];
  const { types: known, state } = types.getState();
  let problems = state === "ready" ? check(open.doc, known) : [];
  if (problems.length === 0) {
    try {
      problems = (await api.check(writeUi(open.doc, known, {}))).problems;
    } catch {
      // Not reached: what can be said here has been said.
    }
  }
  if (openOf(tab)?.doc === open.doc) setProblems(tab, problems);
  return problems;
}

/** Draw the seeds of each job and write the jobs down. All drawing of one request is one step of undo. */
function* batches(tab: string, request: RunRequest, targets: NodePath[] | undefined): Generator<Submission[]> {
  const gesture = newId();
  const { types: known } = types.getState();
  let orders: Submission[] = [];
  let characters = 0;
  for (let number = 0; number < Math.max(1, request.count ?? 1); number += 1) {
    drawInto(tab, gesture);
    const open = openOf(tab);
    if (open === undefined) return;
    const graph = writeUi(open.doc, known, {}) as unknown as NonNullable<Submission["graph"]>;
    characters += JSON.stringify(graph).length;
    if (orders.length > 0 && characters > MOST_CHARACTERS) {
      yield orders;
      [orders, characters] = [[], 0];
    }
    orders.push({
      graph,
      title: printable(open.title),
      front: request.front ?? false,
      client_id: senderOf(open.doc.id),
      extra: { latentloom: { document: open.doc.id } },
      ...(targets && { targets }),
    });
  }
  // Of several that go to the front, the last to come would be the first to run.
  yield request.front ? orders.reverse() : orders;
}

function drawInto(tab: string, gesture: string): void {
  const open = openOf(tab);
  if (open === undefined || open.readOnly) return;
  const seeds = drawSeeds(open.doc, types.getState().types, Math.random);
  if (seeds.length === 0) return;
  const label = t("store.drawSeeds");
  edit(
    tab,
    label,
    (doc) => {
      for (const { layer, id, widget, value } of seeds) setValue(doc, layer, id, widget, value);
    },
    { gesture, layer: ROOT },
  );
}

function setProblems(tab: string, problems: Problem[]): void {
  const before = runs.getState().problems[tab] ?? [];
  if (before.length === 0 && problems.length === 0) return;
  runs.setState((state) => ({ problems: { ...state.problems, [tab]: problems } }));
}

/** Keep the problems and go to the first that has a place. */
export function showProblems(tab: string, problems: Problem[]): void {
  setProblems(tab, problems);
  const first = problems.find((problem) => problem.node_id !== null) ?? problems[0];
  if (first === undefined) return;
  if (first.node_id !== null) reveal(tab, first.node_id, first.input);
  toast(
    "error",
    problems.length === 1 ? first.message : t("store.problems", { n: problems.length, first: first.message }),
  );
}

/** Problems that stand in the way of these targets. */
function about(doc: Doc, problems: Problem[], targets: NodePath[] | undefined): Problem[] {
  if (targets === undefined) return problems;
  const needed = upstream(doc.root, new Set(targets.map(rootOf)));
  for (const target of targets) needed.add(rootOf(target));
  return problems.filter(({ node_id: id }) => id !== null && needed.has(rootOf(id)));
}

function rootOf(path: NodePath): string {
  return path.split(":", 1)[0] ?? path;
}

/** Targets as the server knows them: of a subgraph's node, the inner nodes that make its outputs; none that never run. */
function runnable(doc: Doc, targets: NodePath[]): NodePath[] | undefined {
  const found = targets.flatMap((path) => inner(doc, path));
  return found.length > 0 ? [...new Set(found)] : undefined;
}

function inner(doc: Doc, path: NodePath): NodePath[] {
  let layer = layerOf(doc, ROOT);
  let node = layer?.nodes[rootOf(path)];
  for (const id of path.split(":").slice(1)) {
    layer = node && doc.subs[node.type];
    node = layer?.nodes[id];
  }
  if (node === undefined || node.mode !== MODE.always) return [];
  const sub = doc.subs[node.type];
  if (sub === undefined) return [path];
  const ends = Object.values(sub.links).filter((link) => link.to === SUB_OUTPUT);
  const makers = new Set(ends.map((link) => link.from).filter((id) => sub.nodes[id] !== undefined));
  // One without outputs is there for what it does: its ends are the nodes that feed no other.
  if (makers.size === 0) {
    const feeding = new Set(Object.values(sub.links).map((link) => link.from));
    for (const id of Object.keys(sub.nodes)) if (!feeding.has(id)) makers.add(id);
  }
  return [...makers].flatMap((id) => inner(doc, `${path}:${id}`));
}

function printable(title: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the server refuses them
  return title.replace(/[\u0000-\u001f\u007f]/g, " ").slice(0, LONGEST_TITLE);
}
