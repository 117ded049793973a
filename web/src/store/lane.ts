// The journal's way into the database for all but steps: items in their order, several in one transaction but never
// much at once, and each only while this browser tab is the writer of its document. Knows records, and no documents.

import { answerOf, changing, committed } from "./database";
import { fence } from "./entries";
import { PIECE } from "./pieces";
import type { Head, Pending } from "./records";

const WRITES = ["heads", "checkpoints", "stacks"];

export interface LaneEvents {
  /** Another tab writes the document now. */
  onLost(id: string): void;
  onWritten(ids: string[]): void;
  /** Nothing of these documents was written. */
  onFailed(ids: string[], error: unknown): void;
}

export class Lane {
  private pending: Pending[] = [];
  private writing: Promise<void> | null = null;

  constructor(
    public database: IDBDatabase,
    private readonly writer: string,
    private readonly events: LaneEvents,
  ) {}

  /** Write these after all that was handed over before. */
  queue(items: Pending[]): void {
    this.pending.push(...items);
    // What comes while a write is on its way goes with the next one.
    if (this.writing === null) void this.begin();
  }

  /** Leave out what waits of these documents. */
  drop(ids: string[]): void {
    const gone = this.pending.filter((item) => ids.includes(item.id));
    this.pending = this.pending.filter((item) => !ids.includes(item.id));
    for (const item of gone) item.done?.(false);
  }

  /** Wait until nothing waits. */
  async written(): Promise<void> {
    while (this.pending.length > 0 || this.writing !== null) await (this.writing ?? this.begin());
  }

  private begin(): Promise<void> {
    let size = 0;
    // Not more at once than a piece, unless there is a single item.
    const end = this.pending.findIndex((item, at) => {
      size += 300 + sizeOf(item);
      return size > PIECE && at > 0;
    });
    const items = end < 0 ? this.pending : this.pending.slice(0, end);
    this.pending = end < 0 ? [] : this.pending.slice(end);
    this.writing = this.write(items).finally(() => {
      this.writing = null;
      if (this.pending.length > 0) void this.begin();
    });
    return this.writing;
  }

  private async write(items: Pending[]): Promise<void> {
    const ids = [...new Set(items.map((item) => item.id))];
    try {
      const lost = await this.transact(items, ids);
      for (const id of lost) this.events.onLost(id);
      this.events.onWritten(ids.filter((id) => !lost.includes(id)));
      for (const item of items) item.done?.(!lost.includes(item.id));
    } catch (error) {
      this.events.onFailed(ids, error);
      for (const item of items) item.done?.(false);
    }
  }

  /** Write all in one transaction, or nothing; returns the documents that are another tab's by now. */
  private async transact(items: Pending[], ids: string[]): Promise<string[]> {
    const fresh = new Set(items.flatMap((item) => (item.fresh === undefined ? [] : [item.id])));
    const scope = fresh.size > 0 ? [...WRITES, "entries"] : WRITES;
    const transaction = changing(this.database, scope);
    const end = committed(transaction);
    end.catch(() => undefined);
    const heads = transaction.objectStore("heads");
    const lost: string[] = [];
    const found = new Map<string, Head>();
    const known = (await Promise.all(ids.map((id) => answerOf(heads.get(id))))) as (Head | undefined)[];
    for (const [at, id] of ids.entries()) {
      const head = known[at];
      if (head !== undefined && head.writer === this.writer) found.set(id, head);
      else if (!fresh.has(id) || head !== undefined) lost.push(id);
    }
    for (const { id, checkpoint, stack, fresh: whole, head } of items) {
      const before = whole ?? found.get(id);
      if (lost.includes(id) || before === undefined) continue;
      found.set(id, { ...before, ...head });
      if (whole !== undefined) transaction.objectStore("entries").put(fence(id, [[this.writer, whole.seq]]));
      if (checkpoint !== undefined) transaction.objectStore("checkpoints").put(checkpoint);
      if (stack !== undefined) transaction.objectStore("stacks").put(stack);
    }
    for (const head of found.values()) heads.put(head);
    transaction.commit?.();
    await end;
    return lost;
  }
}

function sizeOf({ checkpoint, stack }: Pending): number {
  return (checkpoint?.text?.length ?? 0) + (stack?.text?.length ?? 0);
}
