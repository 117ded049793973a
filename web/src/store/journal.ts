// The journal: every edit of every open document in the browser's database, within milliseconds and before anything
// else happens to it, so that neither a crash nor a reload loses work or the way back. A second copy goes into files
// (`copy.ts`), for when the database was killed before it had the last edits, or is gone. Knows no screen and no server.
//
// By document: `heads` (what it is called, who writes it, how far), `checkpoints` (the document at some entry),
// `stacks` (undo and redo at some earlier entry), `entries` (every edit, undo and redo since the older of the two, each
// written at once: `entries.ts`; all else takes its turn: `lane.ts`). One browser tab writes a document: a head and a
// fence before its entries name it. Long texts stand in `pieces`; see `pieces.ts` for why no record is long.

import type { Copy } from "./copy";
import { answerOf, changing, committed, openDatabase } from "./database";
import { fence, Steps, stepKeys } from "./entries";
import { Lane } from "./lane";
import { deleteGently, deleteTexts, isLong, PIECE, type TextRef, writeText } from "./pieces";
import { contentText, PARTS, readDocument, stackText } from "./reading";
import type { Head, Mark, Pending, Place, SessionRecord } from "./records";
import type { OpenDoc } from "./shapes";
import type { Step } from "./steps";

/** What happened to the journal that somebody should know. */
export interface JournalEvents {
  /** Another tab writes the document now; `unsaved` steps of ours were not taken. */
  onLost(id: string, unsaved: number): void;
  /** It cannot be written, e.g. as the disk is full; tried again every few seconds. null: it can again. */
  onTrouble(error: Error | null): void;
  /** Documents of which something was written. */
  onWritten(ids: string[]): void;
  /** The document as it is now, to write it whole after trouble. */
  current(id: string): OpenDoc | undefined;
}

export const CHECKPOINT_EVERY = 100;
/** Entries kept so that undo can be worked out; then the stacks are written anew. */
const STACK_EVERY = 1_000;
const KEEP_CLOSED = 30 * 24 * 3600 * 1000;
const MOST_CLOSED = 100;
const RETRY_MS = 3_000;
/** How soon what was handed to the system is also forced to the disk itself. */
const SYNC_MS = 500;

export class Journal {
  private readonly lane: Lane;
  private readonly steps: Steps;
  /** Long texts on their way. */
  private readonly slow = new Set<Promise<unknown>>();
  private readonly marks = new Map<string, Mark>();
  /** Documents whose journal has a gap, as something could not be written. */
  private readonly torn = new Set<string>();
  private retry: ReturnType<typeof setTimeout> | null = null;
  private sync: ReturnType<typeof setTimeout> | null = null;
  private troubled = false;
  /** The second copy of what is edited, once that is loaded; null also where there can be none. */
  private copy: Copy | null = null;
  private loading: Promise<void> | null = null;

  private constructor(
    private database: IDBDatabase,
    /** Names this browser tab as a writer. */
    readonly writer: string,
    private readonly events: JournalEvents,
  ) {
    const onLost = (id: string, unsaved: number) => {
      if (!this.marks.delete(id)) return;
      this.copy?.end(id, "drop");
      events.onLost(id, unsaved);
    };
    const onWritten = (ids: string[]) => {
      if (ids.length > 0) events.onWritten(ids);
      this.syncLater();
    };
    this.steps = new Steps(database, writer, {
      onLost: (id) => onLost(id, 1),
      onWritten: (id) => onWritten([id]),
      onFailed: (id, error) => this.tear([id], error),
    });
    this.lane = new Lane(database, writer, {
      // Steps that are on their way tell whether something of ours is lost by it.
      onLost: (id) => void this.steps.written().then(() => onLost(id, 0)),
      onWritten,
      onFailed: (ids, error) => this.tear(ids, error),
    });
  }

  /** Throws when the browser has no database for us. */
  static async open(writer: string, events: JournalEvents): Promise<Journal> {
    const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("copies");
    const copied = folder().catch(() => null);
    const journal = new Journal(await openDatabase(), writer, events);
    // Where nothing was ever copied, nothing is loaded for it.
    if (await copied) await journal.load();
    await journal.copy?.recover(journal.database);
    return journal;
  }

