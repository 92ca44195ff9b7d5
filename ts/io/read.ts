/**
 * Whole files, read into memory. A folder, a pipe, a socket or a device in the place of a file is refused at once: reading a
 * pipe waits for its writer, perhaps for ever, and some devices have no end. Node only.
 */
import { requireNode, systemCode } from "./node.ts";

const NOT_A_FILE = "not a file";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "permission is denied",
  [NOT_A_FILE]: "it is a pipe, a socket or a device",
};

/** In words, why a file could not be read. */
export function readFault(cause: unknown): string {
  const code = systemCode(cause);
  return (code === undefined ? undefined : REASONS[code]) ?? `the system says ${code ?? String(cause)}`;
}

/**
 * The bytes of the file at `path`.
 *
 * @throws Error with a `code`, as Node does: "EISDIR" for a folder, "not a file" for a pipe, a socket or a device.
 */
export async function readWholeFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { files } = requireNode("Reading a file", "Fetch the file, and give its bytes.");
  const found = await files.stat(path);
  if (found.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
  if (!found.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: NOT_A_FILE });
  // Plain bytes: a Buffer's own methods differ from those of a Uint8Array.
  const { buffer, byteOffset, length } = await files.readFile(path);
  return new Uint8Array(buffer, byteOffset, length);
}
