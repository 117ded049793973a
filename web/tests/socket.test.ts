import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addWords, readTypes } from "../src/model/nodetypes";
import type { JsonObject } from "../src/model/types";
import * as api from "../src/server/api";
import type { LoomEvent, PreviewHead } from "../src/server/protocol";
import { type Connection, type ConnectionState, connect, readPreview } from "../src/server/socket";
import { until } from "./page";
import { Serving } from "./serving";

const serving = new Serving();
beforeAll(() => serving.start(), 180_000);
afterAll(() => serving.remove());

/** A connection with all that it told. */
class Ear {
  readonly events: LoomEvent[] = [];
  readonly states: ConnectionState[] = [];
  readonly pictures: { head: PreviewHead; picture: Blob }[] = [];
  gaps = 0;
  readonly connection: Connection;

  constructor(after?: number, previews = false) {
    this.connection = connect({
      url: serving.socket,
      after,
      onEvent: (events) => this.events.push(...events),
      onState: (state) => this.states.push(state),
      onGap: () => {
        this.gaps += 1;
      },
      ...(previews && { onPreview: (head: PreviewHead, picture: Blob) => this.pictures.push({ head, picture }) }),
    });
  }

  /** Numbers of the events, without those that are not replayed. */
  numbers(): number[] {
    return this.events.flatMap((event) => (event.kind === "hello" || event.seq === undefined ? [] : event.seq));
  }

  ended(job: string): boolean {
    return this.events.some((event) => event.kind === "job" && event.job === job && event.data.ended !== null);
  }
}

function graph(value: number, extra: JsonObject = {}): Record<string, { class_type: string; inputs: JsonObject }> {
  return {
    "1": { class_type: "ProbeNumber", inputs: { value } },
    "2": { class_type: "ProbeShow", inputs: { value: ["1", 0] } },
    ...(extra as Record<string, { class_type: string; inputs: JsonObject }>),
  };
}

const pictures = { "3": { class_type: "ProbePicture", inputs: { value: ["1", 0], side: 16, count: 40 } } };

describe("the socket", () => {
  it("tells a run from its first to its last event, each number once", async () => {
    const ear = new Ear();
    await until(() => ear.states.includes("open"), 20);
    const job = await api.jobs.submit({ graph: graph(1) });
    await until(() => ear.ended(job.id), 60);
    const kinds = ear.events.filter((event) => event.job === job.id).map((event) => event.kind);
    for (const kind of ["job", "queued", "started", "finished", "output", "ended"]) expect(kinds).toContain(kind);
    const numbers = ear.numbers();
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
    expect(ear.connection.seq()).toBe(numbers.at(-1));
    ear.connection.close();
  });

  it("is told what it missed, once and in order, after it was away", async () => {
    const whole = new Ear();
    await until(() => whole.states.includes("open"), 20);
    const cut = new Ear();
    await until(() => cut.states.includes("open"), 20);
    await api.jobs.submit({ graph: graph(2) });
    cut.connection.renew();
    const job = await api.jobs.submit({ graph: graph(3) });
    await until(() => whole.ended(job.id) && cut.ended(job.id), 60);
    expect(cut.numbers()).toEqual(whole.numbers().slice(-cut.numbers().length));
    expect(cut.states.filter((state) => state === "open").length).toBe(2);
    whole.connection.close();
    cut.connection.close();
  });

  it("brings pictures only while they are wanted, each with its job, node and time", async () => {
    const ear = new Ear(undefined, true);
    await until(() => ear.states.includes("open"), 20);
    const job = await api.jobs.submit({ graph: graph(4, pictures) });
    await until(() => ear.ended(job.id), 60);
    expect(ear.pictures.length).toBeGreaterThan(0);
    for (const { head, picture } of ear.pictures) {
      expect(head).toMatchObject({ prompt_id: job.id, display_node_id: "3" });
      expect(Math.abs(Date.now() / 1000 - head.at)).toBeLessThan(60);
      expect(picture.size).toBeGreaterThan(20);
    }
    ear.connection.setPreviews(false);
    // Nothing answers the wish: a job that is sent by another way at once may still overtake it, the next one may not.
    const early = await api.jobs.submit({ graph: graph(5, pictures) });
    await until(() => ear.ended(early.id), 60);
    const other = await api.jobs.submit({ graph: graph(6, pictures) });
    await until(() => ear.ended(other.id), 60);
    expect(ear.pictures.filter(({ head }) => head.prompt_id === other.id)).toEqual([]);
    ear.connection.close();
  });

  it("says that it is lost when the server dies, comes back by itself, and tells of a gap", async () => {
    const ear = new Ear();
    await until(() => ear.states.includes("open"), 20);
    await api.jobs.submit({ graph: graph(6) });
    await until(() => ear.numbers().length > 0, 60);
    await serving.kill();
    await until(() => ear.states.includes("lost"), 20);
    await serving.start();
    await until(() => ear.states.filter((state) => state === "open").length === 2, 60);
    await until(() => ear.gaps === 1, 20);
    const job = await api.jobs.submit({ graph: graph(7) });
    await until(() => ear.ended(job.id), 90);
    ear.connection.close();
  }, 240_000);
});

