/**
 * Fine-tuning: a binary network starts from the weights of the same network trained without quantizers. Their signs are then
 * the binary weights of the first step, and their magnitudes the latent ones.
 */
import { isArrayOf } from "../../base/arrays.ts";
import { oneOf, plainObject, type Subject } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import { decodeModel } from "../../io/model-file.ts";
import { parametersOf } from "../../nn/parameters.ts";
import { kernelMatrix } from "../../nn/shapes.ts";
import { addressOf } from "../../program/place.ts";
import { writeLarge } from "../plan/memory.ts";
import type { Engine } from "./engine.ts";
import { writeWeights } from "./trained-weights.ts";

export interface StartOptions {
  /**
   * "filter": the latent weights of each filter are divided by the mean of their magnitudes, so that they lie about -1 and
   * +1, where the quantizers' maps have their steps; a filter of zeros stays. "none", as absent: they stay as they are.
   */
  readonly rescale?: "none" | "filter";
}

/** Weights by parameter name, or the model file of a network without quantizers. */
export type StartSource = Uint8Array | ReadonlyMap<string, Float32Array>;

/** See `Trainer.startFrom`. */
export async function startFrom(engine: Engine, source: StartSource, options: StartOptions): Promise<void> {
  const subject: Subject = { code: "argument", what: "startFrom" };
  const given = plainObject(options, ["rescale"], subject);
  const rescale = oneOf(given.rescale ?? "none", ["none", "filter"], "rescale", subject);
  const weights = isArrayOf(source, "Uint8Array") ? weightsOf(engine, source) : source;
  if (!(weights instanceof Map)) {
    const message = `startFrom takes the bytes of a model file or a Map of weights, not ${describe(weights)}`;
    throw new ProxbitError("argument", message, "Read the file first, or give what trainer.weights() returns.");
  }
  const wanted = engine.parameters.map(({ name }) => name);
  const missing = wanted.filter((name) => !weights.has(name));
  if (missing.length > 0) throw otherNetwork(`lacks ${listed(missing)}`);
  const strangers = [...weights.keys()].filter((name) => !wanted.includes(name));
  if (strangers.length > 0) throw otherNetwork(`has ${listed(strangers)}, which this network has not`);
  const latent = new Map(
    engine.parameters.flatMap((own) => (own.role === "latent" ? [[own.name, kernelMatrix(own)]] : [])),
  );
  const scaled = [...weights].map(([name, values]) => {
    const matrix = rescale === "filter" ? latent.get(name) : undefined;
    return [name, matrix === undefined ? values : unitFilters(values, matrix[1])] as const;
  });
  await writeWeights(engine, new Map(scaled));
  const { slots } = engine.layout;
  await engine.alone(() => writeLarge(engine.pool, addressOf(slots), new Uint8Array(slots.buffer.bytes)));
}

function weightsOf(engine: Engine, bytes: Uint8Array): ReadonlyMap<string, Float32Array> {
  const { graph, parameters } = decodeModel(bytes);
  const shapes = new Map(engine.parameters.map(({ name, shape }) => [name, shape.join(" x ")]));
  const weights = new Map<string, Float32Array>();
  for (const { name, shape } of parametersOf(graph)) {
    const values = parameters.get(name);
    if (!isArrayOf(values, "Float32Array")) throw onlySigns(name, graph.name);
    const wanted = shapes.get(name) ?? shape.join(" x ");
    if (shape.join(" x ") !== wanted) {
      throw otherNetwork(`holds "${name}" as ${shape.join(" x ")}, and this network has it as ${wanted}`);
    }
    weights.set(name, values);
  }
  return weights;
}

/** Divides every column of `[K][N]` by its mean magnitude. */
function unitFilters(values: Float32Array, filters: number): Float32Array {
  const sums = new Float64Array(filters);
  for (let i = 0; i < values.length; i++)
    sums[i % filters] = (sums[i % filters] as number) + Math.abs(values[i] as number);
  const rows = values.length / filters;
  return values.map((value, i) => {
    const sum = sums[i % filters] as number;
    return sum === 0 ? value : (value * rows) / sum;
  });
}

const MOST_NAMES = 3;
const listed = (names: readonly string[]): string =>
  `${names
    .slice(0, MOST_NAMES)
    .map((name) => `"${name}"`)
    .join(", ")}${names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ""}`;

const otherNetwork = (what: string): ProxbitError =>
  new ProxbitError(
    "shape",
    `what training is to start from ${what}`,
    "Start from the same network: the same model, images and classes, with its quantizers left out.",
  );

const onlySigns = (name: string, graph: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the weights "${name}" of "${graph}" are bits: only their signs are in the file, and training starts from real weights`,
    "Train the network with real weights first (weightQuantizer: null, on the command line --quantizer none), and start " +
      "from the file of that.",
  );
