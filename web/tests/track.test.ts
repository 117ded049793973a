import { describe, expect, it } from "vitest";
import { joined, MOST_ENDED, newJob, takesOver, trimmed } from "../src/server/jobs";
import type { LoomEvent } from "../src/server/protocol";
import { enclosing, JobTracker } from "../src/server/track";
import type { JobRun, NodeRun } from "../src/store/shapes";

let seq = 0;

function event(kind: string, data: object): LoomEvent {
  seq += 1;
  return { seq, at: 100, kind, job: "j", data } as unknown as LoomEvent;
}

const on = (node: string, display = node) => ({ node, display });
const started = (node: string, display?: string) => event("started", { ...on(node, display), type: "any" });
const finished = (node: string, display?: string) =>
  event("finished", { ...on(node, display), seconds: 2, memory: null });
const progress = (node: string, value: number, total: number) =>
  event("progress", { ...on(node), value, total, note: {} });
const output = (node: string, text: string) => event("output", { ...on(node), name: "text", items: [{ text }] });

function nodes(...events: LoomEvent[]): Record<string, NodeRun> {
  const tracker = new JobTracker();
  for (const one of events) tracker.take(one);
  return tracker.update(newJob("j")).nodes;
}

describe("a node", () => {
  it("goes from queued through running to done, with its progress, time and results", () => {
    const all = [event("queued", { nodes: ["1"] }), started("1"), progress("1", 3, 4), output("1", "x"), finished("1")];
    const at = (count: number) => nodes(...all.slice(0, count))["1"];
    expect(at(1)).toEqual({ state: "queued" });
    expect(at(2)).toEqual({ state: "running", started: 100_000 });
    expect(at(3)).toMatchObject({ state: "running", value: 3, total: 4, started: 100_000 });
    expect(at(5)).toEqual({ state: "done", seconds: 2, outputs: { text: [{ text: "x" }] } });
  });

  it("that failed has the error, and those that hang on it are blocked", () => {
    const error = { code: "X1", node_id: "1", input: "a", message: "no" };
    const found = nodes(started("1"), event("failed", { ...on("1"), error, blocked: ["2", "3"] }));
    expect(found["1"]).toMatchObject({ state: "failed", error });
    expect([found["2"]?.state, found["3"]?.state]).toEqual(["blocked", "blocked"]);
  });

  it("that expanded into others runs until the last of them is done", () => {
    const events = [started("2"), finished("2"), started("2.0.0.1", "2"), finished("2.0.0.1", "2")];
    expect(events.map((_, at) => nodes(...events.slice(0, at + 1))["2"]?.state)).toEqual([
      "running",
      "done",
      "running",
      "done",
    ]);
    expect(nodes(...events)["2"]?.seconds).toBe(4);
  });
});

describe("a subgraph's node", () => {
  it("shows what the nodes inside do together, at every depth", () => {
    expect(enclosing("12:7:3")).toEqual(["12:7", "12"]);
    const queued = event("queued", { nodes: ["12:7:3", "12:7:4", "12:9"] });
    const first = nodes(queued, started("12:7:3"), progress("12:7:3", 1, 2));
    expect(first["12"]).toMatchObject({ state: "running", value: 0.5, total: 3 });
    expect(first["12:7"]).toMatchObject({ state: "running", value: 0.5, total: 2 });
    const between = nodes(queued, started("12:7:3"), finished("12:7:3"));
    expect([between["12:7"]?.state, between["12:7:4"]?.state]).toEqual(["running", "queued"]);
    const done = ["12:7:3", "12:7:4", "12:9"].flatMap((node) => [started(node), output(node, node), finished(node)]);
    expect(nodes(queued, ...done)["12"]).toMatchObject({ state: "done", seconds: 6 });
    expect(nodes(queued, ...done)["12"]?.outputs?.text?.length).toBe(3);
  });

  it("is cached when all inside is, and failed when one is", () => {
    expect(nodes(event("cached", { nodes: ["5:1", "5:2"] }))["5"]).toEqual({ state: "cached" });
    const failed = event("failed", { ...on("5:1"), error: { code: "X" }, blocked: [] });
    expect(nodes(failed, started("5:2"))["5"]).toMatchObject({ state: "failed", error: { code: "X" } });
  });
});

describe("a snapshot", () => {
  const live = {
    node: "1",
    nodes: { "1": { state: "running", value: 1, total: 2 } },
    outputs: { "0": { text: [{ text: "a" }] } },
  };

  it("in the middle of a run is gone on from, and a result told twice stands once", () => {
    const tracker = new JobTracker();
    tracker.load({ id: "j", state: "running", live } as never);
    // Events from before the snapshot was taken may still come after it.
    for (const late of [output("0", "a"), output("0", "a"), progress("1", 2, 2)]) tracker.take(late);
    const job = tracker.update(newJob("j"));
    expect(job.nodes["0"]?.outputs?.text).toEqual([{ text: "a" }, { text: "a" }]);
    expect(job.nodes["1"]).toMatchObject({ state: "running", value: 2 });
    // Also when the whole of a node's life is told again.
    const whole = new JobTracker();
    whole.load({ id: "j", state: "running", live } as never);
    for (const late of [started("0"), output("0", "a"), finished("0")]) whole.take(late);
    expect(whole.update(newJob("j")).nodes["0"]).toMatchObject({ state: "done", outputs: { text: [{ text: "a" }] } });
  });

  it("of an ended job has times, results, the error and what was remembered", () => {
    const tracker = new JobTracker();
    const stats = { seconds: { "2": 1.5, "3.0.0.1": 2 }, cached: 1 };
    const outputs = { "2": { images: [{ filename: "a.png" }] } };
    tracker.load({
      id: "j",
      state: "done",
      targets: null,
      stats,
      outputs,
      graph: { "1": {}, "2": {}, "3": {} },
    } as never);
    const job = tracker.update(newJob("j"));
    expect(job.nodes["1"]).toEqual({ state: "cached" });
    expect(job.nodes["2"]).toMatchObject({ state: "done", seconds: 1.5, outputs: { images: [{ filename: "a.png" }] } });
    expect(job.nodes["3"]).toMatchObject({ state: "done", seconds: 2 });
  });
});

