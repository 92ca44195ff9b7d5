/** The network that a training starts from: its options, its file, and its weights in a new trainer. */
import type { Command } from "commander";
import { ProxbitError } from "../base/errors.ts";
import type { Trainer } from "../train/run/trainer.ts";
import { names } from "./losses.ts";
import { namingFile, readModelFile } from "./model-file.ts";

export interface StartOptions {
  readonly from?: string;
  readonly rescale?: boolean;
  readonly fromLayers?: readonly string[];
}

/** A network that training starts from, or layers of it. */
export interface StartOf {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly rescale: boolean;
  readonly layers?: readonly string[] | undefined;
}

/** Adds the options with their help. */
export const addStartOptions = (command: Command): Command =>
  command
    .option("--from <file>", "start from this model: the same one trained with --quantizer none, or a packed one")
    .option(
      "--from-layers <names>",
      "with --from: take these layers only, of a model that may be another",
      names("--from-layers"),
    )
    .option("--rescale", "with --from: divide the weights of each filter by the mean of their magnitudes");

/**
 * What the options say, with the bytes of the file; undefined where training starts from random weights.
 *
 * @throws ProxbitError "argument" for options that do not go together, "model-file".
 */
export async function startOf({ from, rescale, fromLayers }: StartOptions): Promise<StartOf | undefined> {
  if (from !== undefined) {
    return { file: from, bytes: await readModelFile(from), rescale: rescale ?? false, layers: fromLayers };
  }
  for (const [option, value, is] of [
    ["--rescale", rescale, "is for the weights of"],
    ["--from-layers", fromLayers, "are layers of"],
  ] as const) {
    if (value === undefined) continue;
    throw new ProxbitError("argument", `${option} ${is} --from`, "Give --from too, or leave it out.");
  }
  return undefined;
}

/** Puts the weights of `start` into a new trainer. An error names the file. */
export const startFrom = (trainer: Trainer, { file, bytes, rescale, layers }: StartOf): Promise<void> =>
  namingFile(file, () => trainer.startFrom(bytes, { rescale: rescale ? "filter" : "none", layers }));