  // ---- reading -----------------------------------------------------------------------------------------------

  /** All documents that are known, open or closed. */
  heads(): Promise<Head[]> {
    return answerOf(this.database.transaction("heads").objectStore("heads").getAll() as IDBRequest<Head[]>);
  }

  head(id: string): Promise<Head | undefined> {
    return answerOf(this.database.transaction("heads").objectStore("heads").get(id) as IDBRequest<Head | undefined>);
  }

  /**
   * Return a document as its last entry left it, with undo and redo, or null when there is none. With `adopt` this tab
   * becomes its writer in the same step: what another tab has not written by now, it cannot write any more.
   */
  async restore(id: string, adopt: boolean): Promise<OpenDoc | null> {
    if (adopt && this.marks.has(id)) await this.drain();
    if (adopt) await this.copy?.repair(this.database, id);
    const transaction = adopt ? changing(this.database, PARTS) : this.database.transaction(PARTS);
    const found = await readDocument(transaction, id, !adopt);
    if (found === null) return null;
    const { head, checkpoint, stack, owners, seq, unread } = found;
    const open = { ...found.open, readOnly: !adopt };
    if (adopt) {
      const ends = committed(transaction);
      const { edits } = open;
      transaction.objectStore("heads").put({ ...head, writer: this.writer, closed: null, seq, edits } satisfies Head);
      transaction.objectStore("entries").put(fence(id, [...owners, [this.writer, seq]]));
      await ends;
      const every = Math.max(CHECKPOINT_EVERY, checkpoint.pieces ?? 0);
      this.marks.set(id, { seq, checkpoint: checkpoint.seq, stack: stack.seq, every, busy: false, held: [] });
      this.torn.delete(id);
    }
    if (unread > 0) {
      this.events.onTrouble(new Error(`${unread} steps of "${head.title}" could not be read.`));
      // What comes now stands on what could be read, and not on those steps.
      if (adopt) this.writeWhole(open);
    }
    return open;
  }

  place(id: string): Promise<Place | undefined> {
    return answerOf(this.database.transaction("views").objectStore("views").get(id) as IDBRequest<Place | undefined>);
  }

  session(): Promise<SessionRecord | undefined> {
    const store = this.database.transaction("session").objectStore("session");
    return answerOf(store.get("tabs") as IDBRequest<SessionRecord | undefined>);
  }

  // ---- writing -----------------------------------------------------------------------------------------------

  /** Begin the journal of a document. */
  create(open: OpenDoc): void {
    const seq = this.marks.get(open.id)?.seq ?? 0;
    this.marks.set(open.id, { seq, checkpoint: seq, stack: seq, every: CHECKPOINT_EVERY, busy: false, held: [] });
    this.writeWhole(open);
  }

  /** Write one step; `open` is the document after it. */
  append(open: OpenDoc, step: Step): void {
    const { id } = open;
    const mark = this.marks.get(id);
    if (mark === undefined) return;
    const text = step.op === "edit" ? JSON.stringify(step.entry) : "";
    if (this.copy === null) void this.load().then(() => this.copy?.begin(id));
    else this.copy.step(open, step.op, text);
    if (this.torn.has(id)) {
      this.retryLater();
      return;
    }
    mark.seq += 1;
    const { seq } = mark;
    this.steps.append({ id, seq, op: step.op, edits: open.edits }, text);
    if (!mark.busy && seq - mark.checkpoint >= mark.every) this.track(this.checkpoint(open, mark));
  }

  /** Change what a document is called, where it was saved, or that it is closed. */
  change(id: string, head: Partial<Pick<Head, "title" | "file" | "savedEdit" | "closed" | "edits">>): void {
    if (!this.marks.has(id)) return;
    this.copy?.head(id, head);
    this.put({ id, head });
  }

  /** Forget that this tab writes the document. */
  release(id: string): void {
    this.torn.delete(id);
    this.marks.delete(id);
    // What could not be written here is there, until another tab writes it.
    this.copy?.end(id, "close");
  }

  /** Whether this tab writes the document, as far as it knows. */
  writes(id: string): boolean {
    return this.marks.has(id);
  }

