// A second copy of documents that are edited, in files beside the browser's database: for when the browser was killed
// before the database had the last edits, or threw all of it away. Written by a thread of its own (`copy.worker.ts`),
// read when a document is brought back. Loaded when it is first needed. Whatever fails here, the journal goes on alone.
//
// A copy that is ahead is put into the database as if it had always been there, before anybody reads the document.

import type { Folder, Order } from "./copy.worker";
import { FOLDER, fileNames, ownerOf, scan } from "./copyRecords";
import { answerOf, changing, committed } from "./database";
import { fence, stepKeys } from "./entries";
import { writeText } from "./pieces";
import { type CheckpointText, contentText, type StackText, stackText } from "./reading";
import type { Head, Kept, StepRecord } from "./records";
import type { OpenDoc } from "./shapes";
import { type Numbered, replay, type Step } from "./steps";

/** Characters and steps after which a copy begins anew, if that is more than the document itself takes. */
const MOST = 4_000_000;
const MOST_STEPS = 2_000;
/** How long a page that has no quiet moment may put off to begin a copy. */
const BEGIN_MS = 50;
/** How long a start waits for files that do not answer. */
const READ_MS = 3_000;
/** The writer that stands in the database for what came from a copy: none that could still write. */
const COPY = "copy";

type Known = Pick<Head, "title" | "file" | "savedEdit" | "closed" | "opened">;
interface Whole {
  head: Known;
  content: CheckpointText;
  stacks: StackText;
}
type File = ReturnType<typeof scan> & { changed: number };

interface Log {
  opened: number;
  edits: number;
  /** Left until it begins anew. */
  characters: number;
  steps: number;
  /** It begins in the next quiet moment. */
  asked: boolean;
  /** Its first record is on its way, so that steps may follow. */
  begun: boolean;
}

/** null where the browser has no files for us: private modes, pages that came by http from another machine. */
export function openCopy(writer: string, current: (id: string) => OpenDoc | undefined): Copy | null {
  return navigator.storage?.getDirectory === undefined || typeof Worker === "undefined"
    ? null
    : new Copy(writer, current);
}

export class Copy {
  private readonly logs = new Map<string, Log>();
  /** Documents of which nothing could be written. */
  private readonly failed = new Set<string>();
  private worker: Worker | null = null;
  /** The thread could not be begun. */
  private off = false;

  constructor(
    private readonly writer: string,
    private readonly current: (id: string) => OpenDoc | undefined,
  ) {
    soon(() => this.thread()); // so that it is there at the first step
  }

  // ---- writing -----------------------------------------------------------------------------------------------

  /** Begin the copy of a document, or begin it anew, in a quiet moment. */
  begin(id: string): void {
    if (this.off || this.failed.has(id)) return;
    const left = { characters: 0, steps: 0 };
    const log = this.logs.get(id) ?? { ...left, opened: Date.now(), edits: 0, asked: false, begun: false };
    this.logs.set(id, log);
    if (log.asked) return;
    log.asked = true;
    soon(() => {
      log.asked = false;
      const open = this.current(id);
      if (this.logs.get(id) === log && open !== undefined && !open.readOnly) this.whole(open, log);
    });
  }

  /** A step was taken; `open` is the document after it, `text` the entry of an edit. */
  step(open: OpenDoc, op: Step["op"], text: string): void {
    const { id, edits } = open;
    const log = this.logs.get(id);
    if (!log?.begun) {
      this.begin(id);
      return;
    }
    const record = op === "edit" ? `{"op":"edit","entry":${text}}` : `{"op":"${op}"}`;
    this.ask({ id, kind: "step", edits, text: record });
    log.edits = edits;
    log.characters -= record.length;
    log.steps -= 1;
    if (log.characters < 0 || log.steps < 0) this.begin(id);
  }

  /** What the document is called, and so on. */
  head(id: string, changes: Partial<Head>): void {
    const log = this.logs.get(id);
    if (log?.begun) this.ask({ id, kind: "head", edits: log.edits, text: JSON.stringify(changes) });
    else this.begin(id);
  }

  /** Write no more of a document. "close" keeps its files, "drop" removes ours, "remove" those of all tabs. */
  end(id: string, kind: "close" | "drop" | "remove"): void {
    if (this.logs.delete(id) || kind === "remove") this.ask({ id, kind });
  }

  private whole(open: OpenDoc, log: Log): void {
    const { id, title, file, savedEdit, edits } = open;
    const head = JSON.stringify({ title, file, savedEdit, closed: null, opened: log.opened } satisfies Known);
    const text = `{"head":${head},"content":${contentText(open)},"stacks":${stackText(open)}}`;
    Object.assign(log, { edits, characters: Math.max(MOST, text.length), steps: MOST_STEPS, begun: true });
    this.ask({ id, kind: "whole", edits, text });
  }

  private ask(order: Order): void {
    this.thread().postMessage(order);
  }

  private thread(): Worker {
    if (this.worker !== null) return this.worker;
    this.worker = new Worker(new URL("./copy.worker.ts", import.meta.url), { type: "module" });
    this.worker.postMessage(this.writer);
    this.worker.onmessage = ({ data }: MessageEvent<string>) => {
      this.failed.add(data);
      this.logs.delete(data);
    };
    this.worker.onerror = () => {
      this.off = true;
      this.logs.clear();
    };
    return this.worker;
  }

  // ---- reading -----------------------------------------------------------------------------------------------

