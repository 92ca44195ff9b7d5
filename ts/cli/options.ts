/** Options that several commands share, and the checks of what is typed behind them. */
import type { Command } from "commander";
import { integerIn, numberIn, type Subject } from "../checks.ts";
import { datasetNames } from "../io/datasets.ts";
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