it("an ended job leaves nothing running or waiting", () => {
  const tracker = new JobTracker();
  for (const one of [event("queued", { nodes: ["1", "2"] }), started("1"), output("1", "x")]) tracker.take(one);
  let job = tracker.update(newJob("j"));
  tracker.end();
  job = tracker.update(job);
  expect(job.nodes).toEqual({ "1": { state: "done", outputs: { text: [{ text: "x" }] } } });
});

it("a curve keeps its shape and its last point, however long it gets", () => {
  const tracker = new JobTracker();
  for (let step = 0; step < 20_000; step += 10) {
    const points = Array.from({ length: 10 }, (_, at) => [
      "loss",
      step + at,
      step + at === 5 ? null : 1 / (1 + step + at),
    ]);
    tracker.take(event("metric", { ...on("7"), points }));
  }
  const { steps, values } = tracker.update(newJob("j")).curves["7 loss"] as JobRun["curves"][string];
  expect(steps.length).toBe(values.length);
  expect(steps.length).toBeLessThanOrEqual(4097);
  expect([...steps].sort((one, other) => one - other)).toEqual(steps);
  expect([steps[0], steps.at(-1)]).toEqual([0, 19_999]);
});

describe("jobs", () => {
  const job = (facts: Partial<JobRun> & { id: string }): JobRun => ({ ...newJob(facts.id), ...facts });

  it("that runs already does not wait again because of an answer that was on its way; an event may say so", () => {
    const running = joined(undefined, { id: "a", state: "running", started: 4 });
    const pending = { id: "a", state: "pending" as const, started: null, client_id: "document:d", nodes: 3 };
    const answered = joined(running, pending, true);
    expect(answered).toMatchObject({ state: "running", started: 4, document: "d", nodesTotal: 3 });
    expect(joined(running, pending)).toMatchObject({ state: "pending", started: null });
    expect(joined(undefined, pending, true).state).toBe("pending");
  });

  it("that have ended are not turned back by what was said before", () => {
    const done = joined(undefined, { id: "a", state: "done", ended: 5, client_id: "document:d", nodes: 3 });
    expect(done).toMatchObject({ document: "d", nodesTotal: 3, state: "done" });
    expect(joined(done, { id: "a", state: "running", ended: null })).toEqual(done);
    const unsent = joined(undefined, { id: "b", state: "done", ended: 5 });
    expect(joined(unsent, { id: "b", state: "pending", ended: null, client_id: "document:d" })).toMatchObject({
      state: "done",
      document: "d",
    });
    expect(joined(done, { id: "a", client_id: "someone", state: "done", ended: 5 }).document).toBe("d");
  });

  it("take over a document's nodes when they run, and when they are newer than one that has ended", () => {
    const [ended, runs, waits] = [
      job({ id: "1", sequence: 1, state: "done", ended: 9 }),
      job({ id: "2", sequence: 2, state: "running" }),
      job({ id: "3", sequence: 3 }),
    ];
    expect(takesOver(waits, undefined, ended)).toBe(true);
    expect(takesOver(waits, undefined, runs)).toBe(false);
    expect(takesOver(runs, { ...runs, state: "pending" }, waits)).toBe(true);
    expect(takesOver(ended, undefined, waits)).toBe(false);
    // An older run that somebody looks at stays while the newer one only tells more of itself.
    expect(takesOver(ended, ended, job({ id: "0", ended: 1 }))).toBe(false);
  });

  it("are let go of beyond some hundred, those shown and those that wait excepted", () => {
    const all: Record<string, JobRun> = {};
    const trackers = new Map<string, JobTracker>();
    for (let at = 0; at < 1000; at += 1) {
      const id = `${at}`;
      all[id] = job({ id, sequence: at, state: at < 990 ? "done" : "pending", ended: at < 990 ? at : null });
      const tracker = new JobTracker();
      for (let node = 0; node < 20; node += 1) tracker.take(started(`${node}`));
      trackers.set(id, tracker);
      all[id] = tracker.update(all[id] as JobRun);
    }
    const kept = trimmed(all, new Set(["0"]), trackers);
    expect(Object.keys(kept).length).toBe(MOST_ENDED + 11);
    expect(trackers.size).toBe(50);
    expect([Object.keys(kept["0"]?.nodes ?? {}).length, kept["1"], kept["999"]?.state]).toEqual([
      20,
      undefined,
      "pending",
    ]);
    expect(Object.values(kept).filter((one) => Object.keys(one.nodes).length > 0).length).toBe(50);
  });
});
