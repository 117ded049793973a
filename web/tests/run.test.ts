import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { JsonObject } from "../src/model/types";
import type { JobRun } from "../src/store/shapes";
import { freshBrowser, openPage, type TabPage, until } from "./page";
import { Serving } from "./serving";

const serving = new Serving();
beforeAll(() => serving.start(), 180_000);
afterAll(() => serving.remove());

/** Pictures are only counted here: Node has no decoder. */
const bitmaps = { open: 0, most: 0, decoding: 0, atOnce: 0 };
async function decode(): Promise<ImageBitmap> {
  bitmaps.decoding += 1;
  bitmaps.atOnce = Math.max(bitmaps.atOnce, bitmaps.decoding);
  await new Promise((resolve) => setTimeout(resolve, 3));
  bitmaps.decoding -= 1;
  bitmaps.open += 1;
  bitmaps.most = Math.max(bitmaps.most, bitmaps.open);
  return { width: 8, height: 8, close: () => (bitmaps.open -= 1) } as unknown as ImageBitmap;
}

interface Running extends TabPage {
  api: typeof import("../src/server/api");
  runs: typeof import("../src/store/runs");
  run: typeof import("../src/server/run");
  submit: typeof import("../src/server/submit");
  save: typeof import("../src/store/save");
  stopRuns: () => void;
}

const pages: Running[] = [];

async function page(): Promise<Running> {
  const base = await openPage();
  const api = await import("../src/server/api");
  const runs = await import("../src/store/runs");
  const run = await import("../src/server/run");
  const submit = await import("../src/server/submit");
  const save = await import("../src/store/save");
  const types = await import("../src/store/types");
  await types.loadTypes();
  expect(types.types.getState()).toMatchObject({ state: "ready", error: "" });
  const stopRuns = run.startRuns({ url: serving.socket, decode });
  await until(() => runs.runs.getState().connection === "open", 30);
  const mine = { ...base, api, runs, run, submit, save, stopRuns };
  pages.push(mine);
  return mine;
}

beforeEach(freshBrowser);
afterEach(async () => {
  for (const one of pages.splice(0)) {
    one.stopRuns();
    await one.stop();
  }
  vi.restoreAllMocks();
});

type Graph = Record<string, { class_type: string; inputs: JsonObject }>;

function graph(value: number, more: Graph = {}): Graph {
  return {
    "1": { class_type: "ProbeNumber", inputs: { value } },
    "2": { class_type: "ProbeShow", inputs: { value: ["1", 0] } },
    ...more,
  };
}

const slow = (milliseconds: number): Graph => ({
  "3": { class_type: "ProbeSleep", inputs: { value: ["1", 0], milliseconds } },
  "2": { class_type: "ProbeShow", inputs: { value: ["3", 0] } },
});
const pictures = (count: number): Graph => ({
  "3": { class_type: "ProbePicture", inputs: { value: ["1", 0], side: 16, count } },
});

/** Open a graph in a tab, by the way that a dropped file goes. */
async function openGraph(at: Running, given: Graph, name = "graph"): Promise<string> {
  return at.save.openAnswer(await at.api.open(given as unknown as JsonObject, name));
}

function job(at: Running, id: string): JobRun | undefined {
  return at.runs.runs.getState().jobs[id];
}

async function ended(at: Running, id: string | undefined, seconds = 60): Promise<JobRun> {
  await until(() => id !== undefined && job(at, id)?.ended != null, seconds);
  return job(at, id as string) as JobRun;
}

function nodeStates(at: Running, tab: string, ids: string[]): (string | undefined)[] {
  return ids.map((id) => at.runs.nodeRun(at.runs.runs.getState(), tab, id)?.state);
}

