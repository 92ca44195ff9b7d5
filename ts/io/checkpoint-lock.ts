/**
 * One run a checkpoint: a lock file beside it names the process that writes it. A process that died leaves its lock, which the
 * next one takes over. A process is known by its number, its machine, and on Linux the moment it began, because numbers come
 * again.
 */
import { ProxbitError } from "../base/errors.ts";
import { isAlive } from "./leftovers.ts";
import { requireNode, systemCode } from "./node.ts";

/** Locks that this process holds. Numbers come again in containers, so a lock under our own number may be a dead one's. */
const held = new Set<string>();

const node = () => requireNode("A lock file", "In a browser, give a checkpoint's name or a store of your own.");

/** The moment at which a process began, in ticks since the machine did; "" where the system does not tell. */
async function beginningOf(process: number | "self"): Promise<string> {
  const text = await node()
    .files.readFile(`/proc/${process}/stat`, "utf8")
    .catch(() => "");
  // The second field is the program's name in brackets, which may hold blanks and brackets.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** Recognises the holder of a lock as dead. One of another machine might live. */
async function isDead(lock: string, text: string): Promise<boolean> {
  const [process = "", host = "", began = ""] = text.split("\n");
  if (host !== node().os.hostname() || !/^\d+$/.test(process)) return false;
  const id = Number(process);
  if (id === globalThis.process.pid) return !held.has(lock);
  return !isAlive(id) || (began !== "" && began !== (await beginningOf(id)));
}

function inUse(path: string, lock: string, text: string): ProxbitError {
  const [process = "another process", host = ""] = text.split("\n");
  const where = host === node().os.hostname() ? "" : ` on ${host}`;
  return new ProxbitError(
    "checkpoint",
    `process ${process}${where} is writing the checkpoint ${path}`,
    `Wait for its end, or give another checkpoint; where it is surely dead, remove ${lock}.`,
  );
}

/**
 * Takes the lock of the checkpoint at `path`; what comes back gives it away.
 *
 * @throws ProxbitError "checkpoint" where a living process holds it, "output" where no lock can be written.
 */
export async function lockCheckpoint(path: string): Promise<() => Promise<void>> {
  const { files, os, path: paths } = node();
  const lock = paths.resolve(`${path}.lock`);
  const own = `${globalThis.process.pid}\n${os.hostname()}\n${await beginningOf("self")}\n`;
  for (let tries = 0; ; tries++) {
    try {
      await files.writeFile(lock, own, { flag: "wx" });
      held.add(lock);
      return async () => {
        held.delete(lock);
        // One that stays is taken over: its process no longer holds it.
        await files.rm(lock, { force: true }).catch(() => undefined);
      };
    } catch (cause) {
      if (systemCode(cause) !== "EEXIST" || tries === 3) {
        const message = `${lock} cannot be written: the system says ${systemCode(cause) ?? String(cause)}`;
        throw new ProxbitError("output", message, "Choose a place for the checkpoint where you may write.", { cause });
      }
    }
    const text = await files.readFile(lock, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    if (!(await isDead(lock, text))) throw inUse(path, lock, text);
    await takeAway(lock, text);
  }
}

/** Removes a dead process's lock. The rename finds out which of two that try it is the first. */
async function takeAway(lock: string, dead: string): Promise<void> {
  const { files } = node();
  const aside = `${lock}.${crypto.randomUUID().slice(0, 8)}`;
  await files.rename(lock, aside).catch(() => undefined);
  const text = await files.readFile(aside, "utf8").catch(() => undefined);
  // Somebody was faster, and this is the lock of a living process: it gets it back.
  if (text !== undefined && text !== dead) await files.link(aside, lock).catch(() => undefined);
  await files.rm(aside, { force: true });
}
