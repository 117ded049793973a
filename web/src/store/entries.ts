// The steps of documents in the browser's database: each is written in the moment in which it is taken, with nothing
// that has to come back to this page before it is kept. A page that draws or is slow does not hold up its own journal.
//
// So who may write cannot be asked first. Every step names its writer, and beside the steps of a document stands a
// fence: who wrote from which step on. What somebody else than the owner wrote counts for nobody, and the answer to the
// write tells. Knows steps as texts only.

import { answerOf, changing, committed } from "./database";
import { isLong, piecesOf, type TextRef, writeAtOnce } from "./pieces";
import type { Fence, StepRecord } from "./records";

export interface StepEvents {
  /** Another tab writes the document now; this step of ours does not count. */
  onLost(id: string): void;
  onWritten(id: string): void;
  onFailed(id: string, error: unknown): void;
}

export function fence(id: string, owners: Fence["owners"]): Fence {
  return { id, seq: -1, writer: "", owners };
}

export function fenceKey(id: string): IDBValidKey {
  return [id, -1, ""];
}

/** The keys of a document's steps from `first` up to and with `last`, whoever wrote them. */
export function stepKeys(id: string, first = 0, last = Number.MAX_SAFE_INTEGER): IDBKeyRange {
  return IDBKeyRange.bound([id, first], [id, last, []]);
}

/** Of the records read, those that count: written by who owned the document then, from `after` on, without a gap. */
export function validSteps(records: StepRecord[], owners: Fence["owners"], after: number): StepRecord[] {
  const found: StepRecord[] = [];
  for (const record of records) {
    const next = after + found.length + 1;
    if (record.seq > next) break;
    const owner = owners.findLast(([, from]) => from < record.seq)?.[0];
    if (record.seq === next && record.writer === owner) found.push(record);
  }
  return found;
}

export class Steps {
  private readonly underway = new Set<Promise<void>>();

  constructor(
    public database: IDBDatabase,
    private readonly writer: string,
    private readonly events: StepEvents,
  ) {}

  /** Write a step. All that is needed is handed to the browser before this returns, in the order of the calls. */
  append(step: Omit<StepRecord, "writer" | keyof TextRef>, text: string): void {
    const { id } = step;
    const work = this.write({ ...step, writer: this.writer }, text).then(
      (owner) => (owner === this.writer ? this.events.onWritten(id) : this.events.onLost(id)),
      (error: unknown) => this.events.onFailed(id, error),
    );
    this.underway.add(work);
    void work.finally(() => this.underway.delete(work));
  }

  /** Wait until all steps are written, or cannot be. */
  async written(): Promise<void> {
    while (this.underway.size > 0) await Promise.all(this.underway);
  }

  /** Returns whose the document was at that moment. */
  private async write(step: Omit<StepRecord, keyof TextRef>, text: string): Promise<string> {
    const { id, seq } = step;
    const long = isLong(text);
    const pieces = long ? writeAtOnce(this.database, [id, "entry", seq], text) : undefined;
    // With the pieces in its scope it comes after them; later steps come after it.
    const scope = long ? ["entries", "pieces"] : ["entries"];
    const transaction = changing(this.database, scope);
    const done = committed(transaction);
    const entries = transaction.objectStore("entries");
    entries.put({ ...step, ...(long ? { pieces: piecesOf(text) } : { text }) } satisfies StepRecord);
    const asked = answerOf(entries.get(fenceKey(id)) as IDBRequest<Fence | undefined>);
    transaction.commit?.();
    const [found] = await Promise.all([asked, done, pieces]);
    // Without a fence the document's first record is still on its way, and ours.
    return found?.owners.at(-1)?.[0] ?? this.writer;
  }
}