describe("a run", () => {
  it("is followed to its end on the nodes of its document, and what is remembered the second time is marked", async () => {
    const at = await page();
    const tab = await openGraph(at, graph(11));
    const [id] = await at.submit.runDocument(tab);
    const done = await ended(at, id);
    expect(done).toMatchObject({ state: "done", document: tab, nodesTotal: 2 });
    expect(nodeStates(at, tab, ["1", "2"])).toEqual(["done", "done"]);
    const results = at.runs.outputsOf(at.runs.runs.getState(), tab, "2");
    expect(results?.text).toEqual([{ text: "11" }]);

    const [again] = await at.submit.runDocument(tab);
    expect(at.runs.outputsOf(at.runs.runs.getState(), tab, "2")?.text).toEqual([{ text: "11" }]);
    await ended(at, again);
    // What only shows something is done again each time.
    expect(nodeStates(at, tab, ["1", "2"])).toEqual(["cached", "done"]);
  });

  it("of one target runs only what that needs", async () => {
    const at = await page();
    const tab = await openGraph(at, graph(12, { "5": { class_type: "ProbeAdd", inputs: { a: ["1", 0], value: 5 } } }));
    const [id] = await at.submit.runDocument(tab, { targets: ["5"] });
    await ended(at, id);
    expect(nodeStates(at, tab, ["1", "5", "2"])).toEqual(["done", "done", undefined]);
  });

  it("is queued as often as asked, in front if asked, and can be interrupted", async () => {
    const at = await page();
    await at.api.queue.control({ pause: "after_job" });
    const tab = await openGraph(at, graph(13, slow(60_000)));
    const first = await at.submit.runDocument(tab, { count: 3 });
    const [front] = await at.submit.runDocument(tab, { front: true });
    await until(() => at.runs.waitingJobs(at.runs.runs.getState()).length === 4, 20);
    expect(at.runs.waitingJobs(at.runs.runs.getState()).map((one) => one.id)).toEqual([front, ...first]);
    await at.api.queue.control({ cancel: { ids: first }, pause: "no" });
    await until(() => at.runs.nodeRun(at.runs.runs.getState(), tab, "3")?.state === "running", 30);
    expect(at.runs.runs.getState().shown[tab]).toBe(front);
    await at.submit.interrupt();
    expect((await ended(at, front)).state).toBe("cancelled");
    expect(nodeStates(at, tab, ["3", "2"])).toEqual([undefined, undefined]);
  });

  it("that fails says so on the node, and blocks what hangs on it", async () => {
    const at = await page();
    const tab = await openGraph(at, {
      "1": { class_type: "ProbeNumber", inputs: { value: 14 } },
      "4": { class_type: "ProbeFail", inputs: { value: ["1", 0] } },
      "2": { class_type: "ProbeShow", inputs: { value: ["4", 0] } },
    });
    const [id] = await at.submit.runDocument(tab);
    expect((await ended(at, id)).state).toBe("failed");
    expect(nodeStates(at, tab, ["1", "4", "2"])).toEqual(["done", "failed", "blocked"]);
    const error = at.runs.nodeRun(at.runs.runs.getState(), tab, "4")?.error;
    expect(error?.message).toContain("no luck with 14");
  });
});

describe("pictures on their way", () => {
  it("stand at their node while the job runs, one decoded at a time, and all are let go of", async () => {
    const at = await page();
    Object.assign(bitmaps, { most: 0, atOnce: 0 });
    const tab = await openGraph(at, graph(21, pictures(120)));
    const [id] = await at.submit.runDocument(tab);
    await until(() => at.runs.previewOf(at.runs.runs.getState(), tab, "3") !== undefined, 60);
    const preview = at.runs.previewOf(at.runs.runs.getState(), tab, "3");
    expect(preview).toMatchObject({ job: id, path: "3" });
    expect(at.runs.previewOf(at.runs.runs.getState(), tab, "2")).toBeUndefined();
    expect(Math.abs((preview?.arrived ?? 0) - (preview?.at ?? 0))).toBeLessThan(2000);
    await ended(at, id);
    await until(() => bitmaps.open === 0 && bitmaps.decoding === 0);
    expect(at.runs.runs.getState().previews).toEqual({});
    expect(bitmaps.atOnce).toBe(1);
    expect(bitmaps.most).toBeLessThanOrEqual(2);
  });

  it("inside a subgraph stand at the subgraph's node too, as one picture", async () => {
    const at = await page();
    const { Previews } = await import("../src/server/previews");
    const { runs } = at.runs;
    let closed = 0;
    const previews = new Previews(async () => ({ close: () => (closed += 1) }) as unknown as ImageBitmap);
    runs.setState({ shown: { d: "j" } });
    const head = { prompt_id: "j", node_id: "12:7:3", display_node_id: "12:7:3", at: 1 };
    previews.offer(head as never, new Blob());
    await until(() => Object.keys(runs.getState().previews).length === 3);
    const [inner, outer] = ["12:7:3", "12"].map((path) => at.runs.previewOf(runs.getState(), "d", path));
    expect(inner?.bitmap).toBe(outer?.bitmap);
    previews.offer(head as never, new Blob());
    await until(() => closed === 1);
    previews.drop("j");
    expect([closed, runs.getState().previews]).toEqual([2, {}]);
  });
});

