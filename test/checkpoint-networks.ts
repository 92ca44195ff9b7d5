/** A store in memory, and runs that carry every kind of state: optimizers, quantizers that restart, flips, dropout, views, smoothing, several terms. */
import type { CheckpointStore } from "../ts/io/checkpoint-store.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { quantizers } from "../ts/quantizers/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import type { LossTerm } from "../ts/train/losses/term.ts";
import { type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { FitOptions } from "../ts/train/run/fit.ts";
import { everyOptimizer, plainSigns, SHAPE, softening } from "./train-networks.ts";

/** A store in memory, with a copy of everything that was ever written to it. */
export function memoryStore(): CheckpointStore & { readonly all: Uint8Array[] } {
  const all: Uint8Array[] = [];
  return {
    ...{ name: "memory", all },
    read: async (which) => all.at(which === "last" ? -1 : -2) ?? null,
    write: async (parts) => void all.push(new Uint8Array(Buffer.concat([...parts]))),
    lock: async () => async () => {},
  };
}

/** A run, as a trainer and a call of `fit` need it. */
export interface Subject {
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  readonly objective?: readonly LossTerm[];
  readonly options: FitOptions;
  /** The number of places at which the run is left. */
  readonly points: number;
}

/** Dropout before a quantizer whose latent weights go on from elsewhere after each step (ProxConnect's kin). */
const restarting = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.dropout({ rate: 0.2, name: "drop" }),
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 9, kernelSize: 3, name: "body", weightQuantizer: quantizers.pq() }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dropout({ rate: 0.4, name: "later" }),
    layers.binaryDense({ units: 12, name: "hidden", weightQuantizer: quantizers.parq(), activationQuantizer: null }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);

const base: FitOptions = { epochs: 3, batchSize: 16 };

export const subjects: Readonly<Record<string, Subject>> = {
  plain: { graph: softening(), optimizer: optimizers.adam(), options: base, points: 4 },
  restarting: {
    graph: restarting(),
    optimizer: optimizers.adamw({ learningRate: 0.01 }),
    options: { ...base, augment: { mirror: true, shift: 1 }, labelSmoothing: 0.1 },
    points: 5,
  },
  terms: {
    graph: softening(),
    optimizer: optimizers.sgd({ learningRate: 0.02, momentum: 0.9 }),
    objective: [losses.crossEntropy(), losses.l2({ factor: 1e-3 })],
    options: { ...base, flipRatio: true, onDivergence: "rollback" },
    points: 4,
  },
  ...Object.fromEntries(
    everyOptimizer.map(([name, optimizer]): [string, Subject] => [
      name,
      { graph: plainSigns(), optimizer, options: { ...base, epochs: 2, soft: false }, points: 2 },
    ]),
  ),
};
