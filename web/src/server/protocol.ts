// Types of all that the editor and the server exchange: shapes of the HTTP API, socket events, node types.
// Generated from the server's own descriptions by `latentloom stubs` (`make stubs`); do not edit.
// What each event and address means: docs/protocol.md and /api/loom/openapi.json.

/** What is wrong and where: a stable code, what was expected, what was got, what to do. */
export interface Problem {
  code: string;
  kind: string;
  where: string;
  expected: string;
  got: string;
  fix: string;
  message: string;
  node_id: string | null;
  input: string | null;
}

export interface ErrorAnswer {
  error: Problem;
  problems?: Problem[];
  job?: number;
}

/** a workflow in API format: id to {"class_type", "inputs"}; a link is [id, slot]; at most 20,000 nodes. Or the document of ComfyUI's editor (UI format), which is brought into that form; nodes of unknown type, and what they feed, are left out of it if something remains */
export type Graph = Record<string, {
  class_type: string;
  inputs: Record<string, unknown>;
  _meta?: Record<string, unknown>;
}> | {
  nodes: unknown[];
};

export interface Submission {
  graph?: Graph | null;
  /** name of a saved workflow, for a graph */
  workflow?: string | null;
  targets?: string[] | null;
  title?: string | null;
  /** smaller runs first */
  priority?: number | null;
  /** ahead of all that wait */
  front?: boolean | null;
  /** wait until released */
  held?: boolean | null;
  idempotency_key?: string | null;
  client_id?: string | null;
  /** kept with the job and its pictures, as ComfyUI's extra_data */
  extra?: Record<string, unknown> | null;
}

export interface Submissions {
  jobs: Submission[];
}

export interface Run {
  /** by name, as the workflow's schema says */
  inputs?: Record<string, unknown> | null;
  title?: string | null;
  /** smaller runs first */
  priority?: number | null;
  /** ahead of all that wait */
  front?: boolean | null;
  /** wait until released */
  held?: boolean | null;
  idempotency_key?: string | null;
  client_id?: string | null;
  /** kept with the job and its pictures, as ComfyUI's extra_data */
  extra?: Record<string, unknown> | null;
}

export interface Edit {
  title?: string | null;
  /** smaller runs first */
  priority?: number | null;
  /** ahead of all that wait */
  front?: boolean | null;
  /** wait until released */
  held?: boolean | null;
  graph?: Graph | null;
  /** name of a saved workflow, for a graph */
  workflow?: string | null;
}

export interface Changes {
  title?: string | null;
  /** smaller runs first */
  priority?: number | null;
  /** ahead of all that wait */
  front?: boolean | null;
  /** wait until released */
  held?: boolean | null;
  graph?: Graph | null;
  /** name of a saved workflow, for a graph */
  workflow?: string | null;
}

export interface Check {
  graph?: Record<string, unknown> | null;
  /** name of a saved workflow, for a graph */
  workflow?: string | null;
  targets?: string[] | null;
}

export interface Export {
  graph: Record<string, unknown>;
}

export interface Control {
  pause?: "no" | "after_job" | "after_node" | null;
  cancel?: {
    ids: string[];
  } | {
    from: number;
    to: number;
  };
}

/** what of a workflow did not map, or was replaced; it stops nothing */
export interface Note {
  level: "info" | "warning" | "error";
  code: string;
  node: string | null;
  type: string | null;
  text: string;
}

export interface Job {
  id: string;
  sequence: number;
  state: "pending" | "running" | "done" | "failed" | "cancelled";
  held: boolean;
  priority: number;
  title: string;
  /** seconds since 1970 */
  created: number;
  started: number | null;
  ended: number | null;
  attempts: number;
  device: string | null;
  client_id: string | null;
  nodes: number;
  outputs_count: number;
  error: Record<string, unknown> | null;
  running?: {
    node: string | null;
    type: string | null;
    value: number | null;
    total: number | null;
  };
}

