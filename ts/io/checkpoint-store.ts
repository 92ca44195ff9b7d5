/**
 * Stores keep checkpoints: a file in Node, IndexedDB in a browser, or one of the user's own. A store has the last checkpoint and
 * the one before it. A write that is cut short leaves both, or the new one and the last.
 */
import { isArrayOf } from "../base/arrays.ts";
import { reading, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { FileParts } from "./checkpoint-file.ts";
import { lockCheckpoint } from "./checkpoint-lock.ts";
import { sweepPassing } from "./leftovers.ts";
import { findNode, requireNode, systemCode } from "./node.ts";
import { readFault, readWholeFile } from "./read.ts";
import { checkWritable, writeFileAtomic } from "./write.ts";

/** Keeps the checkpoints of one run. */
export interface CheckpointStore {
  /** The store in words, for errors: a path, for instance. */
  readonly name: string;
  /** The last checkpoint or the one before it; null where there is none. */
  read(which: "last" | "previous"): Promise<Uint8Array | null>;
  /** Makes of `parts`, one behind the other, the last checkpoint and of the last one the previous. All or nothing. */
  write(parts: FileParts): Promise<void>;
  /**
   * Keeps every other run from writing here until the function that it resolves to is called.
   *
   * @throws ProxbitError "checkpoint" where another one writes here.
   */
  lock(): Promise<() => Promise<void>>;
}

/** The path of the checkpoint before the last one. */
export const previousPath = (path: string): string => `${path}.previous`;

/**
 * A store in the file `path` and, for the checkpoint before, `path`.previous. Node only.
 *
 * @throws ProxbitError "argument" for anything but a path. "output" of `write` and `lock` where a file cannot be written;
 * "checkpoint" of `read`.
 */
export function fileStore(path: string): CheckpointStore {
  if (typeof path !== "string" || path === "") {
    reject({ code: "argument", what: "fileStore" }, "the place", "the path of a file", path);
  }
  return {
    name: path,
    read: async (which) => {
      const real = await targetOf(path);
      const file = which === "last" ? real : previousPath(real);
      try {
        return await readWholeFile(file);
      } catch (cause) {
        if (systemCode(cause) === "ENOENT") return null;
        const message = `${file} cannot be read: ${readFault(cause)}`;
        throw new ProxbitError("checkpoint", message, "Give the path of a checkpoint.", { cause });
      }
    },
    write: async (parts) => {
      const real = await targetOf(path);
      await writeFileAtomic(real, parts, { previous: previousPath(real) });
    },
    lock: async () => {
      await checkWritable(path);
      const real = await targetOf(path);
      const unlock = await lockCheckpoint(real);
      await sweepPassing(node().path.dirname(real));
      return unlock;
    },
  };
}

/** The files of the checkpoints in the file `path`: that itself, behind any link, and the one before it. Node only. */
export async function checkpointFiles(path: string): Promise<readonly [last: string, previous: string]> {
  const real = await targetOf(path);
  return [real, previousPath(real)];
}

/** Removes the checkpoints in the file `path`, whose run has ended. Node only. */
export async function removeCheckpoint(path: string): Promise<void> {
  for (const file of [path, ...(await checkpointFiles(path))]) await node().files.rm(file, { force: true });
}

const node = () => requireNode("A checkpoint in a file", "In a browser, give browserStore(name).");

/** The file behind a symbolic link, beside which the one before and the lock stand. */
async function targetOf(path: string): Promise<string> {
  const { files, path: paths } = node();
  const real = await files.realpath(path).catch(() => null);
  if (real !== null) return real;
  // A link whose file is not there yet.
  const link = await files.readlink(path).catch(() => null);
  return link === null ? path : paths.resolve(paths.dirname(path), link);
}

const DATABASE = "proxbit";
const TABLE = "checkpoints";

/** Settles with a request of IndexedDB. */
const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, refuse) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => refuse(request.error);
  });

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
  return settled(request);
}

