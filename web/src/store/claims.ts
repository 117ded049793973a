// Which browser tab may write a document: Web Locks where the browser has them (pages from this machine or by https),
// else a question to the other tabs. A claim is a courtesy; that nobody else writes is made sure by the journal.
// Knows no document, only ids.

export interface ClaimEvents {
  /** Another tab wants to write it: finish what is on its way; ours no more when this is done. */
  onAsked(id: string): Promise<void>;
  /** It was taken away without asking, as we did not answer. */
  onLost(id: string): void;
  /** The tab that wrote it is gone, and it is ours now. */
  onFree(id: string): void;
  /** Another tab wrote to these documents. */
  onWritten(ids: string[]): void;
}

type Message =
  | { kind: "who"; id: string; from: string }
  | { kind: "mine"; id: string; from: string }
  | { kind: "yield"; id: string; from: string }
  | { kind: "yielded"; id: string; from: string }
  | { kind: "written"; ids: string[]; from: string };

/** How long another tab may take to say that it writes a document, and to finish. */
const ANSWER_MS = 150;
const YIELD_MS = 1_500;

export class Claims {
  /** By document: what ends our claim. */
  private readonly held = new Map<string, () => void>();
  private readonly waiting = new Map<string, AbortController>();
  private readonly heard = new Set<(message: Message) => void>();
  private readonly channel: BroadcastChannel | null;
  private readonly locks: LockManager | null;

  constructor(
    /** This tab's name. */
    private readonly me: string,
    private readonly events: ClaimEvents,
    locks: LockManager | null = typeof navigator === "undefined" ? null : (navigator.locks ?? null),
  ) {
    this.locks = locks;
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("latentloom");
    if (this.channel !== null) this.channel.onmessage = (event: MessageEvent<Message>) => this.hear(event.data);
  }

  /** Try to become the document's writer; false when another tab is. Then we are next when that one goes away. */
  async claim(id: string): Promise<boolean> {
    if (this.held.has(id)) return true;
    if (this.locks === null) {
      if (await this.answered("who", "mine", id, ANSWER_MS)) return false;
      this.held.set(id, () => undefined);
      return true;
    }
    const got = await this.hold(id, { ifAvailable: true });
    if (!got) this.waitFor(id);
    return got;
  }

  /** Become the writer of a document whose id was made just now: nobody is to be asked. */
  take(id: string): void {
    if (this.held.has(id)) return;
    if (this.locks === null) this.held.set(id, () => undefined);
    else void this.hold(id, { ifAvailable: true });
  }

  /** Become the writer even though another tab is: that one is asked to finish, and is passed over if it is silent. */
  async takeOver(id: string): Promise<void> {
    await this.answered("yield", "yielded", id, YIELD_MS);
    this.waiting.get(id)?.abort();
    this.waiting.delete(id);
    if (this.locks === null) this.held.set(id, () => undefined);
    else await this.hold(id, { steal: true });
  }

  release(id: string): void {
    this.waiting.get(id)?.abort();
    this.waiting.delete(id);
    const end = this.held.get(id);
    this.held.delete(id);
    end?.();
  }

  /** Tell other tabs that documents were written. */
  tellWritten(ids: string[]): void {
    this.say({ kind: "written", ids, from: this.me });
  }

  close(): void {
    for (const id of [...this.held.keys(), ...this.waiting.keys()]) this.release(id);
    this.channel?.close();
  }

  /** Ask the browser for the lock and keep it until `release`. Returns whether we have it. */
  private hold(id: string, options: LockOptions): Promise<boolean> {
    return new Promise((resolve) => {
      const kept = (lock: Lock | null): Promise<void> | void => {
        resolve(lock !== null);
        if (lock === null) return;
        return new Promise<void>((end) => this.held.set(id, end));
      };
      this.locks?.request(`latentloom ${id}`, options, kept).catch(() => {
        resolve(false);
        // Either somebody took it away, or we gave up waiting for it.
        if (this.held.delete(id)) this.events.onLost(id);
      });
    });
  }

  private waitFor(id: string): void {
    const stop = new AbortController();
    this.waiting.set(id, stop);
    void this.hold(id, { signal: stop.signal }).then((got) => {
      if (this.waiting.get(id) === stop) this.waiting.delete(id);
      if (got) this.events.onFree(id);
    });
  }

  private hear(message: Message): void {
    for (const listener of [...this.heard]) listener(message);
    if (message.kind === "written") this.events.onWritten(message.ids);
    else if (message.kind === "who" && this.held.has(message.id)) this.say({ ...message, kind: "mine", from: this.me });
    else if (message.kind === "yield" && this.held.has(message.id)) void this.giveUp(message.id);
  }

  private async giveUp(id: string): Promise<void> {
    await this.events.onAsked(id);
    const end = this.held.get(id);
    this.held.delete(id);
    this.say({ kind: "yielded", id, from: this.me });
    // The lock itself is taken from us by who asked: let go now, and a third tab that waits would get it.
    if (end !== undefined) setTimeout(end, YIELD_MS);
  }

  /** Ask all other tabs; true when one answers in time. */
  private answered(question: "who" | "yield", answer: Message["kind"], id: string, patience: number): Promise<boolean> {
    if (this.channel === null) return Promise.resolve(false);
    return new Promise((resolve) => {
      const listener = (message: Message) => {
        if (message.kind === answer && "id" in message && message.id === id) finish(true);
      };
      const finish = (found: boolean) => {
        clearTimeout(timer);
        this.heard.delete(listener);
        resolve(found);
      };
      const timer = setTimeout(() => finish(false), patience);
      this.heard.add(listener);
      this.say({ kind: question, id, from: this.me });
    });
  }

  private say(message: Message): void {
    try {
      this.channel?.postMessage(message);
    } catch {
      // A closed channel: the page is on its way out.
    }
  }
}
