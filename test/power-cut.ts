/**
 * A disk whose power fails. The calls to `node:fs/promises` are recorded with their content; then every state is made that a cut
 * behind a call may leave. Content that was not synced is lost, whole or by half. Of the changes of names since the folder was
 * synced, any of them may have reached the disk.
 */
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** A file behind its names. */
interface Inode {
  content: Uint8Array;
}

type Deed =
  | { readonly kind: "name"; readonly path: string; readonly inode: Inode }
  | { readonly kind: "write"; readonly inode: Inode; readonly bytes: Uint8Array }
  | { readonly kind: "sync"; readonly inode: Inode }
  | { readonly kind: "sync folder"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "done"; readonly number: number };

export interface Tape {
  readonly deeds: readonly Deed[];
}

/** Runs `steps` one after the other, and records their calls; behind each stands a deed "done" with its number from 1. */
export async function taped(steps: readonly (() => Promise<void>)[]): Promise<Tape> {
  const module = process.getBuiltinModule("node:fs/promises");
  const { open, rename, rm } = module;
  const deeds: Deed[] = [];
  const inodes = new Map<string, Inode>();
  const writing = (handle: FileHandle, inode: Inode): FileHandle => {
    const own = {
      writeFile: async (bytes: Uint8Array) => {
        deeds.push({ kind: "write", inode, bytes: Uint8Array.from(bytes) });
        await handle.writeFile(bytes);
      },
      sync: async () => {
        deeds.push({ kind: "sync", inode });
        await handle.sync();
      },
      close: () => handle.close(),
    };
    return new Proxy(handle, { get: (target, key) => Reflect.get(key in own ? own : target, key) });
  };
  module.open = async (path, flags, ...rest) => {
    const handle = await open(path, flags, ...rest);
    const name = String(path);
    if (flags === "wx") {
      const inode: Inode = { content: new Uint8Array() };
      inodes.set(name, inode);
      deeds.push({ kind: "name", path: name, inode });
      return writing(handle, inode);
    }
    if (flags !== "r") return handle;
    const sync = async (): Promise<void> => {
      deeds.push({ kind: "sync folder", path: name });
      await handle.sync();
    };
    return new Proxy(handle, {
      get: (target, key) => (key === "sync" ? sync : key === "close" ? () => handle.close() : Reflect.get(target, key)),
    });
  };
  module.rename = async (from, to) => {
    deeds.push({ kind: "rename", from: String(from), to: String(to) });
    await rename(from, to);
  };
  module.rm = async (path, ...rest) => {
    deeds.push({ kind: "remove", path: String(path) });
    await rm(path, ...rest);
  };
  try {
    for (const [i, step] of steps.entries()) {
      await step();
      deeds.push({ kind: "done", number: i + 1 });
    }
  } finally {
    Object.assign(module, { open, rename, rm });
  }
  return { deeds };
}

/** A disk after a cut: content by path; and the number of the last step that was done before it. */
export interface Disk {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly done: number;
}

type NameDeed = Extract<Deed, { readonly kind: "name" | "rename" | "remove" }>;

function applied(names: ReadonlyMap<string, Inode>, deeds: readonly NameDeed[]): ReadonlyMap<string, Inode> {
  const now = new Map(names);
  for (const deed of deeds) {
    if (deed.kind === "name") now.set(deed.path, deed.inode);
    else if (deed.kind === "remove") now.delete(deed.path);
    else {
      const inode = now.get(deed.from);
      if (inode === undefined) continue;
      now.delete(deed.from);
      now.set(deed.to, inode);
    }
  }
  return now;
}

/** Every state that a cut behind the first `length` deeds may leave. */
export function* disksAfter({ deeds }: Tape, length: number): Generator<Disk> {
  let names: ReadonlyMap<string, Inode> = new Map();
  let pending: NameDeed[] = [];
  const written = new Map<Inode, Uint8Array>();
  const synced = new Map<Inode, Uint8Array>();
  let done = 0;
  for (const deed of deeds.slice(0, length)) {
    if (deed.kind === "write") {
      written.set(deed.inode, new Uint8Array(Buffer.concat([written.get(deed.inode) ?? new Uint8Array(), deed.bytes])));
    } else if (deed.kind === "sync") synced.set(deed.inode, written.get(deed.inode) ?? new Uint8Array());
    else if (deed.kind === "sync folder") {
      const inFolder = (one: NameDeed): boolean => dirname(one.kind === "rename" ? one.to : one.path) === deed.path;
      names = applied(names, pending.filter(inFolder));
      pending = pending.filter((one) => !inFolder(one));
    } else if (deed.kind === "done") done = deed.number;
    else pending.push(deed);
  }
  for (let chosen = 0; chosen < 1 << pending.length; chosen++) {
    const now = applied(
      names,
      pending.filter((_, i) => chosen & (1 << i)),
    );
    for (const share of [0, 0.5]) {
      const content = (inode: Inode): Uint8Array => {
        const all = written.get(inode) ?? new Uint8Array();
        return synced.get(inode) ?? all.slice(0, Math.floor(share * all.length));
      };
      yield { files: new Map([...now].map(([path, inode]) => [path, content(inode)])), done };
    }
  }
}
