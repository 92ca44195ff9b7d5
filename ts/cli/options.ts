/** Options that several commands share, and the checks behind them. */
import type { Command } from "commander";
import { integerIn, numberIn, oneOf, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import { datasetNames } from "../data/datasets.ts";
import { backgroundOf, type Fit, fits } from "../images/input.ts";
import type { Overflow } from "../nn/graph.ts";
import { limits } from "../nn/limits.ts";
import {
  type ModelOptions,
  modelNames,
  type Task,
  type TaskQuantizers,
  taskNames,
  taskQuantizers,
  tasks,
} from "../nn/models/index.ts";
import { overflows } from "../nn/words.ts";
import { isQuantizerName, quantizerNames, quantizer as quantizerOf } from "../quantizers/registry.ts";
import { MOST_WORKERS } from "../runtime/pool.ts";

const subject: Subject = { code: "argument", what: "command line" };

/** The number that `text` is, or the text itself, which the checks then show as it was typed. */
export const numberOr = (text: string): number | string =>
  text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);

/** A parser for commander: a whole number in [minimum, maximum]. */
export const wholeNumber =
  (option: string, minimum: number, maximum: number) =>
  (text: string): number =>
    integerIn(numberOr(text), minimum, maximum, option, subject);

/** A parser for commander: a number in [minimum, maximum]. */
export const realNumber =
  (option: string, minimum: number, maximum: number) =>
  (text: string): number =>
    numberIn(numberOr(text), minimum, maximum, option, subject);

/** A parser for commander: one of the given words. */
export const oneOfWords =
  <Word extends string>(option: string, words: readonly Word[]) =>
  (text: string): Word =>
    oneOf(text, words, option, subject);

export interface DataOptions {
  readonly data?: string;
  readonly dataDir?: string;
  readonly dataUrl?: string;
  readonly limit?: number;
  readonly imageSize?: readonly [number, number];
  readonly channels?: 1 | 3;
  readonly fit?: Fit;
  readonly background?: string;
  readonly testShare?: number;
}

const dataText = `${datasetNames.join(", ")}, a folder with a folder of images for each class, or FILE.npz`;

/** `--data` and the options of its place; those of images, too, where they are not a model file's. */
export function addDataOptions(command: Command, data: "required" | "optional"): Command {
  const flags = "--data <name|path>";
  if (data === "required") addImageOptions(command.requiredOption(flags, dataText));
  else command.option(flags, `${dataText} (default: the data set that the file names)`);
  command.option(
    "--test-share <share>",
    "of a folder without train and test: the share of each class kept for testing (default: 0.2)",
    realNumber("--test-share", 0.01, 0.99),
  );
  return addPlaceOptions(command);
}

/** `--image-size`, `--channels`, `--fit` and `--background`. */
function addImageOptions(command: Command): Command {
  return command
    .option("--image-size <n|HxW>", "resize the images of a folder to this size (default: their own)", imageSize)
    .option("--channels <n>", "of the images of a folder: 1 is gray, 3 colour (default: 3)", channelsOf)
    .option(
      "--fit <way>",
      `of an image into another shape: ${fits.join(", ")} (default: cover)`,
      oneOfWords("--fit", fits),
    )
    .option(
      "--background <colour>",
      "behind transparent pixels and beside contained images (default: #ffffff)",
      colour,
    );
}

/** A parser for commander: "64" or "48x64" as [height, width]. */
const imageSize = (text: string): readonly [number, number] => {
  const parts = text.split("x");
  if (parts.length > 2) reject(subject, "--image-size", "a number, or HEIGHTxWIDTH, for example 48x64", text);
  const [height, width] = parts.map((part) => integerIn(numberOr(part), 1, limits.dimension, "--image-size", subject));
  return [height as number, width ?? (height as number)];
};

const channelsOf = (text: string): 1 | 3 => (oneOf(text, ["1", "3"], "--channels", subject) === "1" ? 1 : 3);

const colour = (text: string): string => backgroundOf(text, { ...subject, what: "command line: --background" });