  /** Put documents that the database does not know at all into it. */
  async recover(database: IDBDatabase): Promise<void> {
    const lost = (await patiently(lostOf(database))) ?? [];
    for (const [id, names] of lost) await take(database, id, names, { edits: -1, seq: 0 }).catch(() => undefined);
  }

  /** Bring a document that this tab may write up to its copy, if its last writer got further there. */
  async repair(database: IDBDatabase, id: string): Promise<void> {
    const work = async () => {
      const last = await lastOf(database, id);
      if (last.head !== undefined) await take(database, id, fileNames(id, last.head.writer), last);
    };
    await patiently(work());
  }
}

async function folderOf(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
}

/** Wait for a while. What goes wrong, or is late, is not worth a word: the database has what it has. */
function patiently<T>(work: Promise<T>): Promise<T | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, READ_MS));
  return Promise.race([work.catch(() => undefined), late]);
}

function soon(work: () => void): void {
  if (typeof requestIdleCallback === "undefined") setTimeout(work);
  else requestIdleCallback(work, { timeout: BEGIN_MS });
}

/** The files of documents that the database does not know. What a tab that lives writes is that tab's to bring back. */
async function lostOf(database: IDBDatabase): Promise<[id: string, names: string[]][]> {
  const files = new Map<string, string[]>();
  for await (const name of ((await folderOf()) as unknown as Folder).keys()) {
    const { id } = ownerOf(name) ?? {};
    if (id !== undefined) files.set(id, [...(files.get(id) ?? []), name]);
  }
  const known = await answerOf(database.transaction("heads").objectStore("heads").getAllKeys());
  for (const id of known) files.delete(id as string);
  const { held = [] } = (files.size > 0 && (await navigator.locks?.query())) || {};
  return [...files].filter(([id]) => !held.some(({ name }) => name?.endsWith(` ${id}`)));
}

/** Take the file that got furthest, if that is further than the database got. */
async function take(database: IDBDatabase, id: string, names: string[], last: Last): Promise<void> {
  const folder = await folderOf();
  const files: File[] = [];
  for (const name of names) {
    try {
      const file = await (await folder.getFileHandle(name)).getFile();
      files.push({ ...scan(new Uint8Array(await file.arrayBuffer())), changed: file.lastModified });
    } catch {
      // It is gone, or being written: then the other one is to be taken.
    }
  }
  files.sort((one, other) => other.edits - one.edits || other.changed - one.changed);
  if (files[0] !== undefined && files[0].edits > last.edits) await put(database, id, last, files[0]);
}

/** How far the database got with a document: its last writer's last edit, and the last number of any step. */
interface Last {
  head?: Head;
  edits: number;
  seq: number;
}

async function lastOf(database: IDBDatabase, id: string): Promise<Last> {
  const transaction = database.transaction(["heads", "checkpoints", "stacks", "entries"]);
  const get = <T>(name: string) => answerOf(transaction.objectStore(name).get(id) as IDBRequest<T | undefined>);
  const asked = Promise.all([get<Head>("heads"), get<Kept>("checkpoints"), get<Kept>("stacks")]);
  const steps = transaction.objectStore("entries").openCursor(stepKeys(id), "prev");
  const first = answerOf(steps);
  const [head, checkpoint, stack] = await asked;
  if (head === undefined) return { edits: -1, seq: 0 };
  let [edits, seq] = [head.edits, Math.max(head.seq, checkpoint?.seq ?? 0, stack?.seq ?? 0)];
  for (let cursor = await first; cursor !== null; cursor = await answerOf(steps)) {
    const step = cursor.value as StepRecord;
    seq = Math.max(seq, step.seq);
    edits = Math.max(edits, step.writer === head.writer ? step.edits : 0);
    if (step.writer === head.writer) break;
    cursor.continue();
  }
  return { head, edits, seq };
}

/** Write what a file says into the database, after all that is there, unless somebody else has the document by now. */
async function put(database: IDBDatabase, id: string, last: Last, file: File): Promise<void> {
  const [first, ...records] = file.records();
  const { head, content, stacks } = JSON.parse(first?.text ?? "") as Whole;
  const start = file.edits - records.filter(({ kind }) => kind === "step").length;
  const steps: Numbered[] = [];
  for (const { kind, text } of records) {
    if (kind === "head") Object.assign(head, JSON.parse(text));
    else steps.push({ ...(JSON.parse(text) as Step), seq: steps.length + 1 });
  }
  const { at, unread } = replay({ seq: 0, doc: content.doc }, { seq: 0, ...stacks }, steps);
  const edits = start + steps.length - unread;
  if (edits <= last.edits) return;
  const seq = Math.max(last.seq, edits) + 1;
  const [one, other] = [
    await writeText(database, [id, "checkpoint", seq], contentText({ ...content, ...at })),
    await writeText(database, [id, "stack", seq], stackText(at)),
  ];
  const transaction = changing(database, ["checkpoints", "stacks", "entries"]);
  const heads = transaction.objectStore("heads");
  const now = (await answerOf(heads.get(id))) as Head | undefined;
  if (now?.writer !== last.head?.writer) return;
  const { opened = head.opened } = last.head ?? {};
  heads.put({ id, changed: file.changed, ...head, opened, writer: COPY, seq, edits } satisfies Head);
  transaction.objectStore("checkpoints").put({ id, seq, ...one } satisfies Kept);
  transaction.objectStore("stacks").put({ id, seq, ...other } satisfies Kept);
  transaction.objectStore("entries").put(fence(id, [[COPY, seq]]));
  await committed(transaction);
}
