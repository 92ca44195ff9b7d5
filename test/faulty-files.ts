/** The file system as a recording of the calls to it, in order, with a fault at any place. */
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";

/** Deeds such as "open model r+", "write", "sync model", "rename * model". A star stands for a passing file's name. */
export interface Recording {
  readonly deeds: readonly string[];
  /** Files and folders that are still open. */
  readonly open: readonly string[];
}

const nameOf = (path: unknown): string => basename(String(path)).replace(/^\.proxbit-.*\.part$/, "*");

/** The error code that the deed of number `at` fails with. */
export interface Fault {
  readonly at: number;
  readonly code: string;
}

/**
 * Runs `action` and records its calls to `open`, `rename` and `rm` of `node:fs/promises` and to opened files. The deeds
 * of `faults` fail. A file whose closing fails is closed all the same, as Linux does it.
 */
export async function recorded(action: () => Promise<void>, faults: readonly Fault[] = []): Promise<Recording> {
  const module = process.getBuiltinModule("node:fs/promises");
  const { open, rename, rm } = module;
  const deeds: string[] = [];
  const opened = new Map<FileHandle, string>();
  const deed = (name: string): void => {
    const fault = faults.find(({ at }) => at === deeds.length);
    deeds.push(name);
    if (fault !== undefined) throw Object.assign(new Error(`${fault.code}: ${name}`), { code: fault.code });
  };
  const watched = (handle: FileHandle, name: string): FileHandle => {
    opened.set(handle, name);
    const own = {
      writeFile: async (...given: Parameters<FileHandle["writeFile"]>) => {
        deed(`write ${name}`);
        await handle.writeFile(...given);
      },
      sync: async () => {
        deed(`sync ${name}`);
        await handle.sync();
      },
      close: async () => {
        opened.delete(handle);
        await handle.close();
        deed(`close ${name}`);
      },
    };
    return new Proxy(handle, { get: (target, key) => Reflect.get(key in own ? own : target, key) });
  };
  module.open = async (path, flags, ...rest) => {
    deed(`open ${nameOf(path)} ${flags}`);
    return watched(await open(path, flags, ...rest), nameOf(path));
  };
  module.rename = async (from, to) => {
    deed(`rename ${nameOf(from)} ${nameOf(to)}`);
    await rename(from, to);
  };
  module.rm = async (path, ...rest) => {
    deed(`rm ${nameOf(path)}`);
    await rm(path, ...rest);
  };
  try {
    await action();
  } finally {
    Object.assign(module, { open, rename, rm });
  }
  return { deeds, open: [...opened.values()] };
}
