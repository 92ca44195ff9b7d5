/** `--checkpoint`, `--resume` and their kin: options of a run that can be gone on with, and the command that does so. */
import { existsSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { integerIn, numberIn, oneOf, reject, type Subject } from "../base/checks.ts";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { isCheckpointFile } from "../io/checkpoint-file.ts";
import { checkpointFiles, fileStore } from "../io/checkpoint-store.ts";
import { systemCode } from "../io/node.ts";
import { readFault, readWholeFile } from "../io/read.ts";
import { type Allowed, allowable, type LoadedRun, readRun } from "../train/run/checkpoint.ts";
import type { CheckpointRate } from "../train/run/checkpoint-keeper.ts";
import { numberOr, oneOfWords } from "./options.ts";

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
  if (unit === "steps") return { steps: integerIn(numberOr(count ?? text), 1, 1e9, option, subject) };
  return { seconds: numberIn(numberOr(count ?? text), 0, 1e9, option, subject) };
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
export function keptEpochs(text: string): "last" | "best" | number {
  if (text === "last" || text === "best") return text;
  const number = numberOr(text);
  if (typeof number === "string") reject(subject, "--keep", "last, best, or a number of epochs", text);
  return integerIn(number, 1, 1e6, "--keep as a number", subject);
}

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
 * Refuses a checkpoint whose file is to be written as another one too, or holds anything else: the run of another command that
 * has not ended, a damaged checkpoint, or what is no checkpoint at all. `file` is the path of the model file.
 *
 * @throws ProxbitError "checkpoint" or "argument", with the way to go on.
 */
export async function checkKept(kept: KeptRun, file: string): Promise<void> {
  const { path, isWritten, resume, keep } = kept;
  const files = await checkpointFiles(path);
  await refuseSameFile(files, { file, keep });
  if (resume) return;
  await refuseForeign(files);
  if (!isWritten) return;
  const found = await foundRun(path, files);
  const course = found?.run.course;
  if (course === null || course === undefined || course.epoch >= course.epochs) return;
  throw new ProxbitError(
    "checkpoint",
    `${path} holds a run that has not ended: ${course.epoch} of ${course.epochs} epochs are done`,
    `Add --resume to go on with it, give another --checkpoint, or remove ${existing(files)}.`,
  );
}

/** The files that are there, in words. */
const existing = (files: readonly string[]): string => files.filter((file) => existsSync(file)).join(" and ");

/** The path of a file that may not be there yet, through links of its folder. */
async function realPlace(path: string): Promise<string> {
  const [real] = await checkpointFiles(path);
  const folder = await realpath(dirname(real)).catch(() => resolve(dirname(real)));
  return join(folder, basename(real));
}

/** @throws ProxbitError "argument" where the model file, or that of an epoch, is a file of the checkpoint. */
async function refuseSameFile(
  [last, previous]: readonly [string, string],
  { file, keep }: { readonly file: string; readonly keep: KeptRun["keep"] },
): Promise<void> {
  const model = await realPlace(file);
  for (const own of [last, previous, `${last}.lock`]) {
    const place = await realPlace(own);
    const isEpoch = typeof keep === "number" && /^\.epoch-\d+$/.test(place.slice(model.length));
    if (place !== model && !(isEpoch && place.startsWith(model))) continue;
    throw new ProxbitError(
      "argument",
      `--checkpoint and --out would both write ${own}`,
      "Give them names that differ, for example --checkpoint run.ckpt --out model.safetensors.",
    );
  }
}

/** @throws ProxbitError "checkpoint" where one of the files is there and is no checkpoint: the run would replace it. */
async function refuseForeign(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const bytes = await readWholeFile(file).catch((cause: unknown) => {
      if (systemCode(cause) === "ENOENT") return null;
      throw new ProxbitError("checkpoint", `${file} cannot be read: ${readFault(cause)}`, OTHER, { cause });
    });
    // An empty file has nothing to lose.
    if (bytes === null || bytes.length === 0 || isCheckpointFile(bytes)) continue;
    throw new ProxbitError("checkpoint", `${file} is no checkpoint, and the run would replace it`, OTHER);
  }
}

const OTHER = "Give another --checkpoint, a file that is a checkpoint or is not there yet.";

/** The run in the files; undefined where there is none. @throws ProxbitError "checkpoint" where all that is there is damaged. */
async function foundRun(path: string, files: readonly string[]): Promise<LoadedRun | undefined> {
  if (!files.some((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0)) return undefined;
  try {
    return await readRun(fileStore(path));
  } catch (cause) {
    if (!isProxbitError(cause) || cause.code !== "checkpoint") throw cause;
    throw new ProxbitError(
      "checkpoint",
      `the checkpoint that is there cannot be gone on with: ${cause.message}`,
      `Give another --checkpoint, or remove ${existing(files)} to begin the run anew.`,
      { cause },
    );
  }
}

/** A word as a shell takes it for one. */
export const quoted = (word: string): string =>
  /^[\w./:,+=@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The program of a package that is installed in a folder, which npx finds. */
const OF_PACKAGE = /[/\\]node_modules[/\\](?:\.bin[/\\]proxbit$|proxbit[/\\])/;

/** The words that begin a command as it was begun: a script of npm, npx, a file that Node runs, or the command by its name. */
function startWords(): readonly string[] {
  const { npm_lifecycle_event: event = "", npm_lifecycle_script: script = "" } = process.env;
  const [, program = ""] = process.argv;
  if (event !== "" && event !== "npx" && /\bcli\/main\.[jt]s\b/.test(script)) return ["npm", "run", "-s", event, "--"];
  // Who began it by npx, or in a script of npm, may have no other way to it.
  if (/^['"]?proxbit\b/.test(script) || OF_PACKAGE.test(program)) return ["npx", "proxbit"];
  const isFile = /[/\\]cli[/\\]main\.[jt]s$/.test(program);
  return isFile ? ["node", relative("", program)] : ["proxbit"];
}

/** The command of `words`, begun as the one that was given. */
export const commandOf = (...words: readonly string[]): string => [...startWords(), ...words].map(quoted).join(" ");

/** The command that was given, to be given again. */
export const commandLine = (): string => commandOf(...process.argv.slice(2));

/** The command that goes on with the run of the one that was given. */
export const commandToResume = (): string =>
  process.argv.includes("--resume") ? commandLine() : `${commandLine()} --resume`;
