/**
 * Files that appear whole or not at all. They are written beside their place, brought to the disk (fsync), then
 * renamed. A crash at any moment leaves the old file or the new one, never half of either. Node only.
 */
import type { FileHandle } from "node:fs/promises";
import { ProxbitError } from "../base/errors.ts";
import { requireNode, systemCode } from "./node.ts";

const NOT_A_FILE = "not a file";

const REMEDIES: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
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

/** A name beside `target` that no other writer uses. Short, so that a long name of the target leaves room for it. */
function besideName(): string {
  return `.proxbit-${crypto.randomUUID().slice(0, 13)}.part`;
}

function nodeForWriting() {
  return requireNode("Writing a file", "In a browser, offer the bytes as a download or keep them in IndexedDB.");
}

/**
 * The real target of a write to `path`, through symbolic links. The target may be written, or does not exist yet. A
 * read-only file is refused, although its directory would let us replace it.
 */
async function targetOf(path: string): Promise<string> {
  const { files } = nodeForWriting();
  const found = await files.stat(path).catch((cause: unknown) => {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw cause;
  });
  if (found === undefined) return path;
  if (found.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
  // A rename would put a file in the place of a device such as /dev/null.
  if (!found.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: NOT_A_FILE });
  // Opened, not asked about: the answer is then about the user that will write.
  await (await files.open(path, "r+")).close();
  return files.realpath(path);
}

/** Brings the renaming itself to the disk. Some systems cannot open a directory; there the rename has to do. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await nodeForWriting().files.open(directory, "r").catch(ignore);
  await handle?.sync().catch(ignore);
  await handle?.close().catch(ignore);
}

/** Brings `content` to the disk and closes the file, whatever fails. The first failure is thrown. */
async function fill(handle: FileHandle, content: Uint8Array | string): Promise<void> {
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (cause) {
    await handle.close().catch(ignore);
    throw cause;
  }
  await handle.close();
}

/**
 * Writes `content` (bytes, or text as UTF-8) to `path` whole or not at all. An existing file is replaced.
 *
 * @throws ProxbitError "output" with the remedy where it cannot be written. Then `path` is unchanged and nothing is
 *   left beside it.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const { files, path: paths } = nodeForWriting();
  try {
    const target = await targetOf(path);
    const beside = paths.join(paths.dirname(target), besideName());
    const handle = await files.open(beside, "wx");
    try {
      await fill(handle, content);
      await files.rename(beside, target);
    } catch (cause) {
      await files.rm(beside, { force: true }).catch(ignore);
      throw cause;
    }
    await syncDirectory(paths.dirname(target));
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/**
 * Checks that `path` can be written now: makes a file beside it and removes it again. Callers do so before hours of
 * training, not after.
 *
 * @throws ProxbitError "output" with the remedy where it cannot.
 */
export async function checkWritable(path: string): Promise<void> {
  const { files, path: paths } = nodeForWriting();
  try {
    const target = await targetOf(path);
    const beside = paths.join(paths.dirname(target), besideName());
    const handle = await files.open(beside, "wx");
    try {
      await handle.close();
    } finally {
      await files.rm(beside, { force: true });
    }
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}
