// What the nodes of one job do, worked out from its events. A node that expanded into others, and a subgraph's node,
// shows what those inside do together. Plain data in and out; knows no store and no socket.

import type { NodePath } from "../model/types";
import type { JobRun, NodeRun, OutputItem } from "../store/shapes";
import type { JobDetail, LoomEvent } from "./protocol";

type Outputs = Record<string, OutputItem[]>;
type Curve = JobRun["curves"][string];

/** Points of a curve that are kept; then every second one goes, as on the server. */
const CURVE_POINTS = 4096;

/** The paths of the subgraph nodes around a node, the nearest first: "12:7:3" lies in "12:7" and "12". */
export function enclosing(path: NodePath): NodePath[] {
  const found: NodePath[] = [];
  for (let at = path.lastIndexOf(":"); at > 0; at = path.lastIndexOf(":", at - 1)) found.push(path.slice(0, at));
  return found;
}

export class JobTracker {
  /** By the id under which a node ran; those that a node expanded into have ids of their own ("2.0.0.1"). */
  private readonly raw = new Map<string, NodeRun>();
  /** By path of a node of the document: which of them it stands for. */
  private readonly members = new Map<NodePath, Set<string>>();
  private readonly dirty = new Set<NodePath>();
  private readonly curves = new Map<string, Curve>();
  private readonly dirtyCurves = new Set<string>();
  /** Results that a snapshot held, each as text with its count: the same may come once more as an event. */
  private readonly already = new Map<string, number>();

  /** Take one event of the job; kinds that say nothing of nodes are passed over. */
  take(event: LoomEvent): void {
    switch (event.kind) {
      case "queued":
        for (const node of event.data.nodes) this.set(node, displayOf(node), { state: "queued" });
        break;
      case "cached":
        for (const node of event.data.nodes) this.set(node, displayOf(node), { state: "cached" });
        break;
      case "started": {
        const { node, display } = event.data;
        // Results of an earlier attempt do not count any more; those of a snapshot may be of this one.
        const outputs = this.already.size > 0 ? this.raw.get(node)?.outputs : undefined;
        this.set(node, display, { state: "running", started: event.at * 1000, ...(outputs && { outputs }) });
        break;
      }
      case "progress": {
        const { node, display, value, total, note } = event.data;
        const before = this.raw.get(node);
        // Progress may overtake nothing, but be replayed never: a node that is done stays so.
        if (before !== undefined && before.state !== "running" && before.state !== "queued") break;
        const said = noteText(note);
        this.set(node, display, {
          ...before,
          state: "running",
          value: value ?? undefined,
          total: total ?? undefined,
          ...(said && { note: said }),
        });
        break;
      }
      case "finished": {
        const { node, display, seconds } = event.data;
        const { outputs } = this.raw.get(node) ?? {};
        this.set(node, display, { state: "done", seconds, ...(outputs && { outputs }) });
        break;
      }
      case "failed": {
        const { node, display, error, blocked } = event.data;
        for (const other of blocked) this.set(other, displayOf(other), { state: "blocked" });
        this.set(node, display, { state: "failed", error });
        break;
      }
      case "output":
        this.output(event.data.node, event.data.display, event.data.name, event.data.items as OutputItem[]);
        break;
      case "metric":
        for (const [name, step, value] of event.data.points) this.point(`${event.data.display} ${name}`, step, value);
        break;
    }
  }

