/** A case is a small network that a check of operations runs; cases are put together from these pieces. */
import { functional } from "../nn/build.ts";
import type { QuantizerChoice } from "../nn/fields.ts";
import type { Graph, Shape } from "../nn/graph.ts";
import type { SymbolicTensor } from "../nn/layer.ts";
import { input, layers } from "../nn/layers.ts";
import { type Optimizer, optimizers } from "../train/optimizers/optimizers.ts";
import type { ChosenLoss, LossCase, LossName } from "./losses/loss.ts";

/** A network, and how it is trained. */
export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  /** True where the optimizer's work is compared too. */
  readonly updates: boolean;
  /** The terms of its loss; cross-entropy with labels alone where absent. */
  readonly objective?: readonly ChosenLoss[] | undefined;
  /** The truth that it is compared with; labels alone where absent. */
  readonly truth?: Omit<LossCase<LossName>, "title" | "options">;
}

/** The quantizers of a product's operands. */
export interface Operands {
  readonly weightQuantizer: QuantizerChoice;
  readonly activationQuantizer: QuantizerChoice;
}

/**
 * Images of cases. Backends compile a shader for each shape, and software takes most of its time for that, so cases share
 * shapes where they need none of their own: one for most, one for windows that reach over its borders, one whose axes all
 * differ, and one of many channels.
 */
export const USUAL_IMAGE: Shape = [6, 5, 5];
export const WINDOWED_IMAGE: Shape = [9, 7, 5];
export const UNEQUAL_IMAGE: Shape = [4, 5, 3];
export const WIDE_IMAGE: Shape = [5, 3, 37];

/** The optimizer of cases that are about something else. */
export const sgd = optimizers.sgd({ learningRate: 0.05, momentum: 0.9 });

/**
 * `layersOf` between a trained batch norm on the images, so that the gradient at its input is wanted, and a float head. Its
 * value is flattened where it has more axes than one. The optimizer's work is compared where one is given.
 */
export function around(
  name: string,
  shape: Shape,
  layersOf: (x: SymbolicTensor) => SymbolicTensor,
  optimizer?: Optimizer,
): Case {
  const images = input({ shape });
  const value = layersOf(layers.batchNorm({ name: "before" }).apply(images));
  const vector = value.shape.length === 1 ? value : layers.flatten().apply(value);
  const outputs = layers.dense({ units: 5, name: "head" }).apply(vector);
  return {
    name,
    graph: functional({ inputs: images, outputs, name: "check" }),
    optimizer: optimizer ?? sgd,
    updates: optimizer !== undefined,
  };
}

/** A product of +-1, whose sums are whole numbers, with as many filters as the usual image has channels. */
export const binaryConv = (x: SymbolicTensor, name: string): SymbolicTensor =>
  layers
    .binaryConv2d({
      filters: 5,
      name,
      kernelSize: 3,
      padding: "same",
      weightQuantizer: "bnn",
      activationQuantizer: "bnn",
    })
    .apply(x);

/** Operands of sums in 8 bits. */
export const SIGNS = { weightQuantizer: "bnn", activationQuantizer: "poly", useBias: false } as const;

/** Activations that are mostly +1 behind a max-pool, as the weights of such cases are, so that sums leave the 8 bits. */
export const leaning = (x: SymbolicTensor): SymbolicTensor =>
  layers.maxPool2d({ poolSize: 2, strides: 1, padding: "same" }).apply(x);