export interface JobDetail {
  id: string;
  sequence: number;
  state: "pending" | "running" | "done" | "failed" | "cancelled";
  held: boolean;
  priority: number;
  title: string;
  /** seconds since 1970 */
  created: number;
  started: number | null;
  ended: number | null;
  attempts: number;
  device: string | null;
  client_id: string | null;
  nodes: number;
  outputs_count: number;
  error: Record<string, unknown> | null;
  running?: {
    node: string | null;
    type: string | null;
    value: number | null;
    total: number | null;
  };
  targets: string[] | null;
  graph: Record<string, unknown>;
  extra: Record<string, unknown>;
  node_errors: Record<string, unknown>;
  /** node to kind to items */
  outputs: Record<string, Record<string, Array<Record<string, unknown>>>>;
  /** "seconds" and "memory" by node, "cached" and "ran" as counts */
  stats: Record<string, unknown>;
  idempotency_key: string | null;
  /** while it runs: node to where it stands, outputs so far */
  live?: Record<string, unknown>;
}

export interface Workflow {
  name: string;
  nodes: number;
  /** a JSON Schema; "x-type" is the type on the wire */
  inputs: Record<string, unknown>;
  outputs: Array<{
    name: string;
    type: string;
    description: string;
    node: string;
  }>;
  problems: Problem[];
}

export interface Diff {
  a: string;
  b: string;
  same: boolean;
  added: Array<{
    node: string;
    type: string;
    title: string;
    inputs: Record<string, unknown>;
  }>;
  removed: Array<{
    node: string;
    type: string;
    title: string;
    inputs: Record<string, unknown>;
  }>;
  changed: Array<{
    node: string;
    type: string;
    title: string;
    inputs: Array<{
      input: string;
      was?: unknown;
      now?: unknown;
    }>;
    was_type?: string;
    was_title?: string;
  }>;
}

export interface Queue {
  paused: "no" | "after_job" | "after_node";
  draining: boolean;
  counts: {
    pending: number;
    running: number;
    done: number;
    failed: number;
    cancelled: number;
  };
  running: Job[];
}

export interface Curve {
  node: string;
  name: string;
  steps: number[];
  values: Array<number | null>;
}

export interface WorkerState {
  name: string;
  device: string | null;
  state: string;
  restarts: number;
  last_beat: number | null;
  info: Record<string, unknown>;
}

/** a node type that is not here; nodes: where it is, as execution ids */
export interface Missing {
  type: string;
  nodes: string[];
  nearest: string[];
}

export interface Opened {
  /** a workflow in UI format 0.4; every node has its values by name where they are known */
  document: Record<string, unknown>;
  report: Note[];
  format: "ui" | "api" | "infotext";
  missing: Missing[];
  name: string;
}

export interface DocumentState {
  name: string;
  revision: string;
  /** seconds since 1970 */
  modified: number;
}

export interface DocumentEntry {
  name: string;
  revision: string;
  /** seconds since 1970 */
  modified: number;
  bytes: number;
}

export interface SavedDocument {
  name: string;
  revision: string;
  /** seconds since 1970 */
  modified: number;
  /** a workflow in UI format 0.4; every node has its values by name where they are known */
  document: Record<string, unknown>;
  report: Note[];
  format: "ui" | "api" | "infotext";
  missing: Missing[];
}

/** another revision is there than the one the change is based on; null: none is */
export interface Conflict {
  error: Problem;
  revision: string | null;
  modified: number | null;
}

export interface Save {
  document: {
    nodes: unknown[];
  };
  /** the revision it is based on; null: it is new */
  base?: string | null;
  /** replace whatever is there */
  force?: boolean | null;
}

export interface Move {
  to: string;
  base: string;
}

export interface Template {
  name: string;
  title: string;
  description: string;
  category: "from text" | "from a picture" | "training";
  /** all its node types and models are here */
  runs: boolean;
  nodes: number;
  /** address of a picture of what it makes */
  picture: string | null;
}

export interface TemplateDocument {
  /** a workflow in UI format 0.4; every node has its values by name where they are known */
  document: Record<string, unknown>;
  report: Note[];
  format: "ui" | "api" | "infotext";
  missing: Missing[];
  name: string;
  title: string;
}

export interface InputOptions {
  default?: unknown;
  min?: number;
  max?: number;
  step?: number;
  round?: unknown;
  display?: string;
  control_after_generate?: boolean;
  label_on?: string;
  label_off?: string;
  multiline?: boolean;
  dynamicPrompts?: boolean;
  forceInput?: boolean;
  placeholder?: string;
  image_upload?: boolean;
  lazy?: boolean;
  rawLink?: boolean;
  tooltip?: string;
  [more: string]: unknown;
}

