/**
 * One run a checkpoint: a lock file beside it names the process that writes it. A process that died leaves its lock, which the
 * next one takes over. A process is known by its number, its machine, and on Linux the moment it began, because numbers come
 * again. A random text tells apart the locks that one process takes.
 *
 *   FILE.lock        PROCESS, MACHINE, BEGINNING, RANDOM, a line each
 *   FILE.lock.HASH   the claim on a lock of that hash, itself a lock
 *
 * Several may find the same dead lock, so taking it over needs a claim on its very content. Who has the claim looks at the lock
 * again, then renames its own over it. Nobody else may touch a dead lock, and no lock has the same content again. So a lock that
 * was looked at under a claim stays as it is until the rename.
 */
import { ProxbitError } from "../base/errors.ts";
import { fnv1a64 } from "../nn/random.ts";
import { isAlive, passingName } from "./leftovers.ts";
import { requireNode, systemCode } from "./node.ts";

/** Random texts of the locks that this process holds. In containers a dead process may have had our own number. */
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
async function isDead(text: string): Promise<boolean> {
  const [process = "", host = "", began = "", random = ""] = text.split("\n");
  if (host !== node().os.hostname() || !/^\d+$/.test(process)) return false;
  const id = Number(process);
  // Another thread of ours holds it where it is not this one's, and our process took it.
  if (id === globalThis.process.pid && (held.has(random) || began === "")) return !held.has(random);
  return !isAlive(id) || (began !== "" && began !== (await beginningOf(id)));
}

function inUse(path: string, lock: string, text: string): ProxbitError {
  const [process = "", host = ""] = text.split("\n");
  const where = host === "" || host === node().os.hostname() ? "" : ` on ${host}`;
  return new ProxbitError(
    "checkpoint",
    `${process === "" ? "another process" : `process ${process}`}${where} is writing the checkpoint ${path}`,
    `Wait for its end, or give another checkpoint; where it is surely dead, remove ${lock}.`,
  );
}

/** The claim on the lock at `lock` whose content is `text`. */
export const claimOn = (lock: string, text: string): string => `${lock}.${fnv1a64(text).toString(16)}`;

/** A lock that was taken: whoever calls it gives it away. */
type Unlock = () => Promise<void>;

/**
 * Takes the lock of the checkpoint at `path`; what comes back gives it away.
 *
 * @throws ProxbitError "checkpoint" where a living process holds it, "output" where no lock can be written.
 */
export async function lockCheckpoint(path: string): Promise<Unlock> {
  const lock = node().path.resolve(`${path}.lock`);
  const unlock = await take(lock, path);
  await sweepClaims(lock);
  return unlock;
}

async function take(lock: string, path: string): Promise<Unlock> {
  const { files, os, path: paths } = node();
  const random = crypto.randomUUID();
  const own = `${globalThis.process.pid}\n${os.hostname()}\n${await beginningOf("self")}\n${random}\n`;
  const beside = paths.join(paths.dirname(lock), passingName());
  // Before it is there: a lock of ours that we do not know would pass for a dead one's.
  held.add(random);
  try {
    await files.writeFile(beside, own, { flag: "wx" });
    // Whoever holds the lock may give it away while it is looked at.
    for (let tries = 0; tries < 3; tries++) {
      if (await isCreated(beside, lock, own)) return unlockOf(lock, random);
      const text = await contentOf(lock);
      if (text === null) continue;
      if (!(await isDead(text))) throw inUse(path, lock, text);
      const unclaim = await take(claimOn(lock, text), path);
      try {
        if ((await contentOf(lock)) !== text) continue;
        await files.rename(beside, lock);
        return unlockOf(lock, random);
      } finally {
        await unclaim();
      }
    }
    throw inUse(path, lock, "");
  } catch (cause) {
    held.delete(random);
    if (cause instanceof ProxbitError) throw cause;
    const message = `${lock} cannot be written: the system says ${systemCode(cause) ?? String(cause)}`;
    throw new ProxbitError("output", message, "Choose a place for the checkpoint where you may write.", { cause });
  } finally {
    await files.rm(beside, { force: true }).catch(() => undefined);
  }
}

const unlockOf =
  (lock: string, random: string): Unlock =>
  async () => {
    // One that stays is taken over: its process no longer holds it.
    await node()
      .files.rm(lock, { force: true })
      .catch(() => undefined);
    held.delete(random);
  };

/** Gives `beside`, whose content is `own`, the name `lock` too; false where something has that name. */
async function isCreated(beside: string, lock: string, own: string): Promise<boolean> {
  const { files } = node();
  const found = (cause: unknown): boolean => {
    if (systemCode(cause) === "EEXIST") return false;
    throw cause;
  };
  const made = (): boolean => true;
  try {
    return await files.link(beside, lock).then(made, found);
  } catch {
    // Some file systems have no hard links. Who reads such a lock before its content is there waits for its end.
    return files.writeFile(lock, own, { flag: "wx" }).then(made, found);
  }
}

/** The content of a lock; null where there is none. */
async function contentOf(lock: string): Promise<string | null> {
  return node()
    .files.readFile(lock, "utf8")
    .catch((cause: unknown) => {
      if (systemCode(cause) === "ENOENT") return null;
      throw cause;
    });
}

/** The name of a claim behind that of its lock; claims may be claimed in turn. */
const CLAIM = /^(?:\.[0-9a-f]{1,16})+$/;

/** Removes claims of the dead on locks that were here before ours. Nobody can use one: no lock has their content again. */
async function sweepClaims(lock: string): Promise<void> {
  const { files, path } = node();
  const folder = path.dirname(lock);
  const names = await files.readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const own = path.basename(lock);
    if (!name.startsWith(own) || !CLAIM.test(name.slice(own.length))) continue;
    await files.rm(path.join(folder, name), { force: true }).catch(() => undefined);
  }
}
