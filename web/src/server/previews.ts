// Pictures on their way: decoded beside the main thread, the latest of each node only, put into the runs store and let
// go of when they are replaced or their job ends. Knows the store, and nothing of the socket.

import { runs } from "../store/runs";
import type { Preview } from "../store/shapes";
import type { PreviewHead } from "./protocol";
import { enclosing } from "./track";

export type Decode = (picture: Blob) => Promise<ImageBitmap>;

export class Previews {
  /** By job and path: the picture that waits while one before it is decoded. */
  private readonly waiting = new Map<string, { head: PreviewHead; picture: Blob } | null>();

  constructor(
    private readonly decode: Decode = (picture) => createImageBitmap(picture),
    /** Whether pictures of this job are still wanted. */
    private readonly wanted: (job: string) => boolean = () => true,
  ) {}

  /** Take a picture; one that waits already is replaced. */
  offer(head: PreviewHead, picture: Blob): void {
    const key = `${head.prompt_id} ${head.display_node_id}`;
    if (this.waiting.has(key)) this.waiting.set(key, { head, picture });
    else void this.run(key, head, picture);
  }

  /** Let go of all pictures of a job. */
  drop(job: string): void {
    for (const key of this.waiting.keys()) if (key.startsWith(`${job} `)) this.waiting.set(key, null);
    this.remove((preview) => preview.job === job);
  }

  clear(): void {
    for (const key of this.waiting.keys()) this.waiting.set(key, null);
    this.remove(() => true);
  }

  private async run(key: string, head: PreviewHead, picture: Blob): Promise<void> {
    let next: { head: PreviewHead; picture: Blob } | null = { head, picture };
    while (next !== null) {
      this.waiting.set(key, null);
      try {
        this.show(next.head, await this.decode(next.picture));
      } catch {
        // A picture that cannot be read is left out; the next one comes in a moment.
      }
      next = this.waiting.get(key) ?? null;
    }
    this.waiting.delete(key);
  }

  private show(head: PreviewHead, bitmap: ImageBitmap): void {
    const { prompt_id: job, display_node_id: path } = head;
    if (!this.wanted(job)) {
      bitmap.close();
      return;
    }
    const preview: Preview = { job, path, bitmap, at: head.at * 1000, arrived: Date.now() };
    const before = runs.getState().previews;
    const previews = { ...before };
    for (const place of [path, ...enclosing(path)]) previews[`${job} ${place}`] = preview;
    runs.setState({ previews });
    closeUnused(before, previews);
  }

  private remove(which: (preview: Preview) => boolean): void {
    const before = runs.getState().previews;
    const left = Object.fromEntries(Object.entries(before).filter(([, preview]) => !which(preview)));
    if (Object.keys(left).length === Object.keys(before).length) return;
    runs.setState({ previews: left });
    closeUnused(before, left);
  }
}

/** Free pictures that stand nowhere any more. Whoever paints reads the store in the same frame, so none is in use. */
function closeUnused(before: Record<string, Preview>, now: Record<string, Preview>): void {
  const used = new Set(Object.values(now).map((preview) => preview.bitmap));
  for (const bitmap of new Set(Object.values(before).map((preview) => preview.bitmap))) {
    if (!used.has(bitmap)) bitmap.close();
  }
}