  /** Whether something of the document could not be written so far. */
  isTorn(id: string): boolean {
    return this.torn.has(id);
  }

  savePlace(id: string, place: Place): void {
    this.aside("views", { id, ...place });
  }

  /** Keep which tabs are open in which order. Those of other browser tabs keep their places behind ours. */
  async saveSession(session: SessionRecord): Promise<void> {
    try {
      const transaction = changing(this.database, ["session"]);
      const store = transaction.objectStore("session");
      const before = (await answerOf(store.get("tabs"))) as SessionRecord | undefined;
      const others = (before?.order ?? []).filter((id) => !session.order.includes(id));
      store.put({ key: "tabs", order: [...session.order, ...others].slice(0, 200), active: session.active });
      await committed(transaction);
    } catch {
      // The order of tabs is not worth a word to the user.
    }
  }

  /** Wait until all that was handed over is written, or cannot be. */
  async flush(): Promise<void> {
    await this.drain();
    if (this.torn.size > 0) await this.mend();
  }

  /** Drop documents that were closed long ago; returns those still to be had, the last closed first. */
  async prune(now: number): Promise<Head[]> {
    const closed = (await this.heads()).filter((head) => head.closed !== null);
    closed.sort((one, other) => (other.closed ?? 0) - (one.closed ?? 0));
    const kept = closed.slice(0, MOST_CLOSED).filter((head) => now - (head.closed ?? 0) < KEEP_CLOSED);
    for (const head of closed) if (!kept.includes(head)) await this.remove(head.id);
    return kept;
  }

  async remove(id: string): Promise<void> {
    this.marks.delete(id);
    this.copy?.end(id, "remove");
    const whole = ["heads", "checkpoints", "stacks", "views"];
    const transaction = changing(this.database, whole);
    for (const name of whole) transaction.objectStore(name).delete(id);
    await committed(transaction);
    const all = IDBKeyRange.bound([id], [id, []]);
    for (const name of ["entries", "pieces"]) await deleteGently(this.database, name, all);
  }

  // ---- how it is written -------------------------------------------------------------------------------------

  private put(item: Pending): void {
    const held = this.marks.get(item.id)?.held;
    if (held !== undefined && held.length > 0) held.push({ item });
    else this.lane.queue([item]);
  }

  /** Write an item when its long texts are written; what comes after it waits for it. */
  private after(id: string, texts: Promise<TextRef>[], item: (refs: TextRef[]) => Pending): void {
    const held = this.marks.get(id)?.held;
    if (held === undefined) return;
    const place: { item?: Pending } = {};
    held.push(place);
    const release = (refs: TextRef[]) => {
      if (!held.includes(place)) return; // given up meanwhile
      place.item = item(refs);
      const waiting = held.findIndex((one) => one.item === undefined);
      const ready = held.splice(0, waiting < 0 ? held.length : waiting);
      this.lane.queue(ready.flatMap((one) => one.item ?? []));
    };
    const fail = (error: unknown) => {
      for (const one of held.splice(0)) one.item?.done?.(false);
      this.tear([id], error);
    };
    this.track(Promise.all(texts).then(release, fail));
  }

  /** Write a document with nothing taken for granted: its head, all of it, and its undo. */
  private writeWhole(open: OpenDoc): void {
    const mark = this.marks.get(open.id);
    if (mark === undefined) return;
    const { id, title, file, edits, savedEdit } = open;
    const { seq } = mark;
    const { writer } = this;
    const now = Date.now();
    const [content, stacks] = [contentText(open), stackText(open)];
    const fresh = { id, writer, seq, title, file, edits, savedEdit, opened: now, changed: now, closed: null };
    Object.assign(mark, { checkpoint: seq, stack: seq, every: Math.max(CHECKPOINT_EVERY, content.length / PIECE) });
    if (!isLong(content) && !isLong(stacks)) {
      this.put({ id, fresh, checkpoint: { id, seq, text: content }, stack: { id, seq, text: stacks } });
      return;
    }
    const texts = [
      writeText(this.database, [id, "checkpoint", seq], content),
      writeText(this.database, [id, "stack", seq], stacks),
    ];
    this.after(id, texts, ([one, other]) => ({
      ...{ id, fresh, checkpoint: { id, seq, ...one }, stack: { id, seq, ...other } },
    }));
  }

