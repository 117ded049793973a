// Events become the runs store: the queue, what each node does, pictures. Also picks up what ran before the page was
// there, and what other clients run. Knows the stores and the connection; draws nothing.

import { t } from "../i18n";
import { docs, openOf } from "../store/docs";
import { runs } from "../store/runs";
import { settings } from "../store/settings";
import type { JobRun } from "../store/shapes";
import { toast } from "../store/ui";
import { jobs as jobCalls, metrics, queue } from "./api";
import { joined, newJob, takesOver, trimmed } from "./jobs";
import { history, pending } from "./listed";
import { type Decode, Previews } from "./previews";
import type { Job, JobDetail, LoomEvent } from "./protocol";
import { recheckEdited } from "./recheck";
import { type Connection, connect } from "./socket";
import { JobTracker } from "./track";

const PAGE = 1_000;
const FLUSH_MS = 16;
const LOOK_MS = 50;
const SETTLE_MS = 2_000;
const WATCH_MS = 15_000;
const ASLEEP_MS = 150_000;
const HISTORY_MS = 2_000;

interface RunOptions {
  /** Address of the socket; the page's server if left out. */
  url?: string;
  decode?: Decode;
  /** There are documents whose earlier jobs are to be shown at once; else the history waits until the page has begun. */
  history?: boolean;
}

let active: Runs | null = null;

/** Begin to follow the server. Returns what ends it. */
export function startRuns(options: RunOptions = {}): () => void {
  active?.stop();
  const mine = new Runs(options);
  active = mine;
  return () => {
    mine.stop();
    if (active === mine) active = null;
  };
}

/** Put jobs into the store that the server answered, e.g. to a submission. */
export function noteJobs(answers: Job[]): void {
  active?.note(answers);
}

/** Jobs were removed from the server's history. */
export function forgetJobs(ids: string[]): void {
  const gone = new Set(ids);
  runs.setState((state) => ({ jobs: Object.fromEntries(Object.entries(state.jobs).filter(([id]) => !gone.has(id))) }));
}

/** Fetch the state of a job's nodes, its results and curves, unless they are known. */
export async function loadDetail(job: string): Promise<void> {
  await active?.detail(job);
}

/** Show a job's state on the nodes of a document, of an older job too. */
export async function showJob(document: string, job: string): Promise<void> {
  await active?.detail(job);
  runs.setState((state) => ({ shown: { ...state.shown, [document]: job } }));
}

/** Ask the server anew for the whole queue. */
export async function refreshJobs(): Promise<void> {
  await active?.snapshot();
}

class Runs {
  private readonly connection: Connection;
  private readonly previews: Previews;
  /** Of jobs whose nodes are known, the longest untouched first. */
  private readonly trackers = new Map<string, JobTracker>();
  private events: LoomEvent[] = [];
  private flushing: ReturnType<typeof setTimeout> | null = null;
  private lastFlush = 0;
  private wantsHistory: boolean;
  /** A snapshot is wanted or on its way; events wait for it. */
  private needsSnapshot = true;
  private waits = false;
  private readonly unknown = new Set<string>();
  private looking: ReturnType<typeof setTimeout> | null = null;
  private stopped = false;
  private readonly ends: (() => void)[] = [];

  constructor(options: RunOptions) {
    this.wantsHistory = options.history ?? true;
    this.previews = new Previews(options.decode, (job) => {
      const state = runs.getState().jobs[job]?.state;
      return state === undefined || state === "pending" || state === "running";
    });
    this.connection = connect({
      url: options.url,
      onEvent: (events) => this.hear(events),
      onPreview: (head, picture) => this.previews.offer(head, picture),
      onState: (connection) => runs.setState({ connection }),
      onGap: () => {
        this.needsSnapshot = true;
      },
    });
    this.watch();
  }

  stop(): void {
    this.stopped = true;
    for (const end of this.ends) end();
    this.connection.close();
    this.previews.clear();
    if (this.flushing !== null) clearTimeout(this.flushing);
    if (this.looking !== null) clearTimeout(this.looking);
  }

  /** Take jobs as the server shows them. */
  note(answers: Job[], details: Map<string, JobDetail> = new Map(), isSnapshot = false): void {
    const changed: Record<string, JobRun> = {};
    for (const answer of answers) {
      const before = changed[answer.id] ?? runs.getState().jobs[answer.id];
      changed[answer.id] = joined(before, answer, !isSnapshot);
      this.unknown.delete(answer.id);
    }
    for (const [id, detail] of details) {
      const job = changed[id] ?? runs.getState().jobs[id];
      if (job === undefined) continue;
      const tracker = this.trackerOf(id);
      tracker.load(detail);
      if (detail.live === undefined) tracker.end();
      // Events from before the snapshot that come after it have come by then.
      else setTimeout(() => tracker.settle(), SETTLE_MS);
      changed[id] = tracker.update(job);
    }
    this.publish(changed);
  }