/** Runs `work` in one transaction, which is on the disk when this settles. */
async function inTransaction<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => Promise<T>): Promise<T> {
  const database = await openDatabase();
  try {
    const transaction = database.transaction(TABLE, mode, { durability: "strict" });
    const ended = new Promise<void>((resolve, refuse) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => refuse(transaction.error);
    });
    const [result] = await Promise.all([work(transaction.objectStore(TABLE)), ended]);
    return result;
  } finally {
    database.close();
  }
}

/**
 * A store in the browser's IndexedDB under `name`. Tabs of one origin share it; a lock of the Web Locks API, which ends with its
 * tab, keeps two runs apart.
 *
 * @throws ProxbitError "argument" for anything but a name. "output" where the page has no such store, or no room in it.
 */
export function browserStore(name: string): CheckpointStore {
  if (typeof name !== "string" || name === "") {
    reject({ code: "argument", what: "browserStore" }, "the name", "a text", name);
  }
  const failed = (cause: unknown): ProxbitError => {
    const why = cause instanceof Error ? cause.message : String(cause);
    const remedy = "Let the page keep data (no private window), and free room where the browser has none left.";
    return new ProxbitError("output", `the checkpoint "${name}" cannot be kept in IndexedDB: ${why}`, remedy, {
      cause,
    });
  };
  const key = (which: "last" | "previous"): string => `${name}/${which}`;
  return {
    name,
    read: async (which) => {
      try {
        const found: unknown = await inTransaction("readonly", (table) => settled(table.get(key(which))));
        return found instanceof Blob ? new Uint8Array(await found.arrayBuffer()) : null;
      } catch (cause) {
        throw failed(cause);
      }
    },
    write: async (parts) => {
      try {
        const blob = new Blob([...parts] as BlobPart[]);
        await inTransaction("readwrite", async (table) => {
          const last: unknown = await settled(table.get(key("last")));
          if (last !== undefined) table.put(last, key("previous"));
          table.put(blob, key("last"));
        });
      } catch (cause) {
        throw failed(cause);
      }
    },
    lock: () =>
      new Promise<() => Promise<void>>((resolve, refuse) => {
        const taken = (lock: Lock | null): Promise<void> | undefined => {
          if (lock === null) {
            const message = `another tab is writing the checkpoint "${name}"`;
            refuse(new ProxbitError("checkpoint", message, "Wait for its end, or give another name."));
            return undefined;
          }
          return new Promise((release) => resolve(async () => release()));
        };
        try {
          navigator.locks.request(`proxbit/${name}`, { ifAvailable: true }, taken).catch(refuse);
        } catch (cause) {
          refuse(failed(cause));
        }
      }),
  };
}

/**
 * The store that a word names: a path in Node, a name in IndexedDB in a browser. One of the user's own is held to its word.
 *
 * @throws ProxbitError "argument" for anything but a word or a store.
 */
export function storeOf(given: string | CheckpointStore): CheckpointStore {
  if (typeof given === "string") return findNode() === undefined ? browserStore(given) : fileStore(given);
  const subject: Subject = { code: "argument", what: "the store of a checkpoint" };
  const isStore = reading(subject.what, "a store", () => {
    const { name, read, write, lock } = given;
    return typeof name === "string" && [read, write, lock].every((method) => typeof method === "function");
  });
  if (!isStore) reject(subject, "it", "a path, a name, or an object with name, read, write and lock", given);
  return {
    name: given.name,
    read: async (which) => {
      const found = await given.read(which);
      return found === null || isArrayOf(found, "Uint8Array") ? found : reject(subject, "read", "bytes or null", found);
    },
    write: (parts) => given.write(parts),
    lock: async () => {
      const unlock = await given.lock();
      return typeof unlock === "function" ? unlock : reject(subject, "lock", "a function that unlocks", unlock);
    },
  };
}
