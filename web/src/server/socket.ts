// The connection to the server's events: opened, kept, opened again after a cut without losing an event, and binary
// messages taken apart. The protocol is docs/protocol.md. Knows no store; what the events mean is `run.ts`'s.

import type { ClientMessage, LoomEvent, PreviewHead } from "./protocol";

export type ConnectionState = "connecting" | "open" | "lost";

export interface ConnectOptions {
  /** First all events after this number; without it only those that come. */
  after?: number;
  /** Events that came together, in their order, with `hello` and `resync` among them. */
  onEvent(events: LoomEvent[]): void;
  /** A picture on its way, as JPEG or PNG. */
  onPreview?(head: PreviewHead, picture: Blob): void;
  onState?(state: ConnectionState): void;
  /** Events were missed and cannot be had any more: take a snapshot; what follows follows on it. */
  onGap?(): void;
  /** The address; the page's own server if left out. */
  url?: string;
}

export interface Connection {
  /** Ask for pictures, or for no more. */
  setPreviews(on: boolean): void;
  /** The number of the last event dealt with. */
  seq(): number | undefined;
  /** Connect again now, e.g. when the machine woke up. */
  renew(): void;
  close(): void;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** A connection that lived so long starts again with the shortest wait. */
const STEADY_MS = 5_000;
const PATIENCE_MS = 10_000;
const PREVIEW_WITH_METADATA = 4;

export function connect(options: ConnectOptions): Connection {
  let socket: WebSocket | null = null;
  let last = options.after;
  let wait = FIRST_WAIT_MS;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let previews = options.onPreview !== undefined;
  let closed = false;

  const open = () => {
    timer = null;
    options.onState?.("connecting");
    const query = new URLSearchParams({ batch: "1", previews: previews ? "1" : "0" });
    if (last !== undefined) query.set("after", String(last));
    const mine = new WebSocket(`${options.url ?? ownUrl()}?${query}`);
    mine.binaryType = "arraybuffer";
    socket = mine;
    let since = 0;
    // A server that is reached but does not answer, as behind a broken proxy, would be waited for without end.
    const patience = setTimeout(() => mine.close(), PATIENCE_MS);
    mine.onopen = () => {
      clearTimeout(patience);
      since = Date.now();
      options.onState?.("open");
    };
    mine.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== mine) return;
      if (typeof message.data === "string") take(message.data);
      else picture(message.data);
    };
    mine.onclose = () => {
      clearTimeout(patience);
      if (socket !== mine || closed) return;
      socket = null;
      options.onState?.("lost");
      if (since > 0 && Date.now() - since > STEADY_MS) wait = FIRST_WAIT_MS;
      // Not all pages at the same moment: the server may just have started again.
      timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 1.7, LONGEST_WAIT_MS);
    };
  };

  const take = (text: string) => {
    const parsed = JSON.parse(text) as LoomEvent | LoomEvent[];
    const events = Array.isArray(parsed) ? parsed : [parsed];
    for (const event of events) {
      if (event.kind === "resync") {
        if (event.data.reason === "gone") {
          last = event.seq;
          options.onGap?.();
        }
      } else if (event.kind === "hello") {
        // Without a number to go on from, the newest is where we begin.
        last ??= event.seq;
      } else if (event.seq !== undefined) {
        last = event.seq;
      }
    }
    options.onEvent(events);
  };

  const picture = (data: ArrayBuffer) => {
    const found = readPreview(data);
    if (found !== null) options.onPreview?.(found.head, found.picture);
  };

  const renew = () => {
    if (closed) return;
    if (timer !== null) clearTimeout(timer);
    wait = FIRST_WAIT_MS;
    const before = socket;
    socket = null;
    before?.close();
    open();
  };

  open();
  return {
    setPreviews(on) {
      if (on === previews) return;
      previews = on;
      if (socket?.readyState === WebSocket.OPEN)
        socket.send(JSON.stringify({ do: "previews", on } satisfies ClientMessage));
    },
    seq: () => last,
    renew,
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      socket?.close();
    },
  };
}

/** Take a binary message apart; null for a kind that is not for us. */
export function readPreview(data: ArrayBuffer): { head: PreviewHead; picture: Blob } | null {
  if (data.byteLength < 8) return null;
  const view = new DataView(data);
  if (view.getUint32(0) !== PREVIEW_WITH_METADATA) return null;
  const length = view.getUint32(4);
  if (8 + length > data.byteLength) return null;
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, length))) as PreviewHead;
  return { head, picture: new Blob([new Uint8Array(data, 8 + length)], { type: head.image_type }) };
}

function ownUrl(): string {
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/api/loom/ws`;
}
