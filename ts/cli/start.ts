/** The network that a training starts from: its options, its file, and its weights in a new trainer. */
import type { Command } from "commander";
import { ProxbitError } from "../base/errors.ts";
import { someOf } from "../base/names.ts";
import type { Graph } from "../nn/graph.ts";
import { parametersOf } from "../nn/parameters.ts";
import type { Trainer } from "../train/run/trainer.ts";
import { names } from "./losses.ts";
import { namingFile, readModelFile, type Start } from "./model-file.ts";

export interface StartOptions {
  readonly from?: string;
  readonly rescale?: boolean;
  readonly fromLayers?: readonly string[];
}

/** A network that training starts from, and the path of its file. */
export interface StartOf extends Start {
  readonly file: string;
}

const SHARED = "shared";

/** Adds the options with their help. */
export const addStartOptions = (command: Command): Command =>
  command
    .option("--from <file>", "start from this model: the same one trained with --quantizer none, or a packed one")
    .option(
      "--from-layers <names>",
      `with --from: take these layers only, of a model that may be another; "${SHARED}" for all that both have`,
      names("--from-layers"),
    )
    .option("--rescale", "with --from: divide the weights of each filter by the mean of their magnitudes");

/**
 * The start that the options ask for, with the bytes of its file; undefined where training starts from random weights.
 *
 * @throws ProxbitError "argument" for options that do not go together, "model-file".
 */
export async function startOf({ from, rescale, fromLayers }: StartOptions): Promise<StartOf | undefined> {
  if (from !== undefined) {
    const layers = fromLayers?.join() === SHARED ? SHARED : fromLayers;
    return { file: from, bytes: await readModelFile(from), rescale: rescale ?? false, layers };
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

/** Puts the weights of `start` into a new trainer, and gives the names of the layers that were taken. An error names the file. */
export const startFrom = (trainer: Trainer, { file, bytes, rescale, layers }: StartOf): Promise<readonly string[]> =>
  namingFile(file, () => trainer.startFrom(bytes, { rescale: rescale ? "filter" : "none", layers }));

/** The number of layers of `graph` that start from the file, and those that begin anew; nothing where all were asked for. */
export function startLine({ file, layers }: StartOf, taken: readonly string[], graph: Graph): string {
  if (layers === undefined) return "";
  const all = [...new Set(parametersOf(graph).map(({ node }) => node))];
  const others = all.filter((layer) => !taken.includes(layer));
  const anew = others.length === 0 ? "" : `; begin anew: ${someOf(others, 6)}`;
  return `start from ${file}: ${taken.length} of ${all.length} layers${anew}\n`;
}