/** `--data-dir`, `--data-url` and `--limit`. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option("--data-dir <directory>", "directory of the data set's files (default: where its package puts them)")
    .option(
      "--data-url <url>",
      "download a data set that can be downloaded from here (default: its authors' addresses)",
    )
    .option("--limit <images>", "use only the first so many images, for a quick trial", wholeNumber("--limit", 1, 1e9));
}

/** A parser for commander: "32x32x3" as [32, 32, 3]. */
export const imageShape =
  (option: string) =>
  (text: string): readonly number[] => {
    const parts = text.split("x");
    if (parts.length !== 3) reject(subject, option, "HEIGHTxWIDTHxCHANNELS, for example 32x32x3", text);
    return parts.map((part) => integerIn(numberOr(part), 1, limits.dimension, option, subject));
  };

/** Stands for operands that stay real. */
const NONE = "none";

/** The paper's own; with weights alone none is told from it, and BNN+ and Poly within chance with both (bench/results/claim). */
const DEFAULT_QUANTIZER = "bnn++";
const DEFAULT_ACTIVATION_QUANTIZER = "poly";

/** The quantizers as typed; their defaults depend on the task. */
export interface QuantizerOptions {
  readonly quantizer?: string;
  readonly activationQuantizer?: string;
  readonly task?: Task;
  readonly accumulator?: Overflow;
  readonly binaryStem?: boolean;
  readonly binaryHead?: boolean;
  readonly reactnet?: boolean;
}

/** The names of their values. */
export const quantizerOptionNames: readonly (keyof QuantizerOptions)[] = [
  ...(["quantizer", "activationQuantizer", "task", "accumulator", "binaryStem", "binaryHead", "reactnet"] as const),
];

/** The choices that make a network, beside its images and classes. */
type NetworkChoices = TaskQuantizers & Pick<ModelOptions, "binaryStem" | "binaryHead" | "reactnet">;

/** `--quantizer`, `--activation-quantizer`, `--task`, `--accumulator`, `--binary-stem`, `--binary-head` and `--reactnet`. */
export function addQuantizerOptions(command: Command): Command {
  const names = quantizerNames.join(", ");
  const titles = taskNames.map((name) => `${name} (${tasks[name].title})`).join(", ");
  const activations = `of the activations: any of the same (default: "${DEFAULT_ACTIVATION_QUANTIZER}")`;
  return addLayerOptions(
    command
      .option(
        "--quantizer <name>",
        `of the weights: ${names}, ${NONE} (default: "${DEFAULT_QUANTIZER}"); DoReFa's take their bits, as in dorefa-weights-4; ` +
          "options behind a colon, as in bnn++:beta=logLinear(1,5),hardenAt=0.5",
      )
      .option("--activation-quantizer <name>", activations)
      .option("--task <name>", `which operands are quantized: ${titles} (default: what the quantizers say)`, taskName)
      .option(
        "--accumulator <overflow>",
        `sums in 8 bits that ${overflows.join(" or ")} (default: exact sums; with --task bwaa, saturate)`,
        oneOfWords("--accumulator", overflows),
      ),
  );
}

/** `--binary-stem`, `--binary-head` and `--reactnet`: layers of a network beside those that its quantizers are about. */
export function addLayerOptions(command: Command): Command {
  return command
    .option("--binary-stem", "quantize the weights of the first layer too")
    .option("--binary-head", "quantize the last layer too")
    .option("--reactnet", "of the residual models: ReActNet's learned thresholds and slopes");
}

/**
 * @throws ProxbitError "unknown-name" with the nearest of `known`, "argument" for options that the quantizer does not have
 */
export function checkQuantizerText(text: string, known: readonly string[]): void {
  if (!isQuantizerName(text)) throw unknownName("quantizer", text.replace(/:.*$/s, ""), known);
  quantizerOf(text);
}

/** A parser for commander: a task, in letters of either case. */
const taskName = (text: string): Task => oneOf(text.toLowerCase(), taskNames, "--task", subject);

