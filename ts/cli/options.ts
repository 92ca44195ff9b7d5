/** Options that several commands share, and the checks of what is typed behind them. */
import type { Command } from "commander";
import { integerIn, numberIn, oneOf, reject, type Subject } from "../checks.ts";
import { ProxbitError } from "../errors.ts";
import { datasetNames } from "../io/datasets.ts";
import { unknownName } from "../names.ts";
import { limits } from "../nn/attributes.ts";
import { modelNames } from "../nn/models/index.ts";
import { quantizerNames } from "../quantizers/registry.ts";
import { MOST_WORKERS } from "../runtime/pool.ts";

const subject: Subject = { code: "argument", what: "command line" };

/** The number that `text` is, or the text itself, which the checks then show as it was typed. */
const numberOr = (text: string): number | string =>
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
  readonly limit?: number;
}

const dataText = `data set: ${datasetNames.join(", ")}`;

/** `--data`, `--data-dir` and `--limit`. */
export function addDataOptions(command: Command, data: "required" | "optional"): Command {
  if (data === "required") command.requiredOption("--data <name>", dataText);
  else command.option("--data <name>", `${dataText} (default: the one that the file names)`);
  return command
    .option("--data-dir <directory>", "directory of the data set's files (default: where its package puts them)")
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

export interface QuantizerOptions {
  readonly quantizer: string;
  readonly activationQuantizer: string;
}

/** `--quantizer` and `--activation-quantizer`. */
export function addQuantizerOptions(command: Command): Command {
  return command
    .option("--quantizer <name>", `of the weights: ${quantizerNames.join(", ")}, ${NONE}`, "bnn++")
    .option("--activation-quantizer <name>", "of the activations: any of the same", "poly");
}

/**
 * The names that a network is built with; null for real operands.
 *
 * @throws ProxbitError "unknown-name" with the nearest name.
 */
export function quantizersFrom(options: QuantizerOptions): {
  readonly weightQuantizer: string | null;
  readonly activationQuantizer: string | null;
} {
  const named = (name: string): string | null => {
    if (name === NONE) return null;
    if (!quantizerNames.includes(name)) throw unknownName("quantizer", name, [...quantizerNames, NONE]);
    return name;
  };
  return { weightQuantizer: named(options.quantizer), activationQuantizer: named(options.activationQuantizer) };
}

/**
 * Refuses options of a network that were given to a command whose argument is a model file; those in `forBoth` (by the
 * names of their values) are for either.
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

/** `--workers`. */
export function addWorkersOption(command: Command): Command {
  const parse = wholeNumber("--workers", 1, MOST_WORKERS);
  return command.option("--workers <n>", "threads (default: all cores, at most 8)", parse);
}

/** `--json`, and an example under the help. */
export function addCommonOptions(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join("\n");
  return command
    .option("--json", "print JSON lines on stdout, the last one the result")
    .addHelpText("after", `\nExample${examples.length > 1 ? "s" : ""}:\n${lines}`);
}