describe("the queue", () => {
  it("shows what other clients run, and whose it is not", async () => {
    const at = await page();
    const given = await at.api.jobs.submit({ graph: graph(31), title: "by a script" });
    const done = await ended(at, given.id);
    expect(done).toMatchObject({ document: null, title: "by a script", state: "done" });
    await until(() => job(at, given.id)?.nodesTotal === 2);
    expect(done.nodes["2"]?.outputs?.text).toEqual([{ text: "31" }]);
  });

  it("is the same after a reload in the middle of a run, which is followed to its end", async () => {
    const before = await page();
    const tab = await openGraph(
      before,
      graph(32, {
        "3": { class_type: "ProbeSleep", inputs: { value: ["1", 0], milliseconds: 4000 } },
        "7": { class_type: "ProbeShow", inputs: { value: ["3", 0] } },
      }),
    );
    const [id] = await before.submit.runDocument(tab);
    const started = (at: Running) => {
      const run = at.runs.nodeRun(at.runs.runs.getState(), tab, "3");
      return run?.state === "running" && (run.value ?? 0) > 0;
    };
    await until(() => started(before), 30);
    before.stopRuns();
    await before.stop();
    pages.splice(0);

    const after = await page();
    expect(after.docs.docs.getState().active).toBe(tab);
    await until(() => started(after), 10);
    expect(nodeStates(after, tab, ["1", "7"])).toEqual(["done", undefined]);
    await ended(after, id);
    expect(nodeStates(after, tab, ["1", "3", "2", "7"])).toEqual(["done", "done", "done", "done"]);
    expect(after.runs.nodeRun(after.runs.runs.getState(), tab, "2")?.outputs?.text).toEqual([{ text: "32" }]);

    // And after the end: the nodes still show what they did.
    after.stopRuns();
    await after.stop();
    pages.splice(0);
    const later = await page();
    await until(() => nodeStates(later, tab, ["3"])[0] === "done", 10);
    expect(later.runs.outputsOf(later.runs.runs.getState(), tab, "7")?.text).toEqual([{ text: "32" }]);
  });
});

describe("what stands in the way of a run", () => {
  it("is found before it, shown at its place, and gone when it is mended", async () => {
    const at = await page();
    const tab = await openGraph(at, graph(41));
    const { disconnect } = await import("../src/model/ops");
    at.docs.edit(tab, "cut", (doc) => disconnect(doc, "", Object.keys(doc.root.links)));
    expect(await at.submit.runDocument(tab)).toEqual([]);
    const found = at.runs.runs.getState().problems[tab];
    expect(found?.[0]).toMatchObject({ node_id: "2", input: "value" });
    expect(at.ui.ui.getState().focus).toEqual({ path: "2", input: "value" });
    expect(at.ui.selectedNodes(tab)).toEqual(["2"]);
    at.docs.undo(tab);
    await until(() => at.runs.runs.getState().problems[tab]?.length === 0);
  });

  it("and only the server knows is told in the same way", async () => {
    const at = await page();
    const tab = await openGraph(at, graph(42));
    const { disconnect } = await import("../src/model/ops");
    at.docs.edit(tab, "cut", (doc) => disconnect(doc, "", Object.keys(doc.root.links)));
    expect(await at.submit.runDocument(tab, { force: true })).toEqual([]);
    expect(at.runs.runs.getState().problems[tab]?.[0]).toMatchObject({ node_id: "2", input: "value" });
  });
});

