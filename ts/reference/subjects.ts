/**
 * Small networks in which every operation stands once in every way it can be calculated: each of the three products with
 * weights and activations real, soft and +-1; windows with strides, even sizes, one pixel, borders of zeros and ones; sizes
 * that are no multiples of 4, 8, 16 or 32; sums in 8 bits; shortcuts read twice; every quantizer; every term of a loss; every
 * optimizer.
 *
 * The operations bring their own networks (`ops/`), and the terms their batches (`losses/`).
 */
import { sequential } from "../nn/build.ts";
import type { QuantizerChoice } from "../nn/fields.ts";
import { layers } from "../nn/layers.ts";
import { overflows } from "../nn/words.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { quantizer, quantizerNames } from "../quantizers/registry.ts";
import { constant } from "../quantizers/schedule.ts";
import { isForWeightsAlone } from "../quantizers/weight-quantizers.ts";
import { losses } from "../train/losses/index.ts";
import { caseOptimizer, type Optimizer, optimizers } from "../train/optimizers/optimizers.ts";
import { around, type Case, sgd, USUAL_IMAGE } from "./cases.ts";
import { referenceLossOf } from "./losses/index.ts";
import type { LossName } from "./losses/loss.ts";
import { plainLosses, termOf } from "./objective.ts";
import { referenceOps } from "./ops/index.ts";
import type { Cases } from "./ops/op.ts";

/** The networks that operations bring. */
const brought: readonly Cases[] = Object.values(referenceOps).map(({ cases }) => cases);

const kinds: Readonly<Record<"real" | "soft" | "+-1", QuantizerChoice>> = { real: null, soft: "bnn++", "+-1": "bnn" };

function products(): readonly Case[] {
  return Object.entries(kinds).flatMap(([weights, weightQuantizer]) =>
    Object.entries(kinds).flatMap(([activations, activationQuantizer]) =>
      brought.flatMap(
        ({ operands }) => operands?.(`${activations} x ${weights}`, { weightQuantizer, activationQuantizer }) ?? [],
      ),
    ),
  );
}

/** Each term of a loss on a few numbers, beside a cross-entropy where it compares nothing with the truth. */
function lossCases(): readonly Case[] {
  const graph = sequential({ inputShape: [1, 2, 3], name: "losses" }, [
    layers.flatten(),
    layers.dense({ units: 5, name: "head" }),
    layers.leakyRelu({ name: "output" }),
  ]);
  return (Object.keys(losses) as LossName[]).flatMap((loss) =>
    referenceLossOf(loss).cases.map(({ title, options, ...truth }) => {
      const chosen = { loss, options };
      const objective = termOf(chosen).isScore === true ? [chosen] : [...plainLosses, chosen];
      const name = `loss ${loss}${title === undefined ? "" : `, ${title}`}`;
      return { name, graph, optimizer: sgd, updates: false, objective, truth };
    }),
  );
}

/** A map of samples behind a proximal map, as no quantizer of a name has it. */
const COMPOSED: Quantizer = quantizer({
  name: "tanh-before-a-table",
  proximal: "tanh",
  forward: "table",
  backward: "table",
  parameters: [constant(2)],
  table: { from: -1, to: 1, forward: [-1.25, -0.75, 0, 0.75, 1.25], backward: [0.5, 1.25, 1.75, 1.25, 0.5] },
  hardenAt: 0.9,
  clipLatent: 0,
});

function quantizers(): readonly Case[] {
  return [...quantizerNames.map((name) => quantizer(name)), COMPOSED].map((weightQuantizer) => {
    const activationQuantizer = isForWeightsAlone(weightQuantizer) ? "poly" : weightQuantizer;
    const options = { filters: 5, kernelSize: 3, weightQuantizer, activationQuantizer } as const;
    // With the update, for some quantizers bound their latent weights.
    return around(
      `binaryConv2d ${weightQuantizer.name}`,
      USUAL_IMAGE,
      (x) => layers.binaryConv2d({ ...options, name: "conv" }).apply(x),
      sgd,
    );
  });
}

function updates(): readonly Case[] {
  const kinds = {
    "sgd without momentum": optimizers.sgd({ learningRate: 0.1, weightDecay: 1e-2 }),
    "sgd with Nesterov's momentum": optimizers.sgd({
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 1e-3,
    }),
    adam: optimizers.adam({ learningRate: 1e-2 }),
    adamw: optimizers.adamw({ learningRate: 1e-2, weightDecay: 0.1 }),
    rmsprop: optimizers.rmsprop({ learningRate: 1e-2 }),
    "rmsprop with momentum": optimizers.rmsprop({ learningRate: 1e-2, momentum: 0.9, weightDecay: 1e-3 }),
    lion: optimizers.lion({ learningRate: 1e-2, weightDecay: 0.1 }),
  };
  const flips = {
    bop: optimizers.bop({ gamma: 0.1, threshold: 1e-4 }),
    bop2: optimizers.bop2({ gamma: 0.1, sigma: 0.1, threshold: 0.3 }),
    "bop2, unbiased": optimizers.bop2({ gamma: 0.1, sigma: 0.1, threshold: 0.3, unbiased: true }),
  };
  const dense = (name: string, optimizer: Optimizer, weightQuantizer: string): Case =>
    around(
      name,
      [3, 3, 3],
      (x) => layers.binaryDense({ units: 9, name: "dense", weightQuantizer }).apply(layers.flatten().apply(x)),
      optimizer,
    );
  return [
    ...Object.entries(kinds).map(([name, optimizer]) => dense(name, optimizer, "bnn++")),
    ...Object.entries(flips).map(([name, binary]) => dense(name, caseOptimizer({ binary, rest: sgd }), "bc")),
  ];
}

/** All of them. */
export const operationCases = (): readonly Case[] => [
  ...products(),
  ...brought.flatMap(({ windows }) => windows?.() ?? []),
  ...overflows.flatMap((overflow) => brought.flatMap(({ accumulated }) => accumulated?.(overflow) ?? [])),
  ...brought.flatMap(({ alone }) => alone?.() ?? []),
  ...lossCases(),
  ...quantizers(),
  ...updates(),
];