/**
 * The choices that make a network; null stands for real operands and exact sums. Options for the ends that were not
 * typed are absent.
 *
 * @throws ProxbitError "unknown-name" with the nearest name for a quantizer that does not exist.
 * @throws ProxbitError "argument" for a quantizer of operands that the task leaves real.
 * @throws ProxbitError "argument" for sums in 8 bits of other operands than bits.
 */
export function quantizersFrom(options: QuantizerOptions): NetworkChoices {
  const { binaryStem, binaryHead, reactnet } = options;
  return {
    ...operandsFrom(options),
    ...(binaryStem === undefined ? {} : { binaryStem }),
    ...(binaryHead === undefined ? {} : { binaryHead }),
    ...(reactnet === undefined ? {} : { reactnet }),
  };
}

function operandsFrom(options: QuantizerOptions): TaskQuantizers {
  const named = (name: string): string | null => {
    if (name === NONE) return null;
    checkQuantizerText(name, [...quantizerNames, NONE]);
    return name;
  };
  const { task, accumulator: overflow } = options;
  const weightQuantizer = named(options.quantizer ?? DEFAULT_QUANTIZER);
  const activationQuantizer = named(options.activationQuantizer ?? DEFAULT_ACTIVATION_QUANTIZER);
  if (task === undefined) {
    if (overflow !== undefined && (weightQuantizer === null || activationQuantizer === null)) {
      throw narrowSums("weights and activations are not both quantized");
    }
    return { weightQuantizer, activationQuantizer, accumulator: overflow ?? null };
  }
  const { weights, activations, accumulates } = tasks[task];
  if (!weights && options.quantizer !== undefined) throw stayReal("--quantizer", "weights", task);
  if (!activations && options.activationQuantizer !== undefined) {
    throw stayReal("--activation-quantizer", "activations", task);
  }
  if (!accumulates && overflow !== undefined) throw narrowSums(`--task ${task} has exact ones`);
  const missing = [weights && weightQuantizer === null, activations && activationQuantizer === null];
  if (missing.includes(true)) {
    throw new ProxbitError(
      "argument",
      `--task ${task} quantizes ${missing[0] ? "weights" : "activations"}, and no quantizer is given for them`,
      `Name a quantizer instead of ${NONE}, or leave --task out.`,
    );
  }
  // Where weights stay real, theirs is not asked.
  return taskQuantizers(task, weights ? weightQuantizer : activationQuantizer, {
    activationQuantizer,
    ...(overflow === undefined ? {} : { overflow }),
  });
}

function stayReal(option: string, operands: string, task: Task): ProxbitError {
  const message = `${option} is for ${operands}, which stay real in --task ${task} (${tasks[task].title})`;
  return new ProxbitError("argument", message, "Leave it out, or take another task.");
}

function narrowSums(reason: string): ProxbitError {
  return new ProxbitError(
    "argument",
    `--accumulator is for sums of +-1 products, and ${reason}`,
    "Leave it out, or give --task bwaa.",
  );
}

/**
 * Refuses options of a network where the command's argument is a model file. Options in `forBoth` (by the names of
 * their values) are for either.
 */
export function refuseNetworkOptions(command: Command, file: string, forBoth: readonly string[]): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (forBoth.includes(name) || command.getOptionValueSource(name) !== "cli") continue;
    throw new ProxbitError(
      "argument",
      `${option.long} is for networks, and ${file} is taken for a model file`,
      `Leave it out, or give one of: ${modelNames.join(", ")}, or a module.`,
    );
  }
}

export function addWorkersOption(command: Command, text = "threads (default: all cores, at most 8)"): Command {
  return command.option("--workers <n>", text, wholeNumber("--workers", 1, MOST_WORKERS));
}

/** `--json`, and an example under the help. */
export function addCommonOptions(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join("\n");
  return command
    .option("--json", "print JSON lines on stdout, the last one the result")
    .addHelpText("after", `\nExample${examples.length > 1 ? "s" : ""}:\n${lines}`);
}