  /** Know what a job's nodes did. */
  async detail(id: string): Promise<void> {
    if (this.trackers.has(id)) return;
    const detail = await jobCalls.get(id);
    // It may have begun to run meanwhile, and be followed by its events.
    if (this.trackers.has(id)) return this.note([detail]);
    this.note([detail], new Map([[id, detail]]));
    const { series } = await metrics(id);
    const job = runs.getState().jobs[id];
    if (series.length === 0 || job === undefined) return;
    const tracker = this.trackerOf(id);
    tracker.loadCurves(series);
    this.publish({ [id]: tracker.update(job) });
  }

  /** Bring all up to date with the server; events that come meanwhile are taken after it. */
  async snapshot(): Promise<void> {
    this.waits = true;
    const before = new Set(Object.keys(runs.getState().jobs));
    try {
      const [state, ended] = await Promise.all([queue.get(), this.wantsHistory ? history() : []]);
      const waiting = (state.counts.pending ?? 0) > 0 ? await pending() : [];
      const details = new Map<string, JobDetail>();
      for (const job of state.running) details.set(job.id, await jobCalls.get(job.id));
      if (this.stopped) return;
      for (const id of details.keys()) this.trackers.delete(id);
      const there = [...ended, ...waiting, ...state.running];
      for (const { id } of there) before.delete(id);
      // What came meanwhile, as the answer to a submission, is not lost: the server was asked before.
      const lost = Object.values(runs.getState().jobs).filter((job) => job.ended === null && before.has(job.id));
      forgetJobs(lost.map((job) => job.id));
      runs.setState({ paused: state.paused });
      this.note([...there, ...details.values()], details, true);
      this.needsSnapshot = false;
      this.showLatest();
      for (const job of state.running) void this.curvesOf(job.id);
      if (!this.wantsHistory) setTimeout(() => void this.addHistory(), HISTORY_MS);
      this.wantsHistory = true;
    } catch {
      if (!this.stopped) setTimeout(() => this.needsSnapshot && void this.snapshot(), 1_000);
      return;
    } finally {
      this.waits = false;
    }
    this.flush();
  }

  /** Bring jobs that ended earlier, which nothing on the screen waited for. */
  private async addHistory(): Promise<void> {
    const ended = await history().catch(() => []);
    if (this.stopped) return;
    this.note(ended);
    this.showLatest();
  }

  /** Curves that a running job had before we came. */
  private async curvesOf(id: string): Promise<void> {
    const { series } = await metrics(id).catch(() => ({ series: [] }));
    const job = runs.getState().jobs[id];
    const tracker = this.trackers.get(id);
    if (job === undefined || tracker === undefined || series.length === 0) return;
    tracker.loadCurves(series);
    this.publish({ [id]: tracker.update(job) });
  }

  private hear(events: LoomEvent[]): void {
    for (const event of events) this.events.push(event);
    if (this.needsSnapshot && !this.waits && events.some(({ kind }) => kind === "hello" || kind === "resync")) {
      void this.snapshot();
    }
    if (this.flushing !== null) return;
    const wait = this.lastFlush + FLUSH_MS - performance.now();
    if (wait <= 0) this.flush();
    else this.flushing = setTimeout(() => this.flush(), wait);
  }

  /** Bring all events that have come into the store, in one change. */
  private flush(): void {
    if (this.flushing !== null) clearTimeout(this.flushing);
    this.flushing = null;
    this.lastFlush = performance.now();
    if (this.waits || this.needsSnapshot || this.events.length === 0 || this.stopped) return;
    const events = this.events;
    this.events = [];
    const changed: Record<string, JobRun> = {};
    const ended: string[] = [];
    for (const event of events) this.take(event, changed, ended);
    for (const [id, job] of Object.entries(changed)) {
      const tracker = this.trackers.get(id);
      if (tracker !== undefined) changed[id] = tracker.update(job);
    }
    this.publish(changed);
    for (const id of ended) this.previews.drop(id);
    if (this.unknown.size > 0) this.looking ??= setTimeout(() => void this.look(), LOOK_MS);
  }

  private take(event: LoomEvent, changed: Record<string, JobRun>, ended: string[]): void {
    if (event.kind === "queue") {
      runs.setState({ paused: event.data.paused });
    } else if (event.kind === "server") {
      const { draining, error } = event.data;
      if (draining) toast("warning", t("store.draining"));
      if (error) toast("error", error.message);
    }
    if (event.job === null || event.kind === "queue" || event.kind === "server") return;
    const id = event.job;
    const before = changed[id] ?? runs.getState().jobs[id];
    if (event.kind === "job") {
      if (before === undefined) this.unknown.add(id);
      const job = joined(before, { id, ...event.data });
      if (job.ended !== null) {
        this.trackers.get(id)?.end();
        ended.push(id);
      }
      changed[id] = job;
      return;
    }
    // Events of a run whose job has not been heard of: it is asked for.
    if (before === undefined) this.unknown.add(id);
    changed[id] = before ?? newJob(id);
    this.trackerOf(id).take(event);
  }

