// A browser's private file system for tests, and the thread that writes to it, in this process: files that survive a
// page, with what a kill or a full disk does to them. Knows nothing of what is tested.

import { vi } from "vitest";
import { CopyFiles, type Folder, type Handle, type Order } from "../src/store/copy.worker";

export class Files implements Folder {
  readonly content = new Map<string, Uint8Array>();
  private readonly locked = new Set<string>();
  /** Bytes that may still be written. */
  room = Number.POSITIVE_INFINITY;
  exists = false;
  /** Called after every single thing that is done to a file. */
  onDone: () => void = () => undefined;

  async *keys(): AsyncIterable<string> {
    yield* [...this.content.keys()];
  }

  async removeEntry(name: string): Promise<void> {
    if (this.locked.has(name)) throw new DOMException(name, "NoModificationAllowedError");
    this.content.delete(name);
  }

  async getFileHandle(name: string, options?: { create: true }) {
    if (!this.content.has(name)) {
      if (!options?.create) throw new DOMException(name, "NotFoundError");
      this.content.set(name, new Uint8Array());
    }
    return {
      createSyncAccessHandle: async () => this.handle(name),
      getFile: async () => new File([this.content.get(name) as Uint8Array<ArrayBuffer>], name),
    };
  }

  /** Every thread that had a file open is gone. */
  kill(): void {
    this.locked.clear();
  }

  private handle(name: string): Handle {
    if (this.locked.has(name)) throw new DOMException(name, "NoModificationAllowedError");
    this.locked.add(name);
    const content = () => this.content.get(name) as Uint8Array;
    return {
      write: (bytes, { at }) => {
        const taken = bytes.subarray(0, Math.max(0, Math.min(bytes.length, this.room)));
        this.room -= taken.length;
        const next = new Uint8Array(Math.max(content().length, at + taken.length));
        next.set(content());
        next.set(taken, at);
        this.content.set(name, next);
        this.onDone();
        return taken.length;
      },
      truncate: (size) => {
        this.content.set(name, content().slice(0, size));
        this.onDone();
      },
      getSize: () => content().length,
      flush: () => undefined,
      close: () => void this.locked.delete(name),
    };
  }
}

/** Give the browser a private file system. */
export function freshFiles(): Files {
  const files = new Files();
  const getDirectory = async () => ({
    getDirectoryHandle: async (_: string, options?: { create: true }) => {
      files.exists ||= options?.create === true;
      if (!files.exists) throw new DOMException("copies", "NotFoundError");
      return files;
    },
  });
  vi.stubGlobal("navigator", { locks: null, storage: { getDirectory } });
  vi.stubGlobal(
    "Worker",
    class {
      onmessage: ((event: { data: string }) => void) | null = null;
      private files: CopyFiles | null = null;
      postMessage(data: Order | string): void {
        setTimeout(() => {
          const folder = async () => {
            files.exists = true;
            return files;
          };
          if (typeof data === "string")
            this.files = new CopyFiles(folder, data, (id) => this.onmessage?.({ data: id }));
          else this.files?.take(data);
        });
      }
    },
  );
  return files;
}