  /** Write the document as it is now, beside what goes on, and then let go of what that makes needless. */
  private async checkpoint(open: OpenDoc, mark: Mark): Promise<void> {
    const { id } = open;
    const { seq } = mark;
    const stack = seq - mark.stack >= STACK_EVERY;
    mark.busy = true;
    try {
      const content = contentText(open);
      const one = await writeText(this.database, [id, "checkpoint", seq], content);
      const other = stack ? await writeText(this.database, [id, "stack", seq], stackText(open)) : undefined;
      // It may be another tab's by now, or written whole meanwhile.
      if (this.marks.get(id) !== mark || mark.checkpoint > seq || this.torn.has(id)) return;
      const kept = { checkpoint: { id, seq, ...one }, ...(other && { stack: { id, seq, ...other } }) };
      const written = await new Promise<boolean>((done) => this.put({ id, ...kept, done }));
      if (!written || this.marks.get(id) !== mark) return;
      Object.assign(mark, { checkpoint: seq, every: Math.max(CHECKPOINT_EVERY, content.length / PIECE) });
      if (stack) mark.stack = seq;
      await deleteGently(this.database, "entries", stepKeys(id, 0, Math.min(mark.stack, seq)));
      await deleteTexts(this.database, id, "entry", 0, Math.min(mark.stack, seq));
      await deleteTexts(this.database, id, "checkpoint", 0, seq - 1);
      if (stack) await deleteTexts(this.database, id, "stack", 0, seq - 1);
    } catch {
      // Without it more steps are kept, and it is tried again; that steps cannot be written says itself.
    } finally {
      mark.busy = false;
    }
  }

  /** Fetch what writes and reads the second copy, once. */
  private load(): Promise<void> {
    const loaded = async () => {
      this.copy = (await import("./copy")).openCopy(this.writer, this.events.current);
    };
    this.loading ??= loaded().catch(() => undefined);
    return this.loading;
  }

  private track(work: Promise<unknown>): void {
    this.slow.add(work);
    void work.finally(() => this.slow.delete(work));
  }

  private async drain(): Promise<void> {
    for (;;) {
      await Promise.all([this.lane.written(), this.steps.written()]);
      if (this.slow.size === 0) return;
      await Promise.all(this.slow);
    }
  }

  /** Something could not be written: the documents are written whole when that is possible again. */
  private tear(ids: string[], error: unknown): void {
    for (const id of ids) if (this.marks.has(id)) this.torn.add(id);
    if (!this.troubled) this.events.onTrouble(error instanceof Error ? error : new Error(String(error)));
    this.troubled = true;
    this.retryLater();
  }

  private retryLater(): void {
    this.retry ??= setTimeout(() => {
      this.retry = null;
      void this.mend();
    }, RETRY_MS);
  }

  private async mend(): Promise<void> {
    // The connection itself may be gone, as after the browser's data were cleared.
    this.database = await openDatabase().catch(() => this.database);
    this.lane.database = this.database;
    this.steps.database = this.database;
    const ids = [...this.torn];
    this.torn.clear();
    this.lane.drop(ids);
    for (const id of ids) {
      const open = this.events.current(id);
      if (open !== undefined && !open.readOnly) this.writeWhole(open);
    }
    await this.drain();
    if (this.torn.size > 0 || !this.troubled) return;
    this.troubled = false;
    this.events.onTrouble(null);
  }

  /** A moment after the last write, have the system put it on the disk itself: that guards against a power cut. */
  private syncLater(): void {
    this.sync ??= setTimeout(() => {
      this.sync = null;
      this.aside("session", { key: "sync", at: Date.now() }, "strict");
    }, SYNC_MS);
  }

  private aside(name: string, value: unknown, durability: IDBTransactionDurability = "relaxed"): void {
    try {
      changing(this.database, [name], durability).objectStore(name).put(value);
    } catch {
      // The database was closed, e.g. by a newer page; what matters more says so itself.
    }
  }
}