/** type, or the choices of a combo; then options, which may be absent */
export type InputDeclaration = [string | Array<string | number>, InputOptions?];

/** a node type without words; what is not so is left out */
export interface BriefNode {
  input: {
    required: Record<string, InputDeclaration>;
    optional?: Record<string, InputDeclaration>;
  };
  output: string[];
  category: string;
  input_order?: Record<string, string[]>;
  /** left out: its id */
  display_name?: string;
  /** left out: the types */
  output_name?: string[];
  output_is_list?: boolean[];
  /** left out: it came with the package */
  python_module?: string;
  output_node?: boolean;
  deprecated?: boolean;
  experimental?: boolean;
  search_aliases?: string[];
  loom?: {
    repeat?: {
      pattern: string;
      types: string;
      minimum: number;
      maximum: number;
    };
    former_ids?: string[];
    file?: Record<string, {
      folder: string;
      upload: boolean;
    }>;
    prompt?: string[];
    /** left out: what is called seed or noise_seed */
    seed?: string[];
  };
}

export interface NodeWords {
  description?: string;
  inputs?: Record<string, string>;
  outputs?: string[];
}

/** finer facts of sockets; a value that begins with "$" is a variable of the node; from: the file input by whose file an output's facets are known */
export interface Facets {
  input: Record<string, Record<string, string>>;
  output: Array<Record<string, string>>;
  from: Array<string | null>;
}

export interface LoomFacts {
  facets: Facets;
  repeat: {
    pattern: string;
    types: string;
    minimum: number;
    maximum: number;
  } | null;
  former_ids: string[];
  lane: "device" | "cpu" | "io";
  /** inputs that hold a random seed */
  seed: string[];
  /** inputs that name a file of a folder */
  file: Record<string, {
    folder: string;
    upload: boolean;
    extensions: string[];
  }>;
  /** inputs that hold a prompt, with weights */
  prompt: string[];
  trains: boolean;
  version: number;
}

export interface NodeDeclaration {
  input: {
    required: Record<string, InputDeclaration>;
    optional?: Record<string, InputDeclaration>;
    hidden?: unknown;
  };
  input_order: Record<string, string[]>;
  is_input_list: boolean;
  output: string[];
  output_is_list: boolean[];
  output_name: string[];
  output_tooltips?: string[];
  name: string;
  display_name: string;
  description: string;
  python_module: string;
  category: string;
  output_node: boolean;
  deprecated?: boolean;
  experimental?: boolean;
  search_aliases?: string[];
  loom: LoomFacts;
}

export type ObjectInfo = Record<string, NodeDeclaration>;

/** the JSON of a binary message of kind 4 */
export interface PreviewHead {
  node_id: string;
  prompt_id: string;
  /** the node of the document: "12", inside subgraphs "12:7:3" */
  display_node_id: string;
  parent_node_id: string | null;
  real_node_id: string;
  image_type: "image/jpeg" | "image/png";
  /** when the node handed the picture over, in seconds since 1970 */
  at: number;
}

/** events that have a number, by kind */
export interface EventData {
  job: {
    state: "pending" | "running" | "done" | "failed" | "cancelled";
    sequence: number;
    title: string;
    priority: number;
    held: boolean;
    attempts: number;
    error: Problem | null;
    /** seconds since 1970 */
    created: number;
    started: number | null;
    ended: number | null;
    reason?: unknown;
  };
  queue: {
    paused: "no" | "after_job" | "after_node";
    remaining: number;
  };
  server: {
    draining?: boolean;
    error?: Problem;
  };
  queued: {
    nodes: string[];
  };
  cached: {
    nodes: string[];
  };
  started: {
    node: string;
    /** the node of the document: "12", inside subgraphs "12:7:3" */
    display: string;
    type: string;
  };
  output: {
    node: string;
    /** the node of the document: "12", inside subgraphs "12:7:3" */
    display: string;
    name: string;
    items: Array<Record<string, unknown>>;
  };
  metric: {
    node: string;
    /** the node of the document: "12", inside subgraphs "12:7:3" */
    display: string;
    points: Array<[string, number, number | null]>;
  };
  finished: {
    node: string;
    /** the node of the document: "12", inside subgraphs "12:7:3" */
    display: string;
    seconds: number;
    memory: Record<string, number> | null;
  };
  failed: {
    node: string;
    /** the node of the document: "12", inside subgraphs "12:7:3" */
    display: string;
    error: Problem;
    blocked: string[];
  };
  ended: {
    status: "done" | "failed" | "cancelled";
    seconds: number;
  };
}

