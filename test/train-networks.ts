/** Networks and data that tests of training share. */
import { functional, type Graph, input, layers, sequential } from "../ts/nn/index.ts";
import { type Quantizer, quantizer, quantizers } from "../ts/quantizers/index.ts";
import { isForWeightsAlone } from "../ts/quantizers/weight-quantizers.ts";
import { caseOptimizer, type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { randomDataset } from "./oracle/compare.ts";

/** Every kind of operand: real, binary weights, binary activations, both. */
export function everyProduct(
  choice: Quantizer,
  activations = isForWeightsAlone(choice) ? quantizer("poly") : choice,
): Graph {
  return sequential({ inputShape: [6, 5, 3] }, [
    layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer: choice, useBias: false }),
    layers.batchNorm(),
    layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", activationQuantizer: activations, useBias: false }),
    layers.batchNorm(),
    layers.conv2d({
      filters: 9,
      kernelSize: 3,
      padding: "same",
      weightQuantizer: choice,
      activationQuantizer: activations,
      useBias: false,
    }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);
}

/** The shape of the images of `data`, which `binary` takes. */
export const SHAPE = [6, 6, 1] as const;
/** Three batches of 16 and two images left over. */
export const data = randomDataset(4, [50, 21], SHAPE, 3);

/** A real convolution, a binary one, a real head. */
export const binary = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 8, kernelSize: 3, name: "body" }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3, name: "head" }),
  ]);

/** Weights soft until 60 in 100 of a run, activations until 30; over images of `SHAPE`. */
export const softening = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryConv2d({
      filters: 9,
      kernelSize: 3,
      name: "body",
      weightQuantizer: quantizers.bnnPlusPlus({ hardenAt: 0.6 }),
      activationQuantizer: quantizers.polyPlus({ hardenAt: 0.3 }),
    }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 12, name: "hidden", weightQuantizer: "bc", activationQuantizer: "poly" }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);

const momentum = optimizers.sgd({ learningRate: 0.02, momentum: 0.9 });
const rest = optimizers.adam({ learningRate: 0.01 });
const bop2 = { gamma: 0.1, sigma: 0.05, threshold: 0.3 } as const;
/** Every optimizer by a name, each with all the state that it can have. Binary weights of their networks are "bc". */
export const everyOptimizer: readonly (readonly [string, Optimizer])[] = [
  ["sgd", optimizers.sgd({ learningRate: 0.05 })],
  ["momentum", momentum],
  ["Nesterov's momentum", optimizers.sgd({ learningRate: 0.02, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
  ["adam", rest],
  ["adamw", optimizers.adamw({ learningRate: 0.01, weightDecay: 0.1 })],
  ["rmsprop", optimizers.rmsprop({ learningRate: 0.01, momentum: 0.5 })],
  [
    "lion, its norm bounded",
    optimizers.lion({ learningRate: 0.003, weightDecay: 0.1, clipNorm: 0.5, noDecay: ["bias"] }),
  ],
  ["bop beside momentum", caseOptimizer({ binary: optimizers.bop({ gamma: 0.1, threshold: 1e-4 }), rest: momentum })],
  ["bop2 beside adam", caseOptimizer({ binary: optimizers.bop2(bop2), rest })],
  ["unbiased bop2 beside adam", caseOptimizer({ binary: optimizers.bop2({ ...bop2, unbiased: true }), rest })],
  ["adam for binary weights, momentum beside", caseOptimizer({ binary: rest, rest: momentum })],
];

/** Binary weights that any optimizer can train; over images of `SHAPE`. */
export const plainSigns = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryConv2d({
      filters: 8,
      kernelSize: 3,
      name: "body",
      weightQuantizer: "bc",
      activationQuantizer: "poly",
    }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 9, name: "hidden", weightQuantizer: "bc", activationQuantizer: "poly" }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);

/** Two branches of one shape, whose sum is written by a norm, and two heads, whose sum are the logits. */
export function branches(): Graph {
  const start = input({ shape: [5, 4, 2] });
  const branch = (name: string) => {
    const product = layers.conv2d({ filters: 3, kernelSize: 3, padding: "same", useBias: false, name });
    return layers.batchNorm({ name: `${name}_norm` }).apply(product.apply(start));
  };
  const flat = layers.flatten().apply(layers.add({ name: "sum" }).apply([branch("left"), branch("right")]));
  const head = (name: string) => layers.dense({ units: 3, name }).apply(flat);
  return functional({ inputs: start, outputs: layers.add({ name: "logits" }).apply([head("first"), head("second")]) });
}
