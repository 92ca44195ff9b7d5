/**
 * Files that appear whole or not at all. They are written beside their place, brought to the disk (fsync), then
 * renamed. A crash at any moment leaves the old file or the new one, never half of either. Node only.
 */
import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { isArrayOf } from "../base/arrays.ts";
import { ProxbitError } from "../base/errors.ts";
import { passingName, sweepPassing } from "./leftovers.ts";
import { requireNode, systemCode } from "./node.ts";

const NOT_A_FILE = "not a file";
const NO_NAME = "no name";
/** As deep as Linux follows links. */
const MOST_LINKS = 40;

/** The content of a file: bytes, text as UTF-8, or parts of it in their order. */
export type Content = Uint8Array | string | readonly Uint8Array[];

export interface WriteOptions {
  /** A path in the same folder. The file that was there before gets this name, and replaces what has it. */
  readonly previous?: string;
}

const REMEDIES: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  [NO_NAME]: ["it is no name of a file", "Name a file, for example out/model.safetensors."],
  [NOT_A_FILE]: ["it is a device, a pipe or a socket", "Name a file."],
  ENOENT: ["its directory does not exist", "Create the directory first, or choose another path."],
  ENOTDIR: ["its directory is a file", "Choose a path below a directory."],
  EISDIR: ["it is a directory", "Name a file, not a directory."],
  EACCES: ["permission is denied", "Choose a place where you may write, or change its permissions."],
  EPERM: ["permission is denied", "Choose a place where you may write, or change its permissions."],
  EROFS: ["the file system is read-only", "Choose a place where you may write."],
  ENOSPC: ["the disk is full", "Free some space, or choose another disk."],
  EDQUOT: ["the disk quota is used up", "Free some space, or choose another disk."],
  ENAMETOOLONG: ["the name is too long", "Choose a shorter name."],
};

/** Silences a failure after one that is told already, or after the end. */
const ignore = (): undefined => undefined;

function cannotWrite(path: string, cause: unknown): ProxbitError {
  const code = systemCode(cause) ?? "unknown";
  const [what, remedy] = REMEDIES[code] ?? [`the system says ${code}`, "Choose another path."];
  return new ProxbitError("output", `${path} cannot be written: ${what}`, remedy, { cause });
}

function nodeForWriting() {
  return requireNode("Writing a file", "In a browser, offer the bytes as a download or keep them in IndexedDB.");
}

/** The place of a write, and the file that is there; undefined where there is none. */
interface Target {
  readonly path: string;
  readonly found: Stats | undefined;
}

/**
 * The real target of a write to `path`, through symbolic links, of which the last may lead to a file that does not exist
 * yet. A read-only file is refused, although its directory would let us replace it.
 */
async function targetOf(path: string): Promise<Target> {
  const { files } = nodeForWriting();
  if (path === "" || path.includes("\0")) throw Object.assign(new Error(`"${path}" is no name`), { code: NO_NAME });
  const found = await orUndefined(files.stat(path));
  if (found === undefined) {
    if (/[/\\]$/.test(path)) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
    return { path: await linkedTo(path), found };
  }
  if (found.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
  // A rename would put a file in the place of a device such as /dev/null.
  if (!found.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: NOT_A_FILE });
  // Another writer that keeps its previous file has none here for a moment.
  const real = await orUndefined(realOf(path));
  return real === undefined ? { path: await linkedTo(path), found: undefined } : { path: real, found };
}

/** The real path of a file that may be written: opened, not asked about, so that the answer is about the user that will write. */
async function realOf(path: string): Promise<string> {
  const { files } = nodeForWriting();
  await (await files.open(path, "r+")).close();
  return files.realpath(path);
}

/** The end of the links that begin at `path`, where no file is yet. */
async function linkedTo(path: string): Promise<string> {
  const { files, path: paths } = nodeForWriting();
  let end = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const next = await files.readlink(end).catch(ignore);
    if (next === undefined) return end;
    end = paths.resolve(paths.dirname(end), next);
  }
  throw Object.assign(new Error(`${path} is a circle of links`), { code: "ELOOP" });
}

/** Undefined where a file does not exist. */
const orUndefined = <T>(found: Promise<T>): Promise<T | undefined> =>
  found.catch((cause: unknown) => {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw cause;
  });

/** Brings the renaming itself to the disk. Some systems cannot open a directory; there the rename has to do. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await nodeForWriting().files.open(directory, "r").catch(ignore);
  await handle?.sync().catch(ignore);
  await handle?.close().catch(ignore);
}

/** Brings `content` to the disk and closes the file, whatever fails. The first failure is thrown. */
async function fill(handle: FileHandle, content: Content, like: Stats | undefined): Promise<void> {
  try {
    for (const part of typeof content === "string" || isArrayOf(content, "Uint8Array") ? [content] : content) {
      await handle.writeFile(part);
    }
    if (like !== undefined) await takeAfter(handle, like);
    await handle.sync();
  } catch (cause) {
    await handle.close().catch(ignore);
    throw cause;
  }
  await handle.close();
}

/** Gives a file the owner and the mode of the one it replaces, as far as the user may. The owner comes first, because a change of it clears bits of the mode. */
async function takeAfter(handle: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  await handle.chown(uid, gid).catch(ignore);
  await handle.chmod(mode & 0o7777).catch(ignore);
}

/**
 * Writes `content` (bytes, or text as UTF-8) to `path` whole or not at all. An existing file is replaced by one of its owner and
 * mode. Symbolic links are followed.
 *
 * @throws ProxbitError "output" with the remedy where it cannot be written. Then `path` is unchanged and nothing is
 *   left beside it.
 */
export async function writeFileAtomic(path: string, content: Content, { previous }: WriteOptions = {}): Promise<void> {
  const { files, path: paths } = nodeForWriting();
  try {
    const { path: target, found } = await targetOf(path);
    const beside = paths.join(paths.dirname(target), passingName());
    const handle = await files.open(beside, "wx");
    try {
      await fill(handle, content, found);
      if (previous === undefined || found === undefined) await files.rename(beside, target);
      else await renameBoth(beside, target, paths.join(paths.dirname(target), paths.basename(previous)));
    } catch (cause) {
      await files.rm(beside, { force: true }).catch(ignore);
      throw cause;
    }
    await syncDirectory(paths.dirname(target));
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/** Two steps, between which `target` has the name `previous` alone; where the second fails, the first is taken back. */
async function renameBoth(beside: string, target: string, previous: string): Promise<void> {
  const { files } = nodeForWriting();
  await files.rename(target, previous);
  try {
    await files.rename(beside, target);
  } catch (cause) {
    await files.rename(previous, target).catch(ignore);
    throw cause;
  }
}

/**
 * Checks that `path` can be written now, and that `bytes` bytes find room: makes such a file beside it and removes it again.
 * Callers do so before hours of training, not after. Passing files of writers that were killed are removed too.
 *
 * @throws ProxbitError "output" with the remedy where it cannot.
 */
export async function checkWritable(path: string, bytes = 0): Promise<void> {
  const { files, path: paths } = nodeForWriting();
  try {
    const { path: target } = await targetOf(path);
    const folder = paths.dirname(target);
    await sweepPassing(folder);
    const beside = paths.join(folder, passingName());
    const handle = await files.open(beside, "wx");
    try {
      // Written, not asked about: the answer then knows of quotas too.
      if (bytes > 0) await handle.writeFile(new Uint8Array(bytes));
      await handle.close();
    } catch (cause) {
      await handle.close().catch(ignore);
      throw cause;
    } finally {
      await files.rm(beside, { force: true });
    }
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}
