// The browser's database "latentloom": its object stores, and IndexedDB's requests as promises. Opened once per page;
// whoever needs it must bear that it cannot be opened, as in some private modes. Knows no document.

const NAME = "latentloom";
const VERSION = 1;

/** Object stores and what their keys are; see `journal.ts` for what the first six hold. */
const STORES: Record<string, IDBObjectStoreParameters> = {
  heads: { keyPath: "id" },
  checkpoints: { keyPath: "id" },
  stacks: { keyPath: "id" },
  entries: { keyPath: ["id", "seq", "writer"] },
  pieces: {},
  views: { keyPath: "id" },
  session: { keyPath: "key" },
};

/** The store that all changes share. */
const TURN = "heads";

let opening: Promise<IDBDatabase> | null = null;

/** The open database. Throws when there is none or it does not open within five seconds. */
export function openDatabase(): Promise<IDBDatabase> {
  opening ??= new Promise<IDBDatabase>((resolve, reject) => {
    if (typeof indexedDB === "undefined") throw new Error("This browser has no IndexedDB.");
    const timer = setTimeout(() => reject(new Error("The browser's database does not open.")), 5_000);
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const [name, parameters] of Object.entries(STORES)) request.result.createObjectStore(name, parameters);
    };
    request.onerror = () => reject(request.error ?? new Error("The browser's database does not open."));
    request.onsuccess = () => {
      clearTimeout(timer);
      const database = request.result;
      // A newer page must be able to change the stores; this one then goes on without.
      database.onversionchange = () => {
        database.close();
        opening = null;
      };
      database.onclose = () => {
        opening = null;
      };
      resolve(database);
    };
  }).catch((error: unknown) => {
    opening = null;
    throw error;
  });
  return opening;
}

/**
 * Begin to change object stores. Only one change goes on at a time, over all browser tabs, as each takes part in the
 * same store: where a Chromium is killed while two are on their way, its next start finds that both want to be taken
 * back under one lock, calls the database corrupt and deletes it, with all that was ever in it.
 */
export function changing(
  database: IDBDatabase,
  names: string[],
  durability: IDBTransactionDurability = "relaxed",
): IDBTransaction {
  return database.transaction([...new Set([TURN, ...names])], "readwrite", { durability });
}

export function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Wait until a transaction is on disk, as far as it was asked for. */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("The browser's database gave up a change."));
  });
}
