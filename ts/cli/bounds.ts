/** `--max-memory` and `--max-operations`: bounds on a model file of unknown origin, for all commands that open one. */
import type { Command } from "commander";
import { integerIn, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { numberOr } from "./options.ts";

const subject: Subject = { code: "argument", what: "command line" };

/** The options as typed; those of `load`. */
export interface BoundOptions {
  readonly maxMemory?: number;
  readonly maxOperations?: number;
}

/** The names of their values. */
export const boundNames: readonly (keyof BoundOptions)[] = ["maxMemory", "maxOperations"];

const UNITS: Readonly<Record<string, number>> = {
  ...{ "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

/** A parser for commander: bytes, or a number with a unit as in 512MiB and 2 GB. */
export function memorySize(text: string): number {
  const option = "--max-memory";
  const [, number = "", unit = ""] = /^\s*([\d.e+]+)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = Object.hasOwn(UNITS, unit.toLowerCase()) ? UNITS[unit.toLowerCase()] : undefined;
  if (number === "" || factor === undefined) reject(subject, option, "bytes, or a size such as 512MiB or 2GiB", text);
  return integerIn(Math.round(Number(number) * (factor as number)), 1, Number.MAX_SAFE_INTEGER, option, subject);
}

/** A parser for commander: a whole number, which may be written as 5e10. */
export const operationCount = (text: string): number =>
  integerIn(numberOr(text), 1, Number.MAX_SAFE_INTEGER, "--max-operations", subject);

export function addBoundOptions(command: Command): Command {
  return command
    .option("--max-memory <size>", "most memory that the model file may ask for (default: 1GiB)", memorySize)
    .option(
      "--max-operations <n>",
      "most operations of one image that it may ask for (default: 2^35, 34 billion)",
      operationCount,
    );
}

/** The bounds among the options of a command. */
export const boundsFrom = ({ maxMemory, maxOperations }: BoundOptions): BoundOptions => ({
  ...(maxMemory === undefined ? {} : { maxMemory }),
  ...(maxOperations === undefined ? {} : { maxOperations }),
});

/** Refuses bounds where the command's argument is a network of its own. @throws ProxbitError "argument" */
export function refuseBounds(options: BoundOptions): void {
  const given = boundNames.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const message = `${inOptions(given)} is for model files, and no model file is given`;
  throw new ProxbitError("argument", message, "Leave it out, or give a model file.");
}

/** `load`'s words as the command line has them. */
const inOptions = (text: string): string =>
  text
    .replace(/load it with (max\w+): /, "add $1 ")
    .replaceAll("maxMemory", "--max-memory")
    .replaceAll("maxOperations", "--max-operations");

/** The error of a model file with its path, in the words of the command line. */
export const fileError = (path: string, cause: ProxbitError): ProxbitError =>
  new ProxbitError("model-file", `${path}: ${inOptions(cause.message)}`, inOptions(cause.remedy), { cause });