describe("binary messages", () => {
  it("of other kinds, or cut short, are no picture", () => {
    const words = (...numbers: number[]) => {
      const view = new DataView(new ArrayBuffer(numbers.length * 4));
      for (const [at, number] of numbers.entries()) view.setUint32(at * 4, number);
      return view.buffer;
    };
    for (const data of [words(), words(1, 2, 3), words(3, 4, 5), words(4), words(4, 999)]) {
      expect(readPreview(data)).toBeNull();
    }
  });
});

describe("the calls", () => {
  it("turn an error answer into the server's record", async () => {
    const unknown = api.jobs.submit({ graph: { "1": { class_type: "NoSuchNode", inputs: {} } } });
    const error = await unknown.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(api.ServerError);
    const { status, problem, problems } = error as api.ServerError;
    expect(status).toBe(400);
    expect(problems[0]).toMatchObject({ node_id: "1" });
    expect(problem.fix).not.toBe("");
    await expect(api.jobs.get("none")).rejects.toMatchObject({ status: 404 });
  });

  it("queue, hold, change, reorder, compare, cancel and forget jobs", async () => {
    await api.queue.control({ pause: "after_job" });
    const made = await api.jobs.submitMany([1, 2, 3, 4].map((value) => ({ graph: graph(value), title: `${value}` })));
    const titles = async () =>
      (await api.jobs.list({ state: "pending", sort: "queue" })).jobs.map((job) => job.title).join("");
    expect(await titles()).toBe("1234");
    const [one, two, three, four] = made as unknown as [api.Placed, api.Placed, api.Placed, api.Placed];
    await api.jobs.reorder([one, four, two, three], four.id);
    expect(await titles()).toBe("1423");
    await api.jobs.front(three.id);
    expect(await titles()).toBe("3142");
    expect((await api.jobs.hold(one.id)).held).toBe(true);
    expect((await api.jobs.release(one.id)).held).toBe(false);
    expect((await api.jobs.patch(two.id, { title: "b" })).title).toBe("b");
    const diff = await api.jobs.diff(one.id, two.id);
    expect(diff.changed[0]?.inputs[0]).toMatchObject({ input: "value", was: 1, now: 2 });
    const first = Math.min(...made.map((job) => job.sequence));
    const { cancelled } = await api.queue.control({ cancel: { from: first, to: first + 3 }, pause: "no" });
    expect(cancelled.length).toBe(4);
    expect((await api.jobs.retry(one.id)).state).toMatch(/pending|running|done/);
    expect(await api.jobs.clear(["cancelled"])).toBe(4);
  });

  it("say which node types there are, with a tag by which the browser knows them again", async () => {
    const { types, etag } = await api.nodeTypes("fresh");
    expect(types.ProbeAdd?.input.required).toHaveProperty("a");
    const again = await fetch("/api/loom/types", { headers: { "If-None-Match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it("say the same of node types in brief, and in words afterwards, as to ComfyUI's clients at once", async () => {
    const whole = readTypes((await (await fetch("/object_info")).json()) as JsonObject);
    const brief = readTypes((await api.nodeTypes("fresh")).types as unknown as JsonObject);
    const wordless = [...brief.values()].every((type) => type.description === "");
    expect([brief.size > 100, wordless]).toEqual([true, true]);
    addWords(brief, await api.nodeWords());
    expect([...brief]).toEqual([...whole]);
  });

  it("send a file and find it again", async () => {
    const place = await api.upload(new File(["some text"], "note.txt"), { subfolder: "web" });
    expect(place).toMatchObject({ name: "note.txt", subfolder: "web", type: "input" });
    const answer = await fetch(api.viewUrl({ filename: place.name, subfolder: place.subfolder, type: place.type }));
    expect(await answer.text()).toBe("some text");
  });
});

describe("a new order of waiting jobs", () => {
  it("is made by few changes, and is the wanted one for every move", () => {
    const order = (jobs: api.Placed[]) =>
      [...jobs].sort((one, other) => one.priority - other.priority || one.sequence - other.sequence);
    let jobs = Array.from({ length: 12 }, (_, at) => ({ id: `${at}`, priority: at % 3 === 0 ? -1 : 0, sequence: at }));
    let state = 5;
    for (let count = 0; count < 300; count += 1) {
      jobs = order(jobs);
      state = (state * 48271) % 0x7fffffff;
      const [moved] = jobs.splice(state % 12, 1) as [api.Placed];
      jobs.splice((state >> 5) % 12, 0, moved);
      const wanted = jobs.map((job) => job.id);
      const changes = new Map(api.newPriorities(jobs, moved.id).map(({ id, priority }) => [id, priority]));
      jobs = jobs.map((job) => ({ ...job, priority: changes.get(job.id) ?? job.priority }));
      expect(order(jobs).map((job) => job.id)).toEqual(wanted);
      expect(changes.size).toBeLessThanOrEqual(7);
    }
  });
});
