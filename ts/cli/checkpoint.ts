/** `--checkpoint`, `--resume` and their kin: options of a run that can be gone on with, and the command that does so. */
import type { Command } from "commander";
import { integerIn, numberIn, oneOf, type Subject } from "../base/checks.ts";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { fileStore } from "../io/checkpoint-store.ts";
import { type Allowed, allowable, readRun } from "../train/run/checkpoint.ts";
import type { CheckpointRate } from "../train/run/checkpoint-keeper.ts";
import { oneOfWords } from "./options.ts";

const subject: Subject = { code: "argument", what: "command line" };

/** The options that say how a run ends, and what becomes of one that diverges. */
export interface EndOptions {
  readonly onDivergence: "stop" | "rollback";
  readonly keep: "last" | "best" | number;
  readonly average?: "swa" | "ema" | undefined;
}

/** The options as typed. */
export interface CheckpointOptions extends EndOptions {
  readonly checkpoint?: string;
  readonly checkpointEvery?: CheckpointRate;
  readonly resume?: boolean;
  readonly allow?: readonly Allowed[];
}

/** The keeping of a run. */
export interface KeptRun {
  /** The checkpoint's path: as given, or beside the model file. */
  readonly path: string;
  /** Writes it as the run goes on; else only where the run is stopped. */
  readonly isWritten: boolean;
  /** The path was given, so the checkpoint stays when the run has ended. */
  readonly isNamed: boolean;
  readonly every: CheckpointRate | undefined;
  readonly resume: boolean;
  readonly allow: readonly Allowed[];
  readonly onDivergence: "stop" | "rollback";
  /** The weights that the file gets; a number also keeps the networks of so many last epochs in files beside it. */
  readonly keep: "last" | "best" | number;
  readonly average: "swa" | "ema" | undefined;
}

/** A parser for commander: "90" seconds or "500steps". */
export function checkpointRate(text: string): CheckpointRate {
  const [, count, unit] = /^\s*([\d.e+-]+)\s*(s|steps)?\s*$/.exec(text) ?? [];
  const option = "--checkpoint-every";
  if (unit === "steps") return { steps: integerIn(Number(count), 1, 1e9, option, subject) };
  return { seconds: numberIn(count === undefined ? text : Number(count), 0, 1e9, option, subject) };
}

const dashed = (word: string): string => word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const words = allowable.map(dashed);

/** A parser for commander: words of `allowable` as options are written, with commas between. */
export const allowedWords = (text: string): readonly Allowed[] =>
  text.split(",").map((word) => {
    const found = oneOf(dashed(word.trim()), words, "--allow", subject);
    return allowable[words.indexOf(found)] as Allowed;
  });

export function addCheckpointOptions(command: Command): Command {
  return command
    .option("--checkpoint <file>", "keep the run in this file, from which --resume goes on after any end")
    .option(
      "--checkpoint-every <time>",
      "seconds, or steps as in 500steps (default: so seldom that it takes less than 1 % of the run)",
      checkpointRate,
    )
    .option("--resume", "go on from the checkpoint, to the same file as without an interruption")
    .option(
      "--allow <words>",
      `with --resume: what may differ from the run so far, of ${words.join(", ")}`,
      allowedWords,
    );
}

/** `--on-divergence`, `--keep` and `--average`. */
export function addEndOptions(command: Command): Command {
  return command
    .option(
      "--on-divergence <way>",
      "stop, or rollback to the beginning of the epoch with half the learning rate",
      oneOfWords("--on-divergence", ["stop", "rollback"]),
      "stop",
    )
    .option(
      "--keep <which>",
      "the weights of the last or the best epoch; or a number: those of so many last epochs too, as FILE.epoch-N",
      keptEpochs,
      "last",
    )
    .option(
      "--average <mean>",
      "end with a mean of the weights: swa, of the last quarter of the epochs, or ema",
      oneOfWords("--average", ["swa", "ema"]),
    );
}

/** A parser for commander: last, best or a number of epochs. */
export const keptEpochs = (text: string): "last" | "best" | number =>
  text === "last" || text === "best" ? text : integerIn(Number(text), 1, 1e6, "--keep as a number", subject);

/** The run's keeping as the options say it. @throws ProxbitError "argument" for options that do not go together. */
export function keptRun(options: CheckpointOptions, file: string): KeptRun {
  const { checkpoint, checkpointEvery: every, resume = false, allow = [], onDivergence, keep, average } = options;
  if (checkpoint === "") {
    throw new ProxbitError("argument", "--checkpoint is empty", "Name a file, for example out/run.ckpt.");
  }
  if (!resume && allow.length > 0) {
    throw new ProxbitError("argument", "--allow is for --resume", "Give --resume too, or leave it out.");
  }
  if (every !== undefined && checkpoint === undefined && !resume) {
    throw new ProxbitError("argument", "--checkpoint-every is for --checkpoint", "Give --checkpoint FILE too.");
  }
  const isNamed = checkpoint !== undefined;
  const path = checkpoint ?? `${file}.checkpoint`;
  return { path, isNamed, isWritten: isNamed || resume, every, resume, allow, onDivergence, keep, average };
}

/**
 * Refuses to begin a run over the checkpoint of another one that has not ended.
 *
 * @throws ProxbitError "checkpoint", with the option that goes on with it.
 */
export async function refuseUnfinished({ path, isWritten, resume }: KeptRun): Promise<void> {
  if (resume || !isWritten) return;
  const found = await readRun(fileStore(path)).catch((error: unknown) => {
    if (isProxbitError(error) && error.code === "checkpoint") return undefined;
    throw error;
  });
  const course = found?.run.course;
  if (course === null || course === undefined || course.epoch >= course.epochs) return;
  throw new ProxbitError(
    "checkpoint",
    `${path} holds a run that has not ended: ${course.epoch} of ${course.epochs} epochs are done`,
    "Add --resume to go on with it, give another --checkpoint, or remove the file.",
  );
}

/** A word as a shell takes it for one. */
export const quoted = (word: string): string =>
  /^[\w./:,+=@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The command that was given, to be given again. Who began it by npx, or in a script of npm, may have no other way to it. */
export const commandLine = (): string => {
  const start = /^['"]?proxbit\b/.test(process.env.npm_lifecycle_script ?? "") ? ["npx", "proxbit"] : ["proxbit"];
  return [...start, ...process.argv.slice(2)].map(quoted).join(" ");
};

/** The command that goes on with the run of the one that was given. */
export const commandToResume = (): string =>
  process.argv.includes("--resume") ? commandLine() : `${commandLine()} --resume`;
