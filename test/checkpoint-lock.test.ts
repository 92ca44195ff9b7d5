/** The guarantee: at most one run at a time holds a checkpoint's lock, in whatever order processes reach the disk. */
import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { claimOn, lockCheckpoint } from "../ts/io/checkpoint-lock.ts";
import { rejected, withFolder } from "./io-helpers.ts";

const ended = spawnSync("true").pid;
const stale = `${ended}\n${hostname()}\n\n`;
const PATH = "/folder/run.ckpt";
const LOCK = `${PATH}.lock`;

const failed = (code: string): Error => Object.assign(new Error(code), { code });

/** The calls of a file system in memory, each of which is done in one go. */
function fileSystem(files: Map<string, string>) {
  const contentOf = (path: string): string => {
    const found = files.get(path);
    if (found === undefined) throw failed("ENOENT");
    return found;
  };
  const created = (path: string, content: string): void => {
    if (files.has(path)) throw failed("EEXIST");
    files.set(path, content);
  };
  return {
    writeFile: (path: string, content: string) => created(path, content),
    link: (from: string, to: string) => created(to, contentOf(from)),
    readFile: (path: string) => contentOf(path),
    rename: (from: string, to: string) => {
      files.set(to, contentOf(from));
      files.delete(from);
    },
    rm: (path: string) => void files.delete(path),
    readdir: () => [...files.keys()].map((path) => path.slice("/folder/".length)),
  };
}

/** The choice of a racer: those that can go on, and the one that made the last call; -1 where that one is done. */
type Choose = (able: readonly number[], last: number) => number;

/** The outcome of a race: racers that had the lock, errors of the others, the most holders at once, and files that are left. */
interface Race {
  readonly had: readonly number[];
  readonly errors: readonly unknown[];
  readonly most: number;
  readonly left: readonly string[];
}

/** Lets `count` racers take the lock, hold it for a call and give it away. `choose` says whose next call is done. */
async function race(count: number, before: ReadonlyMap<string, string>, choose: Choose): Promise<Race> {
  const files = new Map(before);
  const racer = new AsyncLocalStorage<number>();
  const waiting = new Map<number, () => void>();
  let told = (): void => {};
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(racer.getStore() as number, resolve);
      told();
    });
  const module = process.getBuiltinModule("node:fs/promises");
  const calls = fileSystem(files);
  const names = Object.keys(calls) as (keyof typeof calls)[];
  const own = Object.fromEntries(names.map((name) => [name, module[name]]));
  for (const name of names) {
    const call = async (...given: [string, string]) => {
      if (given[0].startsWith("/proc")) throw failed("ENOENT");
      // A file that a racer alone knows is nobody else's concern.
      if (name === "readdir" || given.some((path) => String(path).startsWith(LOCK))) await turn();
      return calls[name](...given);
    };
    Object.assign(module, { [name]: call });
  }
  const [had, errors]: [number[], unknown[]] = [[], []];
  let [holders, most, racing] = [0, 0, count];
  const one = async (number: number): Promise<void> => {
    try {
      const unlock = await lockCheckpoint(PATH);
      had.push(number);
      most = Math.max(most, ++holders);
      await turn();
      holders--;
      await unlock();
    } catch (error) {
      errors.push(error);
    }
    racing--;
    told();
  };
  try {
    const all = Array.from({ length: count }, (_, number) => racer.run(number, () => one(number)));
    for (let last = -1; racing > 0; ) {
      // Everybody has a call that waits, or is done.
      while (waiting.size < racing) await new Promise<void>((resolve) => (told = resolve));
      if (racing === 0) break;
      const able = [...waiting.keys()].sort();
      last = choose(able, able.includes(last) ? last : -1);
      const go = waiting.get(last) as () => void;
      waiting.delete(last);
      go();
    }
    await Promise.all(all);
  } finally {
    Object.assign(module, own);
  }
  return { had, errors, most, left: [...files.keys()] };
}

