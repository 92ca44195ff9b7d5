/** The end of a training: its network is written, and never thrown away. Where its place fails, another one is tried. */
import { existsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { writeFileAtomic } from "../io/write.ts";
import { quoted } from "./checkpoint.ts";

/** A path in `folder` for the file of `path` that no file has yet. */
function freePath(folder: string, path: string): string {
  const name = basename(path) || "model.safetensors";
  for (let number = 0; ; number++) {
    const free = join(folder, number === 0 ? name : `${number}-${name}`);
    if (!existsSync(free)) return free;
  }
}

/**
 * Writes the file of a network to `path`, else into one of `folders`.
 *
 * @throws ProxbitError "output" where it does not stand at `path`; it says where it stands then.
 */
export async function writeNetwork(
  path: string,
  bytes: Uint8Array,
  folders: readonly string[] = [process.cwd(), homedir(), tmpdir()],
): Promise<void> {
  try {
    await writeFileAtomic(path, bytes);
  } catch (cause) {
    if (!isProxbitError(cause)) throw cause;
    for (const folder of folders) {
      const other = freePath(folder, path);
      const isWritten = await writeFileAtomic(other, bytes).then(
        () => true,
        () => false,
      );
      if (!isWritten) continue;
      const message = `${cause.message}; the trained network stands in ${other} instead`;
      throw new ProxbitError("output", message, `Move it by \`mv ${quoted(other)} ${quoted(path)}\`.`, { cause });
    }
    throw cause;
  }
}
