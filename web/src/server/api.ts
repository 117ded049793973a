// The server's HTTP interface as typed calls: one function per thing one can ask. An error answer becomes a ServerError
// with the server's record. Knows no store; what a failure means to the user is the caller's to say.

import { parseJson } from "../model/comfy";
import type { Json, JsonObject, Problem } from "../model/types";
import type { OutputItem } from "../store/shapes";
import type { Api, ApiCall, Changes, Control, Edit, Job, JobDetail, Opened, Submission } from "./protocol";

/** The server refused, or could not be reached (status 0). */
export class ServerError extends Error {
  override name = "ServerError";
  constructor(
    readonly problem: Problem,
    /** All problems, where the server found several, as of a graph. */
    readonly problems: Problem[],
    readonly status: number,
    /** The whole answer: some have more fields, such as the revision that is there. */
    readonly body: JsonObject,
  ) {
    super(problem.message || `${problem.where}: expected ${problem.expected}, got ${problem.got}. ${problem.fix}`);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;
type Answer<K extends ApiCall> = Api[K]["answer"];
/** Somewhere to stop a request; every call takes one as its last argument. */
export type Stop = AbortSignal | undefined;

// ---- documents -----------------------------------------------------------------------------------------------

/** Read a workflow of any format; what is in a picture or film as well. */
export function open(body: Blob | JsonObject, name?: string, stop?: Stop): Promise<Opened> {
  const address = withQuery("/api/loom/open", { name });
  if (!(body instanceof Blob)) return send("POST", address, body, stop);
  const type = body.type || "application/octet-stream";
  return ask(address, { method: "POST", body, headers: { "Content-Type": type }, signal: stop });
}

export const documents = {
  list: async (stop?: Stop) => (await get<Answer<"GET /api/loom/documents">>("/api/loom/documents", stop)).documents,
  get: (name: string, stop?: Stop) =>
    get<Answer<"GET /api/loom/documents/{name}">>(`/api/loom/documents/${inPath(name)}`, stop),
  /** Save; `base`: the revision that it is based on, null for a new one. 409 when another one is there. */
  put: (name: string, document: JsonObject, base: string | null, force = false) =>
    send<Answer<"PUT /api/loom/documents/{name}">>("PUT", `/api/loom/documents/${inPath(name)}`, {
      document,
      base,
      ...(force && { force }),
    }),
  remove: (name: string, base: string) =>
    send<Answer<"DELETE /api/loom/documents/{name}">>(
      "DELETE",
      withQuery(`/api/loom/documents/${inPath(name)}`, { base }),
    ),
  move: (name: string, to: string, base: string) =>
    send<Answer<"POST /api/loom/documents/{name}/move">>("POST", `/api/loom/documents/${inPath(name)}/move`, {
      to,
      base,
    }),
};

export const templates = {
  list: async (stop?: Stop) => (await get<Answer<"GET /api/loom/templates">>("/api/loom/templates", stop)).templates,
  get: (name: string, stop?: Stop) =>
    get<Answer<"GET /api/loom/templates/{name}">>(`/api/loom/templates/${inPath(name)}`, stop),
};

// ---- jobs and the queue --------------------------------------------------------------------------------------

export const jobs = {
  /** Queue one job. */
  submit: async (order: Submission) => (await send<{ job: Job }>("POST", "/api/loom/jobs", order)).job,
  /** Queue all or none. */
  submitMany: async (orders: Submission[]) =>
    (await send<{ jobs: Job[] }>("POST", "/api/loom/jobs", { jobs: orders })).jobs,
  /** A page; `next` of the answer is the `cursor` of the page that follows. */
  list: (query: Api["GET /api/loom/jobs"]["query"] = {}, stop?: Stop) =>
    get<Answer<"GET /api/loom/jobs">>(withQuery("/api/loom/jobs", query), stop),
  get: async (job: string, stop?: Stop): Promise<JobDetail> =>
    (await get<{ job: JobDetail }>(`/api/loom/jobs/${inPath(job)}`, stop)).job,
  cancel: (job: string) => act(job, "cancel"),
  /** Forget a job that has ended. */
  remove: (job: string) => send<{ deleted: string[] }>("DELETE", `/api/loom/jobs/${inPath(job)}`),
  /** Forget all that ended in these states. */
  clear: async (states: ("done" | "failed" | "cancelled")[] = ["done", "failed", "cancelled"]) =>
    (await send<{ deleted: number }>("DELETE", withQuery("/api/loom/jobs", { state: states.join(",") }))).deleted,
  patch: async (job: string, changes: Edit) =>
    (await send<{ job: Job }>("PATCH", `/api/loom/jobs/${inPath(job)}`, changes)).job,
  duplicate: (job: string, changes: Changes = {}) => act(job, "duplicate", changes),
  retry: (job: string, changes: Changes = {}) => act(job, "retry", changes),
  front: (job: string) => act(job, "front"),
  hold: (job: string) => act(job, "hold"),
  release: (job: string) => act(job, "release"),
  /** Bring waiting jobs into this order, all of them given; `moved` is the one that was dragged. */
  reorder: async (wanted: Placed[], moved: string) => {
    const changed: Job[] = [];
    for (const { id, priority } of newPriorities(wanted, moved)) changed.push(await jobs.patch(id, { priority }));
    return changed;
  },
  /** What leads from one job's graph to another's. */
  diff: (job: string, other: string, stop?: Stop) =>
    get<Answer<"GET /api/loom/jobs/{job}/diff/{other}">>(`/api/loom/jobs/${inPath(job)}/diff/${inPath(other)}`, stop),
};

export const queue = {
  get: (stop?: Stop) => get<Answer<"GET /api/loom/queue">>("/api/loom/queue", stop),
  /** Pause, go on, cancel by ids or by a range of sequence numbers. */
  control: (order: Control) => send<Answer<"POST /api/loom/queue">>("POST", "/api/loom/queue", order),
};

/** A job that waits, as far as its place goes. */
export interface Placed {
  id: string;
  priority: number;
  sequence: number;
}

/**
 * Say which priorities bring jobs into the wanted order: of the one that moved where that is enough, else of those on
 * the shorter side of it. Jobs run by priority, then by the order in which they came.
 */
export function newPriorities(wanted: Placed[], moved: string): { id: string; priority: number }[] {
  const at = wanted.findIndex((job) => job.id === moved);
  const job = wanted[at];
  if (job === undefined) return [];
  const before = wanted[at - 1];
  const after = wanted[at + 1];
  const fits = (priority: number) =>
    (before === undefined || earlier(before, { ...job, priority })) &&
    (after === undefined || earlier({ ...job, priority }, after));
  const low = before?.priority ?? (after?.priority ?? 0) - 2;
  const high = after?.priority ?? (before?.priority ?? 0) + 2;
  for (const priority of [job.priority, low, high, (low + high) / 2]) {
    if (fits(priority)) return priority === job.priority ? [] : [{ id: moved, priority }];
  }
  // Its neighbors are equal, or too near for a number between: one side moves away, in the order that it has.
  const head = wanted.slice(0, at);
  const tail = wanted.slice(at + 1);
  const aside =
    head.length <= tail.length
      ? head.map((one, index) => ({ id: one.id, priority: low - (head.length - index) }))
      : tail.map((one, index) => ({ id: one.id, priority: high + index + 1 }));
  return head.length <= tail.length
    ? [...aside, { id: moved, priority: low - 0.5 }]
    : [{ id: moved, priority: high + 0.5 }, ...aside];
}

function earlier(one: Placed, other: Placed): boolean {
  return one.priority < other.priority || (one.priority === other.priority && one.sequence < other.sequence);
}

function act(job: string, name: string, changes?: Changes): Promise<Job> {
  const address = `/api/loom/jobs/${inPath(job)}/${name}`;
  return send<{ job: Job }>("POST", address, changes).then((answer) => answer.job);
}

// ---- graphs and node types -----------------------------------------------------------------------------------

/** All problems of a document, found without running it. */
export function check(document: JsonObject, targets?: string[], stop?: Stop): Promise<Answer<"POST /api/loom/check">> {
  return send("POST", "/api/loom/check", { graph: document, ...(targets && { targets }) }, stop);
}

/** A document in the API format, as ComfyUI's scripts send it. */
export function exported(document: JsonObject): Promise<Answer<"POST /api/loom/export">> {
  return send("POST", "/api/loom/export", { graph: document });
}

/**
 * All node types, without words. "kept": as the browser has them from the last time, however old; "fresh": as the server
 * has them now, which costs no download where nothing changed.
 */
export async function nodeTypes(
  age: "kept" | "fresh",
): Promise<{ types: Answer<"GET /api/loom/types">; etag: string }> {
  const answer = await reach("/api/loom/types", { cache: age === "kept" ? "force-cache" : "no-cache" });
  return { types: (await answer.json()) as Answer<"GET /api/loom/types">, etag: answer.headers.get("ETag") ?? "" };
}

/** What node types say of themselves to people. */
export async function nodeWords(): Promise<Answer<"GET /api/loom/types/words">> {
  const answer = await reach("/api/loom/types/words", { cache: "no-cache" });
  return (await answer.json()) as Answer<"GET /api/loom/types/words">;
}

// ---- files ---------------------------------------------------------------------------------------------------

export interface FilePlace {
  name: string;
  subfolder: string;
  type: "input" | "output" | "temp";
}

/** Send a file to a folder of the server; the answer says under which name it is kept. */
export function upload(
  file: File,
  place: { subfolder?: string; type?: FilePlace["type"]; overwrite?: boolean } = {},
): Promise<FilePlace> {
  return ask("/upload/image", { method: "POST", body: fileForm(file, place) });
}

/** Send a mask, the transparency of a PNG, for a picture that is there. */
export function uploadMask(
  file: File,
  original: { filename: string; subfolder?: string; type?: string },
  place: { subfolder?: string; type?: FilePlace["type"]; overwrite?: boolean } = {},
): Promise<FilePlace> {
  const form = fileForm(file, place);
  form.append("original_ref", JSON.stringify(original));
  return ask("/upload/mask", { method: "POST", body: form });
}

function fileForm(file: File, place: { subfolder?: string; type?: string; overwrite?: boolean }): FormData {
  const form = new FormData();
  form.append("image", file, file.name);
  if (place.subfolder) form.append("subfolder", place.subfolder);
  form.append("type", place.type ?? "input");
  if (place.overwrite) form.append("overwrite", "true");
  return form;
}

/** Where a file of the server can be fetched; `preview`: made smaller, e.g. "webp;80". */
export function viewUrl(
  item: Pick<OutputItem, "filename" | "subfolder" | "type">,
  options: { preview?: string; channel?: string } = {},
): string {
  const { filename = "", subfolder = "", type = "output" } = item;
  return withQuery("/view", { filename, subfolder: subfolder || undefined, type, ...options });
}

/** Names in a folder of models. */
export function models(folder: string, stop?: Stop): Promise<string[]> {
  return get(`/models/${inPath(folder)}`, stop);
}

export function modelFolders(stop?: Stop): Promise<string[]> {
  return get("/models", stop);
}

export interface ModelFile {
  name: string;
  pathIndex: number;
  modified: number;
  created: number;
  size: number;
}

/** Files of a folder of models with sizes. */
export function modelFiles(folder: string, stop?: Stop): Promise<ModelFile[]> {
  return get(`/experiment/models/${inPath(folder)}`, stop);
}

/** Where a model's picture can be fetched, if it has one. */
export function modelPicture(folder: string, file: Pick<ModelFile, "name" | "pathIndex">): string {
  return `/experiment/models/preview/${inPath(folder)}/${file.pathIndex}/${inPath(file.name)}`;
}

/** Names of files in the input, output or temp folder, the newest first. */
export function files(kind: FilePlace["type"], stop?: Stop): Promise<string[]> {
  return get(`/internal/files/${kind}`, stop);
}

// ---- state ---------------------------------------------------------------------------------------------------

/** The curves of a job that trains or trained. */
export function metrics(
  job: string,
  query: Api["GET /api/loom/metrics/{job}"]["query"] = {},
  stop?: Stop,
): Promise<Answer<"GET /api/loom/metrics/{job}">> {
  return get(withQuery(`/api/loom/metrics/${inPath(job)}`, query), stop);
}

/** What a worker holds in memory, on the device and on disk. */
export async function ledger(stop?: Stop): Promise<Json> {
  return (await get<{ ledger: Json }>("/api/loom/ledger", stop)).ledger;
}

export async function workers(stop?: Stop): Promise<Answer<"GET /api/loom/workers">["workers"]> {
  return (await get<Answer<"GET /api/loom/workers">>("/api/loom/workers", stop)).workers;
}

// ---- how it is sent ------------------------------------------------------------------------------------------

function get<T>(address: string, stop?: Stop): Promise<T> {
  return ask<T>(address, { signal: stop });
}

function send<T>(method: string, address: string, body?: unknown, stop?: Stop): Promise<T> {
  if (body === undefined) return ask<T>(address, { method, signal: stop });
  const headers = { "Content-Type": "application/json" };
  return ask<T>(address, { method, body: JSON.stringify(body), headers, signal: stop });
}

async function ask<T>(address: string, options: RequestInit): Promise<T> {
  const answer = await reach(address, options);
  // Seeds in documents have 64 bits: more than JSON.parse holds exactly.
  return parseJson(await answer.text()) as T;
}

/** Send a request. Throws ServerError, and what the caller's own `stop` throws. */
async function reach(address: string, options: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ServerError(unreachable(String(error)), [], 0, {});
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let body: JsonObject = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) body = parsed as JsonObject;
  } catch {
    // A proxy between us and the server may answer with a page of its own.
  }
  const record = body.error as unknown as Problem | undefined;
  const problem = typeof record === "object" && record !== null ? record : unfit(answer.status, text);
  throw new ServerError(problem, (body.problems as unknown as Problem[] | undefined) ?? [], answer.status, body);
}

function unreachable(got: string): Problem {
  return {
    ...{ code: "offline", node_id: null, input: null, where: "server", expected: "an answer", got },
    fix: "Check that the server runs.",
    message: "The server cannot be reached. Check that it runs.",
  };
}

function unfit(status: number, text: string): Problem {
  return {
    ...{ code: `http ${status}`, node_id: null, input: null, where: "server", expected: "an answer" },
    got: text.slice(0, 200),
    fix: "Look into the server's log.",
    message: `The server answered ${status}.`,
  };
}

/** A text as part of a path; folders in it stay folders. */
function inPath(text: string): string {
  return text.split("/").map(encodeURIComponent).join("/");
}

function withQuery(path: string, query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) given.set(name, String(value));
  }
  const text = given.toString();
  return text ? `${path}?${text}` : path;
}