/** messages that say how things stand now, by kind */
export interface MomentData {
  hello: {
    first: number;
    remaining: number;
  };
  progress: {
    node: string;
    /** the node of the document: "12", inside subgraphs "12:7:3" */
    display: string;
    value: number | null;
    total: number | null;
    note: Record<string, unknown>;
  };
  resync: {
    reason: "slow" | "gone";
  };
}

export type EventKind = keyof EventData;
export type MomentKind = keyof MomentData;

/** An event with a number; a client keeps the last it dealt with, and connects again with `after=` that number. */
export type NumberedEvent = {
  [K in EventKind]: { seq: number; at: number; kind: K; job: string | null; data: EventData[K] };
}[EventKind];

/** A message without a number of its own; `hello` and `resync` name the newest event's. */
export type Moment =
  | { seq: number; at: number; kind: "hello"; job: null; data: MomentData["hello"] }
  | { seq: number; at: number; kind: "resync"; job: null; after: number; data: MomentData["resync"] }
  | { seq?: undefined; at: number; kind: "progress"; job: string; data: MomentData["progress"] };

export type LoomEvent = NumberedEvent | Moment;

/** What a client may say. */
export type ClientMessage = { do: "previews"; on: boolean };

/** every address of /api/loom: what it takes and gives */
export interface Api {
  /** List jobs, without their graphs and outputs. */
  "GET /api/loom/jobs": {
    path: Record<never, never>;
    query: {
      state?: string;
      limit?: number;
      offset?: number;
      sort?: "-created" | "queue" | "-queue" | "created" | "started" | "-started" | "ended" | "-ended" | "duration" | "-duration";
      cursor?: string;
    };
    body: undefined;
    answer: {
      jobs: Job[];
      total: number;
      more: boolean;
      next: string | null;
    };
  };
  /** Submit one job, or many of which all or none are queued. */
  "POST /api/loom/jobs": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Submission | Submissions;
    answer: {
      job?: Job;
      jobs?: Job[];
    } | {
      job: Job;
    };
  };
  /** Forget ended jobs; their files stay. */
  "DELETE /api/loom/jobs": {
    path: Record<never, never>;
    query: {
      state: string;
    };
    body: undefined;
    answer: {
      deleted: number;
    };
  };
  /** One job, whole. */
  "GET /api/loom/jobs/{job}": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      job: JobDetail;
    };
  };
  /** Change a job that waits. */
  "PATCH /api/loom/jobs/{job}": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: Edit;
    answer: {
      job: Job;
    };
  };
  /** Forget an ended job. */
  "DELETE /api/loom/jobs/{job}": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      deleted: string[];
    };
  };
  /** What leads from one job's graph to another's. */
  "GET /api/loom/jobs/{job}/diff/{other}": {
    path: {
      job: string;
      other: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: Diff;
  };
  /** Cancel a job that waits or runs. */
  "POST /api/loom/jobs/{job}/cancel": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      job: Job;
    };
  };
  /** Put a job that waits ahead of the others. */
  "POST /api/loom/jobs/{job}/front": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      job: Job;
    };
  };
  /** Let a job wait until it is released. */
  "POST /api/loom/jobs/{job}/hold": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      job: Job;
    };
  };
  /** Let a held job run when its turn comes. */
  "POST /api/loom/jobs/{job}/release": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      job: Job;
    };
  };
  /** Queue a job that failed or was cancelled once more. */
  "POST /api/loom/jobs/{job}/retry": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: Changes | undefined;
    answer: {
      job: Job;
    };
  };
  /** Queue a copy of a job, with changes if wanted. */
  "POST /api/loom/jobs/{job}/duplicate": {
    path: {
      job: string;
    };
    query: Record<never, never>;
    body: Changes | undefined;
    answer: {
      job: Job;
    };
  };
  /** Every problem of a graph. */
  "POST /api/loom/check": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Check;
    answer: {
      ok: boolean;
      nodes: number;
      problems: Problem[];
      report: Note[];
    };
  };
  /** A document as ComfyUI's POST /prompt takes it. */
  "POST /api/loom/export": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Export;
    answer: {
      prompt: Record<string, unknown>;
      report: Note[];
    };
  };
  /** All node types, and the packs that could not be loaded. */
  "GET /api/loom/nodes": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      nodes: Record<string, unknown>;
      failures: Array<{
        name: string;
        error: string;
      }>;
    };
  };
  /** One node type. */
  "GET /api/loom/nodes/{type}": {
    path: {
      type: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      node: Record<string, unknown>;
    };
  };
  /** This document. */
  "GET /api/loom/openapi.json": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
  /** All saved workflows. */
  "GET /api/loom/workflows": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      workflows: Array<{
        name: string;
        source: "user" | "package";
        modified: number;
        bytes: number;
      }>;
    };
  };
  /** What a workflow takes and gives. */
  "GET /api/loom/workflows/{name}": {
    path: {
      name: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: {
      workflow: Workflow;
    };
  };
  /** Run a workflow with these inputs; its results stand under outputs once the job has ended. */
  "POST /api/loom/workflows/{name}/run": {
    path: {
      name: string;
    };
    query: {
      wait?: number;
    };
    body: Run | undefined;
    answer: {
      job: Job;
      results: Array<{
        name: string;
        type: string;
        node: string;
      }>;
      notes: Note[];
      outputs?: Record<string, unknown>;
    };
  };
  /** Read a workflow of any format, also inside a picture, film or sound, as a document for the editor. */
  "POST /api/loom/open": {
    path: Record<never, never>;
    query: {
      name?: string;
    };
    body: unknown;
    answer: Opened;
  };
  /** All saved documents. */
  "GET /api/loom/documents": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      documents: DocumentEntry[];
    };
  };
  /** One document; its ETag is the revision. */
  "GET /api/loom/documents/{name}": {
    path: {
      name: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: SavedDocument;
  };
  /** Save a document. */
  "PUT /api/loom/documents/{name}": {
    path: {
      name: string;
    };
    query: Record<never, never>;
    body: Save;
    answer: DocumentState;
  };
  /** Delete a document. */
  "DELETE /api/loom/documents/{name}": {
    path: {
      name: string;
    };
    query: {
      base: string;
    };
    body: undefined;
    answer: {
      deleted: string;
    };
  };
  /** Give a document another name. */
  "POST /api/loom/documents/{name}/move": {
    path: {
      name: string;
    };
    query: Record<never, never>;
    body: Move;
    answer: DocumentState;
  };
  /** Workflows to begin with. */
  "GET /api/loom/templates": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      templates: Template[];
    };
  };
  /** One of them as a document. */
  "GET /api/loom/templates/{name}": {
    path: {
      name: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: TemplateDocument;
  };
  /** A picture of what a template makes. */
  "GET /api/loom/templates/{name}/picture": {
    path: {
      name: string;
    };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** All node types in brief, as the editor wants them first. */
  "GET /api/loom/types": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, BriefNode>;
  };
  /** What node types say of themselves to people. */
  "GET /api/loom/types/words": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, NodeWords>;
  };
  /** Whether jobs are taken, and what runs. */
  "GET /api/loom/queue": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Queue;
  };
  /** Pause or go on; cancel jobs by id or by range. */
  "POST /api/loom/queue": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Control;
    answer: Queue & {
      cancelled: string[];
    };
  };
  /** What a worker holds in memory, on the device and on disk. */
  "GET /api/loom/ledger": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      ledger: unknown;
    };
  };
  /** The workers and how they are. */
  "GET /api/loom/workers": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: {
      workers: WorkerState[];
    };
  };
  /** The curves of a job that trains or trained. */
  "GET /api/loom/metrics/{job}": {
    path: {
      job: string;
    };
    query: {
      after?: number;
      points?: number;
    };
    body: undefined;
    answer: {
      job: string;
      state: "pending" | "running" | "done" | "failed" | "cancelled";
      series: Curve[];
    };
  };
}

export type ApiCall = keyof Api;
