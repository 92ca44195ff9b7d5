/** One trial: a run that is killed or spoilt again and again, goes on each time, and must end in the bytes of a whole run. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Variant } from "../../ts/index.ts";
import type { RandomStream } from "../../ts/nn/random.ts";
import type { Order } from "./order.ts";
import type { Setting } from "./work.ts";

export const kinds = ["kill", "worker", "write", "full", "lock", "page"] as const;
export type Kind = (typeof kinds)[number];

export const titles: Readonly<Record<Kind, string>> = {
  kill: "the process is killed at a random moment, once to three times",
  worker: "a worker ends at a random step, and later the process is killed",
  write: "the process is killed before or behind a random call of a write",
  full: "the disk is full for one to forty calls of writes, then the process is killed",
  lock: "a second process writes to the checkpoint meanwhile and is refused, then the first is killed",
  page: "Chromium's tab is crashed at a random moment, once to three times",
};

/** The outcome of a trial. */
export interface Trial {
  readonly kind: Kind;
  readonly isSame: boolean;
  /** Processes or tabs that it took, and how the ones before the last ended. */
  readonly runs: number;
  readonly ends: readonly string[];
  readonly why: string;
}

const CHILD = join(import.meta.dirname, "child.ts");
/** A run that is begun more often than this makes no progress. */
const MOST_RUNS = 12;
/** Milliseconds behind each step: of a usual run, and of one that waits for a second process, which takes some seconds. */
export const PAUSE = 2;
const SLOW = 100;
const LONG = 5000;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Milliseconds from the first step to the end. */
  readonly milliseconds: number;
}

/** Runs a process, and kills it `killAfter` milliseconds behind its first step; never where that is null. */
export async function runChild(order: Order, killAfter: number | null): Promise<Ended> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(order)], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  let began = performance.now();
  child.stdout.once("data", () => {
    began = performance.now();
    if (killAfter !== null) setTimeout(() => child.kill("SIGKILL"), killAfter);
  });
  return new Promise((resolve) =>
    child.once("close", (code, signal) => {
      resolve({ code, signal, stderr, milliseconds: performance.now() - began });
    }),
  );
}

const variants: readonly (Variant | undefined)[] = [undefined, "plain", "plain-shared"];

/** Workers and build for the next process of a run. */
export function drawSetting({ below }: RandomStream): Setting {
  return { workers: 1 + below(3), variant: variants[below(variants.length)] };
}

/** Faults for the first processes of a trial of `kind`; those behind them have none. `steps` is the length of the run. */
function faultsOf(kind: Kind, { below }: RandomStream, steps: number): readonly Order["fault"][] {
  switch (kind) {
    case "worker":
      return [{ kind: "worker", step: below(steps) }];
    case "write":
      // A checkpoint takes eleven calls or so. The first calls are those of the lock, the last ones those of the model file.
      return Array.from({ length: 1 + below(3) }, () => ({
        ...{
          kind: "killed" as const,
          deed: below(120),
          when: below(2) === 0 ? ("before" as const) : ("behind" as const),
        },
      }));
    case "full":
      return [{ kind: "full", deed: 10 + below(100), deeds: 1 + below(40) }];
    default:
      return [];
  }
}

/** One trial of a kind that needs no browser, against the bytes of a whole run that took `milliseconds`. */
export async function tortureProcess(
  kind: Kind,
  random: RandomStream,
  whole: { readonly bytes: Uint8Array; readonly milliseconds: number; readonly steps: number },
): Promise<Trial> {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-torture-"));
  const ends: string[] = [];
  try {
    const place = { out: join(folder, "model.safetensors"), checkpoint: join(folder, "run.ckpt") };
    const every = 1 + random.below(8);
    const faults = faultsOf(kind, random, whole.steps);
    const kills = kind === "kill" ? 1 + random.below(3) : kind === "write" ? 0 : 1;
    let killed = 0;
    /** Milliseconds until a kill: behind the second process where one comes. */
    const moment = (own: Kind, run: number): number =>
      own === "lock" && run === 1 ? LONG + random.below(LONG) : random.below(Math.ceil(whole.milliseconds));
    for (let runs = 1; runs <= MOST_RUNS; runs++) {
      const fault = faults[runs - 1] ?? { kind: "none" };
      const pause = kind === "lock" && runs === 1 ? SLOW : PAUSE;
      const order: Order = { ...place, every, pause, fault, setting: drawSetting(random) };
      const isKilled = killed < kills && (fault.kind === "none" || random.below(2) === 0);
      if (isKilled) killed++;
      const running = runChild(order, isKilled ? moment(kind, runs) : null);
      if (kind === "lock" && runs === 1) ends.push(await refusedBeside(order, place.checkpoint, running));
      const { code, signal, stderr } = await running;
      if (code === 0) {
        const isSame = whole.bytes.length > 0 && Buffer.compare(await readFile(place.out), whole.bytes) === 0;
        return { kind, isSame, runs, ends, why: isSame ? "" : "other bytes" };
      }
      ends.push(signal ?? `exit ${code}`);
      // The model file of a full disk is written by the next process.
      const isFull = kind === "full" && /is full|ENOSPC/.test(stderr);
      if (signal !== "SIGKILL" && !isFull) return { kind, isSame: false, runs, ends, why: lastLine(stderr) };
    }
    return { kind, isSame: false, runs: MOST_RUNS, ends, why: "no end" };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts a second process on a checkpoint that another one writes. Resolves to how it ended. */
async function refusedBeside(order: Order, checkpoint: string, first: Promise<Ended>): Promise<string> {
  let isOver = false;
  first.then(() => {
    isOver = true;
  });
  while (!existsSync(`${checkpoint}.lock`) && !isOver) await new Promise((resolve) => setTimeout(resolve, 5));
  const { code, stderr } = await runChild({ ...order, out: `${order.out}.second` }, null);
  if (isOver) return "the first was killed before the second came";
  if (code === 0 || !stderr.includes("is writing the checkpoint")) throw new Error(`not refused: ${stderr}`);
  return "refused";
}

const lastLine = (text: string): string =>
  text
    .split("\n")
    .find((line) => /error/i.test(line))
    ?.trim() ?? text.slice(0, 200);
