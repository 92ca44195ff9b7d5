/**
 * Passing files: written beside a file's place, then renamed. A killed writer leaves its one behind. So a passing file's name
 * says which process of which machine writes it, and the next writer removes those of the dead.
 *
 *   .proxbit-PROCESS-MACHINE-RANDOM.part
 */
import { fnv1a64 } from "../nn/random.ts";
import { requireNode, systemCode } from "./node.ts";

const node = () =>
  requireNode("Writing a file", "In a browser, offer the bytes as a download or keep them in IndexedDB.");

/** A few digits that tell machines apart which share a disk. */
const machine = (): string => fnv1a64(node().os.hostname()).toString(16).slice(0, 6);

/** A name that no other writer uses. Short, so that a long name of the target leaves room for it. */
export const passingName = (): string =>
  `.proxbit-${globalThis.process.pid}-${machine()}-${crypto.randomUUID().slice(0, 8)}.part`;

/** Asks the system about a process of this machine. One that may not be asked about is alive. */
export function isAlive(process: number): boolean {
  try {
    globalThis.process.kill(process, 0);
    return true;
  } catch (cause) {
    return systemCode(cause) !== "ESRCH";
  }
}

/** Removes passing files in `folder` whose writers, processes of this machine, are dead. What cannot be removed stays. */
export async function sweepPassing(folder: string): Promise<void> {
  const { files, path } = node();
  const names = await files.readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const [, writer, place] = /^\.proxbit-(\d+)-([0-9a-f]+)-[0-9a-f]+\.part$/.exec(name) ?? [];
    if (writer === undefined || place !== machine() || isAlive(Number(writer))) continue;
    await files.rm(path.join(folder, name), { force: true }).catch(() => undefined);
  }
}