  /** Take over where the job stands, as the server answers it. */
  load(detail: JobDetail): void {
    const live = detail.live as { nodes?: Record<string, LiveNode>; outputs?: Record<string, Outputs> } | undefined;
    if (live !== undefined) {
      for (const [node, entry] of Object.entries(live.nodes ?? {})) this.set(node, displayOf(node), ofLive(entry));
      for (const [display, kinds] of Object.entries(live.outputs ?? {})) this.loadOutputs(display, kinds, true);
      return;
    }
    const stats = detail.stats as { seconds?: Record<string, number>; cached?: number };
    for (const [node, seconds] of Object.entries(stats.seconds ?? {})) {
      this.set(node, displayOf(node), { state: "done", seconds });
    }
    if (detail.state === "done" && (stats.cached ?? 0) > 0 && detail.targets === null) {
      // Only their number is kept; with no targets named, what did not run of a job that is done was remembered.
      for (const node of Object.keys(detail.graph)) {
        if (!this.raw.has(node)) this.set(node, displayOf(node), { state: "cached" });
      }
    }
    const error = detail.error as unknown as NodeRun["error"] | null;
    if (error?.node_id) this.set(error.node_id, displayOf(error.node_id), { state: "failed", error });
    for (const [display, kinds] of Object.entries(detail.outputs as Record<string, Outputs>)) {
      this.loadOutputs(display, kinds, false);
    }
  }

  /** The job has ended: nothing runs or waits any more. */
  end(): void {
    for (const [node, run] of [...this.raw]) {
      if (run.state !== "running" && run.state !== "queued") continue;
      this.raw.delete(node);
      if (run.outputs) this.raw.set(node, { state: "done", outputs: run.outputs });
      this.soil(displayOf(node));
    }
    this.already.clear();
  }

  /** How many nodes are known. */
  get size(): number {
    return this.raw.size;
  }

  /** Return the job with what has changed since the last time; the same object if nothing has. */
  update(job: JobRun): JobRun {
    if (this.dirty.size === 0 && this.dirtyCurves.size === 0) return job;
    const nodes = this.dirty.size === 0 ? job.nodes : { ...job.nodes };
    for (const path of this.dirty) {
      const run = this.together(path);
      if (run === undefined) delete nodes[path];
      else nodes[path] = run;
    }
    const curves = this.dirtyCurves.size === 0 ? job.curves : { ...job.curves };
    for (const name of this.dirtyCurves) {
      const curve = this.curves.get(name);
      if (curve) curves[name] = { steps: [...curve.steps], values: [...curve.values] };
    }
    this.dirty.clear();
    this.dirtyCurves.clear();
    return { ...job, nodes, curves };
  }

  /** Put curves that were fetched where none are yet. */
  loadCurves(series: { node: string; name: string; steps: number[]; values: (number | null)[] }[]): void {
    for (const { node, name, steps, values } of series) {
      const key = `${node} ${name}`;
      const before = this.curves.get(key);
      const last = steps.at(-1) ?? Number.NEGATIVE_INFINITY;
      const later = before?.steps.findIndex((step) => step > last) ?? -1;
      const [moreSteps, moreValues] =
        before === undefined || later < 0 ? [[], []] : [before.steps.slice(later), before.values.slice(later)];
      this.curves.set(key, { steps: [...steps, ...moreSteps], values: [...values, ...moreValues] });
      this.dirtyCurves.add(key);
    }
  }

  private set(node: string, display: NodePath, run: NodeRun): void {
    this.raw.set(node, run);
    for (const path of [display, ...enclosing(display)]) {
      const inside = this.members.get(path) ?? new Set();
      this.members.set(path, inside.add(node));
    }
    this.soil(display);
  }

  private soil(display: NodePath): void {
    this.dirty.add(display);
    for (const path of enclosing(display)) this.dirty.add(path);
  }

  private output(node: string, display: NodePath, name: string, items: OutputItem[]): void {
    const fresh = items.filter((item) => !this.wasThere(display, name, item));
    if (fresh.length === 0) return;
    const before = this.raw.get(node) ?? { state: "done" as const };
    const outputs = { ...before.outputs, [name]: [...(before.outputs?.[name] ?? []), ...fresh] };
    this.set(node, display, { ...before, outputs });
  }

  private loadOutputs(display: NodePath, kinds: Outputs, goesOn: boolean): void {
    const before = this.raw.get(display) ?? { state: "done" as const };
    this.set(display, display, { ...before, outputs: kinds });
    if (!goesOn) return;
    for (const [name, items] of Object.entries(kinds)) {
      for (const item of items) {
        const key = `${display} ${name} ${JSON.stringify(item)}`;
        this.already.set(key, (this.already.get(key) ?? 0) + 1);
      }
    }
  }

