/** Settings known to do well, kept under a name: `proxbit recipe NAME` trains with them. */
import type { VitOptions } from "../nn/models/vit.ts";
import { cosine } from "../quantizers/schedule.ts";
import { type Optimizer, optimizers } from "../train/optimizers/optimizers.ts";
import type { Augmentation } from "../train/run/augment.ts";

export interface Recipe {
  readonly about: string;
  readonly data: string;
  readonly model: string;
  /** The model's options; the float twin has no quantizers. */
  readonly options: VitOptions;
  readonly optimizer: Optimizer;
  readonly augment: Augmentation;
  /** Share of each label that is spread over all classes, from 0 to below 1. */
  readonly labelSmoothing: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  /**
   * The recipe whose network training starts from, by all layers that both have; undefined for random weights. That recipe's float
   * twin is this one's, too.
   */
  readonly from?: string | undefined;
  /** The recipe whose network teaches, with half of the loss and T = 4 (distillation); undefined for none. */
  readonly teacher?: string | undefined;
}

/** The settings that recipes of compact transformers share. */
const compact = {
  model: "cct2",
  options: { weightQuantizer: "bnn", activationQuantizer: "poly" },
  optimizer: optimizers.adam({ learningRate: cosine(2e-3, 0, 0.1) }),
  labelSmoothing: 0,
  batchSize: 64,
  seed: 1,
} as const;

export const recipes: Readonly<Record<string, Recipe>> = Object.freeze({
  "fashion-mnist": {
    about:
      "Fashion-MNIST with binary weights and activations, 0.68 million parameters: 93.5 % in 85 minutes on two cores",
    data: "fashion-mnist",
    model: "fashion",
    options: { weightQuantizer: "bnn", activationQuantizer: "poly", reactnet: true },
    // From 0 over the first fiftieth of the run, so that batch norm settles before the steps are large.
    optimizer: optimizers.adam({ learningRate: cosine(3e-3, 0, 0.02) }),
    augment: { mirror: true, shift: 2 },
    labelSmoothing: 0,
    epochs: 30,
    batchSize: 128,
    seed: 1,
  },
  "mnist-cct": {
    ...compact,
    about:
      "MNIST by a compact convolutional transformer with binary weights, activations and attention: 99.1 % in 8 epochs",
    data: "mnist",
    augment: { shift: 2 },
    epochs: 8,
  },
  "fashion-mnist-cct": {
    ...compact,
    about:
      "Fashion-MNIST by a compact convolutional transformer with binary weights, activations and attention: 91.7 % in 24 epochs",
    data: "fashion-mnist",
    options: { weightQuantizer: "bnn+", activationQuantizer: "poly" },
    augment: { mirror: true },
    epochs: 24,
  },
  "fashion-mnist-cct-weights": {
    ...compact,
    about:
      "Fashion-MNIST by a compact convolutional transformer with binary weights and real activations: 92.5 % in 16 epochs behind those of " +
      "fashion-mnist-cct, taught by fashion-mnist",
    data: "fashion-mnist",
    options: { weightQuantizer: "bnn+", activationQuantizer: null },
    optimizer: optimizers.adam({ learningRate: cosine(2e-3, 0, 0.05) }),
    augment: { mirror: true },
    epochs: 16,
    from: "fashion-mnist-cct",
    teacher: "fashion-mnist",
  },
  "cifar10-cct": {
    ...compact,
    about:
      "CIFAR-10 by a compact convolutional transformer with binary weights, activations and attention: 76.7 % in 40 epochs",
    data: "cifar10",
    options: { weightQuantizer: "bnn+", activationQuantizer: "poly" },
    augment: { mirror: true, shift: 3 },
    epochs: 40,
  },
});