/** Holds every race of `count` racers with at most `switches` turns that a racer loses before its end. */
async function everyRace(
  count: number,
  before: ReadonlyMap<string, string>,
  switches: number,
): Promise<{ readonly races: number; readonly faults: readonly string[] }> {
  const orders: { readonly order: readonly number[]; readonly switched: number }[] = [{ order: [], switched: 0 }];
  const faults: string[] = [];
  let races = 0;
  for (let given = orders.pop(); given !== undefined; given = orders.pop()) {
    const { order, switched } = given;
    const done: number[] = [];
    const result = await race(count, before, (able, last) => {
      const usual = last === -1 ? (able[0] as number) : last;
      const place = done.length;
      const chosen = order[place] ?? usual;
      if (place >= order.length) {
        const now = switched + Number(last !== -1);
        for (const other of able) {
          if (other !== usual && now <= switches) orders.push({ order: [...done, other], switched: now });
        }
      }
      done.push(chosen);
      return chosen;
    });
    faults.push(...faultsOf(result).map((fault) => `${fault}: ${done.join("")}`));
    races++;
  }
  return { races, faults };
}

/** The faults of a race, in words; none where one racer after the other had the lock. */
function faultsOf({ had, errors, most, left }: Race): readonly string[] {
  const strange = errors.filter((error) => (error as { code?: string }).code !== "checkpoint");
  return [
    ...(most === 1 ? [] : [`${most} had it at once`]),
    ...(had.length > 0 ? [] : ["nobody had it"]),
    ...left.map((path) => `${path} is left`),
    ...strange.map(String),
  ];
}

describe("racers for one lock", () => {
  it.each<readonly [string, number, ReadonlyMap<string, string>, number]>([
    ["three, and a dead process's lock", 3, new Map([[LOCK, stale]]), 2],
    ["two, and the lock of one that died with a claim on an older lock", 2, claimed(), 2],
    ["two, and no lock", 2, new Map(), 3],
  ])("hold it one after the other: %s", async (_, count, before, switches) => {
    const { races, faults } = await everyRace(count, before, switches);
    expect(faults).toEqual([]);
    expect(races).toBeGreaterThan(10);
  });
});

/** A dead lock, and on it the claim of another dead process. */
function claimed(): ReadonlyMap<string, string> {
  return new Map([
    [LOCK, stale],
    [claimOn(LOCK, stale), `${ended}\n${hostname()}\n\nother\n`],
  ]);
}

it("takes over a lock and a claim that the dead have left, and leaves nothing of either", () =>
  withFolder(async (folder) => {
    const path = join(folder, "run.ckpt");
    const lock = `${path}.lock`;
    await writeFile(lock, stale);
    await writeFile(claimOn(lock, stale), stale);
    await writeFile(`${lock}.0123`, "a claim on a lock that is gone");
    await writeFile(`${lock}.mine`, "a file of the user's own");
    const unlock = await lockCheckpoint(path);
    expect(await readdir(folder)).toEqual(["run.ckpt.lock", "run.ckpt.lock.mine"]);
    expect(await readFile(lock, "utf8")).toMatch(new RegExp(`^${process.pid}\n`));
    await rejected("checkpoint", lockCheckpoint(path));
    await unlock();
    expect(await readdir(folder)).toEqual(["run.ckpt.lock.mine"]);
  }));

it("makes a lock where the file system has no links", () =>
  withFolder(async (folder) => {
    const link = vi.spyOn(process.getBuiltinModule("node:fs/promises"), "link").mockRejectedValue(failed("EPERM"));
    try {
      const path = join(folder, "run.ckpt");
      const unlock = await lockCheckpoint(path);
      await rejected("checkpoint", lockCheckpoint(path));
      await unlock();
      expect(await readdir(folder)).toEqual([]);
    } finally {
      link.mockRestore();
    }
  }));