  private wasThere(display: NodePath, name: string, item: OutputItem): boolean {
    if (this.already.size === 0) return false;
    const key = `${display} ${name} ${JSON.stringify(item)}`;
    const count = this.already.get(key) ?? 0;
    if (count > 1) this.already.set(key, count - 1);
    else this.already.delete(key);
    return count > 0;
  }

  /** Forget what the snapshot held: by now every event of then has come. */
  settle(): void {
    this.already.clear();
  }

  private point(key: string, step: number, value: number | null): void {
    const curve = this.curves.get(key) ?? { steps: [], values: [] };
    this.curves.set(key, curve);
    curve.steps.push(step);
    curve.values.push(value);
    if (curve.steps.length > CURVE_POINTS) {
      const half = <T>(list: T[]) => list.filter((_, at) => at % 2 === 0 || at === list.length - 1);
      this.curves.set(key, { steps: half(curve.steps), values: half(curve.values) });
    }
    this.dirtyCurves.add(key);
  }

  private together(path: NodePath): NodeRun | undefined {
    const inside = [...(this.members.get(path) ?? [])].flatMap((node) => this.raw.get(node) ?? []);
    const [first] = inside;
    if (first === undefined || inside.length === 1) return first;
    const is = (...states: NodeRun["state"][]) => inside.filter((run) => states.includes(run.state));
    const [running, waiting, done] = [is("running"), is("queued"), is("done")];
    const failed = is("failed")[0];
    const state = failed
      ? "failed"
      : running.length > 0 || (waiting.length > 0 && done.length > 0)
        ? "running"
        : waiting.length > 0
          ? "queued"
          : done.length > 0
            ? "done"
            : (is("blocked")[0]?.state ?? "cached");
    const work = inside.length - is("cached").length;
    const parts = running.reduce((sum, run) => sum + (run.total ? (run.value ?? 0) / run.total : 0), done.length);
    const seconds = inside.reduce((sum, run) => sum + (run.seconds ?? 0), 0);
    const starts = inside.flatMap((run) => run.started ?? []);
    const note = running.find((run) => run.note)?.note;
    const outputs = merged(inside);
    return {
      state,
      ...(state === "running" && work > 0 && { value: parts, total: work }),
      ...(note && { note }),
      ...(starts.length > 0 && { started: Math.min(...starts) }),
      ...(seconds > 0 && state !== "running" && { seconds }),
      ...(failed?.error && { error: failed.error }),
      ...(outputs && { outputs }),
    };
  }
}

type LiveNode = {
  state: "running" | "finished" | "error" | "cached";
  value?: number | null;
  total?: number | null;
  seconds?: number;
  error?: NodeRun["error"];
};

function ofLive(entry: LiveNode): NodeRun {
  if (entry.state === "cached") return { state: "cached" };
  if (entry.state === "error") return { state: "failed", error: entry.error };
  if (entry.state === "finished") return { state: "done", seconds: entry.seconds };
  return { state: "running", value: entry.value ?? undefined, total: entry.total ?? undefined };
}

/** The document's node that a node belongs to: ids of expanded ones go on behind a dot. */
function displayOf(node: string): NodePath {
  const dot = node.indexOf(".");
  return dot < 0 ? node : node.slice(0, dot);
}

function merged(inside: NodeRun[]): Outputs | undefined {
  const found = inside.map((run) => run.outputs).filter((outputs) => outputs !== undefined);
  if (found.length < 2) return found[0];
  const all: Outputs = {};
  for (const outputs of found) {
    for (const [name, items] of Object.entries(outputs)) all[name] = [...(all[name] ?? []), ...items];
  }
  return all;
}

/** What a node notes beside its progress, as one line. */
function noteText(note: Record<string, unknown>): string {
  return Object.entries(note)
    .map(([name, value]) => `${name} ${typeof value === "number" ? Number(value.toPrecision(4)) : String(value)}`)
    .join(", ");
}