describe("node types", () => {
  it("are read anew only when the server has others, and stay when it cannot be asked", async () => {
    await page();
    const { types, refreshTypes } = await import("../src/store/types");
    const first = types.getState().types;
    expect(first.has("ProbeAdd")).toBe(true);
    await refreshTypes();
    expect(types.getState().types).toBe(first);
    const reach = globalThis.fetch;
    vi.stubGlobal(
      "fetch",
      Object.assign(() => Promise.reject(new TypeError("away")), { ofTests: true }),
    );
    await refreshTypes();
    vi.stubGlobal("fetch", reach);
    expect(types.getState()).toMatchObject({ types: first, state: "ready" });
    expect(types.getState().error).not.toBe("");
  });
});

describe("files", () => {
  it("are saved, found, and never overwritten without a question", async () => {
    const at = await page();
    const tab = await openGraph(at, graph(51));
    expect(await at.docs.saveDoc(tab)).toBe(false);
    expect(at.ui.ui.getState().dialog).toMatchObject({ kind: "saveAs", tab });
    expect(await at.docs.saveDoc(tab, { as: "folder/mine.json" })).toBe(true);
    const saved = at.docs.openOf(tab);
    expect(saved).toMatchObject({ title: "mine", file: { name: "folder/mine" } });
    expect(at.docs.isChanged(saved as never)).toBe(false);
    const { setValue } = await import("../src/model/ops");
    at.docs.edit(tab, "value", (doc) => setValue(doc, "", "1", "value", 52));
    expect(at.docs.isChanged(at.docs.openOf(tab) as never)).toBe(true);
    // Somebody else saves under the name meanwhile.
    const theirs = await at.api.documents.get("folder/mine");
    await at.api.documents.put(
      "folder/mine",
      { ...(theirs.document as JsonObject), extra: { by: "them" } },
      theirs.revision,
    );
    expect(await at.docs.saveDoc(tab)).toBe(false);
    const { dialog } = at.ui.ui.getState();
    expect(dialog).toMatchObject({ kind: "conflict", tab, name: "folder/mine" });
    const revision = dialog?.revision as string;
    expect(await at.docs.resolveConflict(tab, "folder/mine", revision, "keep both")).toBe(true);
    expect(at.docs.openOf(tab)?.file?.name).toBe("folder/mine 2");
    const names = (await at.api.documents.list()).map((one) => one.name);
    expect(names).toEqual(expect.arrayContaining(["folder/mine", "folder/mine 2"]));
    expect((await at.api.documents.get("folder/mine")).document).toMatchObject({ extra: { by: "them" } });
    // A name that another file has is asked about as well.
    expect(await at.docs.saveDoc(tab, { as: "folder/mine.json" })).toBe(false);
    const again = at.ui.ui.getState().dialog?.revision as string;
    expect(await at.docs.resolveConflict(tab, "folder/mine", again, "overwrite")).toBe(true);
    const other = await openGraph(at, graph(53), "other");
    expect(await at.docs.openSaved("folder/mine")).toBe(tab);
    expect(other).not.toBe(tab);
  });
});

describe("memory", () => {
  it("stays flat over 1,000 runs with previews", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const at = await page();
    const tab = await openGraph(at, graph(61, pictures(3)));
    const { setValue } = await import("../src/model/ops");
    let value = 1000;
    const runMany = async (count: number) => {
      for (let left = count; left > 0; left -= 50) {
        value += 1;
        at.docs.edit(tab, "value", (doc) => setValue(doc, "", "1", "value", value), { gesture: "count" });
        const queued = await at.submit.runDocument(tab, { count: 50 });
        await ended(at, queued.at(-1), 120);
      }
      await until(() => bitmaps.open === 0 && bitmaps.decoding === 0);
      for (let round = 0; round < 3; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        collect();
      }
      return process.memoryUsage().heapUsed;
    };
    const before = await runMany(250);
    const after = await runMany(1000);
    const state = at.runs.runs.getState();
    expect(Object.keys(state.jobs).length).toBeLessThanOrEqual(320);
    expect(Object.values(state.jobs).filter((one) => Object.keys(one.nodes).length > 0).length).toBeLessThanOrEqual(51);
    expect([state.previews, Object.keys(state.results).length]).toEqual([{}, 2]);
    console.info(
      `heap ${(before / 2 ** 20).toFixed(1)} MiB, after 1,000 more runs ${(after / 2 ** 20).toFixed(1)} MiB`,
    );
    expect(after).toBeLessThan(before * 1.05);
  }, 300_000);
});
