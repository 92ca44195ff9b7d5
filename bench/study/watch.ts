/**
 * A task between epochs that looks at a network in training. It has a second engine with the same weights, whose steps are
 * observed (`ts/train/run/observe.ts`), so that the run itself stays what it would be without anybody looking.
 *
 * Each layer with a quantizer gets the slope over latent weights and over activations, and the norm of the gradient at
 * the latent weights, all for the first images of the training data at the end of the epoch.
 */
import type { Split } from "../../ts/data/dataset.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { parameterName } from "../../ts/nn/network.ts";
import { hasKernel } from "../../ts/nn/nodes.ts";
import type { Quantizer } from "../../ts/quantizers/index.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import type { Engine } from "../../ts/train/run/engine.ts";
import type { EpochTask } from "../../ts/train/run/epoch-task.ts";
import { type Observation, observeStep } from "../../ts/train/run/observe.ts";
import { startEngine } from "../../ts/train/run/start-engine.ts";
import { writeWeights } from "../../ts/train/run/trained-weights.ts";
import { type Slope, slopeOver } from "./slope.ts";

/** One layer after one epoch; null for an operand that stays real. */
export interface LayerRecord {
  readonly weights: Slope | null;
  readonly activations: Slope | null;
  /** The Euclidean norm of the gradient at the latent weights, as the optimizer reads it. */
  readonly gradient: number;
}

interface Watched {
  readonly name: string;
  readonly kernel: string;
  readonly input: string;
  readonly weights: Quantizer | null;
  readonly activations: Quantizer | null;
}

/** The layers of `graph` that some quantizer acts on. */
export function watchedLayers(graph: Graph): readonly Watched[] {
  return graph.nodes.flatMap((node): readonly Watched[] => {
    if (!hasKernel(node)) return [];
    const { weightQuantizer: weights, activationQuantizer: activations } = node.attributes;
    if (weights === null && activations === null) return [];
    if (weights !== null && weights.standardize !== "none") {
      throw new Error(`${node.name} standardises its weights, and slopes are taken over latent weights as they are`);
    }
    const [input = ""] = node.inputs;
    return [{ name: node.name, kernel: parameterName(node, "kernel"), input, weights, activations }];
  });
}

export const norm = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += (values[index] as number) ** 2;
  return Math.sqrt(sum);
};

/** The layers as an observed step shows them. */
export function recordsOf(graph: Graph, seen: Observation): Readonly<Record<string, LayerRecord>> {
  const { progress, before, values, parameterGradients } = seen;
  const found = (all: ReadonlyMap<string, Float32Array>, name: string): Float32Array => {
    const one = all.get(name);
    if (one === undefined) throw new Error(`the step has no value of ${name} of its own`);
    return one;
  };
  return Object.fromEntries(
    watchedLayers(graph).map(({ name, kernel, input, weights, activations }) => [
      name,
      {
        weights: weights === null ? null : slopeOver(weights, progress, found(before.parameters, kernel)),
        activations: activations === null ? null : slopeOver(activations, progress, found(values, input)),
        gradient: norm(found(parameterGradients, kernel)),
      },
    ]),
  );
}

/** The numbers of `records` by names such as "layer/weights/mass", as an event of an epoch holds them. */
export function flatten(records: Readonly<Record<string, LayerRecord>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(records).flatMap(([layer, { weights, activations, gradient }]) => {
      const slopes = Object.entries({ weights, activations }).flatMap(([operand, slope]) =>
        slope === null
          ? []
          : Object.entries(slope).map(([key, value]) => [`${layer}/${operand}/${key}`, value as number] as const),
      );
      return [...slopes, [`${layer}/gradient`, gradient] as const];
    }),
  );
}

/** The records out of the numbers of an event. */
export function unflatten(numbers: Readonly<Record<string, number>>): Readonly<Record<string, LayerRecord>> {
  const layers = Object.keys(numbers).flatMap((key) =>
    key.endsWith("/gradient") ? [key.replace(/\/gradient$/, "")] : [],
  );
  const slopeOf = (layer: string, operand: "weights" | "activations"): Slope | null => {
    const [mass, inside] = [numbers[`${layer}/${operand}/mass`], numbers[`${layer}/${operand}/inside`]];
    return mass === undefined || inside === undefined ? null : { mass, inside };
  };
  return Object.fromEntries(
    layers.map((layer) => [
      layer,
      {
        weights: slopeOf(layer, "weights"),
        activations: slopeOf(layer, "activations"),
        gradient: numbers[`${layer}/gradient`] as number,
      },
    ]),
  );
}

export interface Watch {
  readonly task: EpochTask;
  readonly close: () => void;
}

/** The name of the task, under which events have its numbers. */
export const WATCH = "study";

/** Starts the second engine, with one worker. It looks at the first `images` of `split`. */
export async function createWatch(graph: Graph, split: Split, images: number): Promise<Watch> {
  const sgd = optimizers.sgd();
  const { pool, engine } = await startEngine(graph, sgd, { workers: 1 }, { observed: true });
  return {
    task: {
      name: WATCH,
      run: async ({ weights, progress, hardened }) =>
        flatten(await look(engine, graph, split, images, await weights(), progress, hardened)),
    },
    close: () => pool.close(),
  };
}

/** The layers of a network with `weights` at `progress` in [0, 1], its quantizers signs where a task has `hardened` them. The engine's own weights are those of another step after. */
export async function look(
  engine: Engine,
  graph: Graph,
  split: Split,
  images: number,
  weights: ReadonlyMap<string, Float32Array>,
  progress: number,
  hardened = false,
): Promise<Readonly<Record<string, LayerRecord>>> {
  await writeWeights(engine, weights);
  const moment = hardened ? null : progress;
  return recordsOf(graph, await observeStep(engine, split, images, { progress, update: 1 }, moment));
}
