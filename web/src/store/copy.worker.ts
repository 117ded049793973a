// The files of documents' second copies, in a thread of its own: what the page hands over is in the file system when
// `write` returns, however busy the page and the browser are. Knows records as texts only.
//
// A document has two files for each browser tab that wrote it: the records go to one of them, and a new beginning, with
// the document whole, to the other. Whenever this ends, one of the two is good.

import { encode, FOLDER, fileNames, type Kind, ownerOf } from "./copyRecords";

/** What the page asks for: a record; an end of writing; all files of this tab, or of every tab, gone. */
export type Order =
  | { id: string; kind: Kind; edits: number; text: string }
  | { id: string; kind: "close" | "drop" | "remove" };
type Writing = Extract<Order, { text: string }>;

/** Of the browser's file system what is used here. */
export interface Handle {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}
export interface Folder {
  getFileHandle(name: string, options: { create: true }): Promise<{ createSyncAccessHandle(): Promise<Handle> }>;
  removeEntry(name: string): Promise<void>;
  keys(): AsyncIterable<string>;
}

interface Log {
  files: [Handle, Handle];
  /** Which of the two is written, and how far. */
  at: 0 | 1;
  size: number;
  /** Lets go of what the last beginning made needless. */
  settling: ReturnType<typeof setTimeout> | null;
}

/** How long after a beginning what was before it is kept: the disk itself is asked then, which takes its time. */
const SETTLE_MS = 1_000;

export class CopyFiles {
  private readonly logs = new Map<string, Log>();
  /** By document: what waits until its files are open, or gone. */
  private readonly waiting = new Map<string, Order[]>();

  constructor(
    private readonly folder: () => Promise<Folder>,
    /** The browser tab that writes. */
    private readonly writer: string,
    /** It cannot be written; nothing more of the document is taken until it begins anew. */
    private readonly onFailed: (id: string) => void,
  ) {}

  /** Do what is asked for: a record of files that are open is written before this returns. */
  take(order: Order): void {
    const { id } = order;
    const before = this.waiting.get(id);
    if (before !== undefined) {
      before.push(order);
      return;
    }
    const log = this.logs.get(id);
    if ("text" in order && (log !== undefined || order.kind !== "whole")) {
      if (log !== undefined) this.attempt(id, () => this.write(log, order));
      return;
    }
    const waiting: Order[] = [];
    this.waiting.set(id, waiting);
    const work = "text" in order ? this.begin(order) : this.end(id, order.kind);
    void work
      .catch(() => this.fail(id))
      .then(() => {
        this.waiting.delete(id);
        for (const next of waiting) this.take(next);
      });
  }

  private async begin(order: Writing): Promise<void> {
    const folder = await this.folder();
    const open = async (name: string) => (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
    const names = fileNames(order.id, this.writer);
    const files: Log["files"] = [await open(names[0]), await open(names[1])];
    // This tab may have written the document before: what is good stays until there is something newer.
    const log: Log = { files, at: files[0].getSize() > 0 ? 0 : 1, size: 0, settling: null };
    this.logs.set(order.id, log);
    this.write(log, order);
  }

  private write(log: Log, { id, kind, edits, text }: Writing): void {
    if (kind === "whole") {
      if (log.settling !== null) this.settle(id, log);
      log.at = log.at === 0 ? 1 : 0;
      log.size = 0;
      log.files[log.at].truncate(0);
      log.settling = setTimeout(() => this.attempt(id, () => this.settle(id, log)), SETTLE_MS);
    }
    const bytes = encode(kind, edits, text);
    if (log.files[log.at].write(bytes, { at: log.size }) < bytes.length) throw new Error("The disk is full.");
    log.size += bytes.length;
  }

  private settle(id: string, log: Log): void {
    if (log.settling !== null) clearTimeout(log.settling);
    log.settling = null;
    log.files[log.at].flush();
    log.files[log.at === 0 ? 1 : 0].truncate(0);
    // What tabs before this one wrote is of no more use. Files of one that still lives cannot be removed.
    void this.removeAll(id, (writer) => writer !== this.writer);
  }

  private async end(id: string, kind: "close" | "drop" | "remove"): Promise<void> {
    const log = this.logs.get(id);
    if (log !== undefined) {
      if (log.settling !== null && kind === "close") this.settle(id, log);
      this.close(id, log);
    }
    if (kind !== "close") await this.removeAll(id, (writer) => kind === "remove" || writer === this.writer);
  }

  private async removeAll(id: string, which: (writer: string) => boolean): Promise<void> {
    try {
      const folder = await this.folder();
      for await (const name of folder.keys()) {
        const owner = ownerOf(name);
        if (owner?.id === id && which(owner.writer)) await folder.removeEntry(name).catch(() => undefined);
      }
    } catch {
      // It is tried again when the document begins anew; until then an older copy counts for nobody.
    }
  }

  private close(id: string, log: Log): void {
    if (log.settling !== null) clearTimeout(log.settling);
    this.logs.delete(id);
    for (const file of log.files) file.close();
  }

  private attempt(id: string, work: () => void): void {
    try {
      work();
    } catch {
      this.fail(id);
    }
  }

  private fail(id: string): void {
    const log = this.logs.get(id);
    if (log !== undefined) this.close(id, log);
    this.onFailed(id);
  }
}

// The thread itself, which is told first who writes. Elsewhere this is a module like any other.
if ("DedicatedWorkerGlobalScope" in globalThis) {
  const folder = async () => {
    const root = await navigator.storage.getDirectory();
    return (await root.getDirectoryHandle(FOLDER, { create: true })) as unknown as Folder;
  };
  let files: CopyFiles | null = null;
  self.onmessage = ({ data }: MessageEvent<Order | string>) => {
    if (typeof data === "string") files = new CopyFiles(folder, data, (id) => self.postMessage(id));
    else files?.take(data);
  };
}