  private trackerOf(id: string): JobTracker {
    const tracker = this.trackers.get(id) ?? new JobTracker();
    // A Map keeps the order in which keys came: the one used last stands last.
    this.trackers.delete(id);
    this.trackers.set(id, tracker);
    return tracker;
  }

  /** Put changed jobs into the store; documents show the job of theirs that runs. */
  private publish(changed: Record<string, JobRun>): void {
    const list = Object.values(changed);
    if (list.length === 0) return;
    const state = runs.getState();
    const shown = { ...state.shown };
    const results = { ...state.results };
    let moved = false;
    for (const job of list) {
      const { document, id } = job;
      if (document === null || openOf(document) === undefined) continue;
      const now = changed[shown[document] ?? ""] ?? state.jobs[shown[document] ?? ""];
      if (shown[document] !== id && takesOver(job, state.jobs[id], now)) {
        shown[document] = id;
        moved = true;
      }
      if (shown[document] !== id || state.jobs[id]?.nodes === job.nodes) continue;
      for (const [path, run] of Object.entries(job.nodes)) {
        if (run.outputs && run.outputs !== results[`${document} ${path}`]?.outputs) {
          results[`${document} ${path}`] = { job: id, outputs: run.outputs };
        }
      }
    }
    const jobs = trimmed({ ...state.jobs, ...changed }, new Set(Object.values(shown)), this.trackers);
    runs.setState({ jobs, results, ...(moved && { shown }) });
  }

  /** Ask for jobs of which only events are known: who sent them, and how many nodes they have. */
  private async look(): Promise<void> {
    this.looking = null;
    const ids = [...this.unknown];
    this.unknown.clear();
    try {
      const page = await jobCalls.list({ limit: Math.min(PAGE, ids.length + 20) });
      const wanted = page.jobs.filter((job) => ids.includes(job.id));
      this.note(wanted);
    } catch {
      // They stay without a sender; the next snapshot tells.
    }
  }

  /** Let every open document show its newest job, so that a reload changes nothing on the screen. */
  private showLatest(): void {
    const { byId, active: tab } = docs.getState();
    const newest = Object.values(runs.getState().jobs).sort((one, other) => other.sequence - one.sequence);
    const shown = { ...runs.getState().shown };
    for (const id of Object.keys(byId)) {
      const mine = newest.filter((job) => job.document === id);
      const job = mine.find((one) => one.state === "running") ?? mine.find((one) => one.ended !== null) ?? mine[0];
      if (job !== undefined && shown[id] === undefined) shown[id] = job.id;
    }
    runs.setState({ shown });
    this.detailOfTab(tab);
  }

  /** Of the tab that is looked at, what its nodes did is fetched; a job that waits or runs is told by its events. */
  private detailOfTab(tab: string | null): void {
    const { shown, jobs } = runs.getState();
    const id = tab === null ? undefined : shown[tab];
    if (id === undefined || (jobs[id] !== undefined && jobs[id].ended === null)) return;
    void this.detail(id).catch(() => undefined);
  }

  /** Follow what the user does: tabs, a page out of sight, a machine that slept. */
  private watch(): void {
    const show = () => {
      const seen = typeof document === "undefined" || document.visibilityState === "visible";
      this.connection.setPreviews(seen && settings.getState().previews);
    };
    let last = Date.now();
    const pulse = setInterval(() => {
      // After a sleep the old connection looks alive for minutes.
      if (Date.now() - last > ASLEEP_MS) this.connection.renew();
      last = Date.now();
    }, WATCH_MS);
    const renew = () => this.connection.renew();
    this.ends.push(
      () => clearInterval(pulse),
      settings.subscribe(show),
      recheckEdited(),
      runs.subscribe((state, before) => {
        if (state.shown !== before.shown) this.detailOfTab(docs.getState().active);
      }),
      docs.subscribe((state, before) => {
        if (state.order !== before.order) forgetDocuments(new Set(state.order));
        if ((state.active !== before.active || state.order !== before.order) && !this.needsSnapshot) this.showLatest();
      }),
    );
    if (typeof document !== "undefined") {
      document.addEventListener("visibilitychange", show);
      this.ends.push(() => document.removeEventListener("visibilitychange", show));
    }
    if (typeof window !== "undefined") {
      window.addEventListener("online", renew);
      this.ends.push(() => window.removeEventListener("online", renew));
    }
    show();
  }
}

/** Drop what is kept for documents that are not open any more. */
function forgetDocuments(open: Set<string>): void {
  runs.setState((state) => {
    const kept = <T>(table: Record<string, T>) =>
      Object.fromEntries(Object.entries(table).filter(([key]) => open.has(key.split(" ", 1)[0] ?? key)));
    return { shown: kept(state.shown), results: kept(state.results), problems: kept(state.problems) };
  });
}
