/** Networks that many runs share: small, with channels that no vector's width divides, and three classes. */
import {
  type Graph,
  type Layer,
  layers,
  type ModelOptions,
  model,
  type QuantizerChoice,
  sequential,
  taskQuantizers,
} from "../../ts/index.ts";

export const CLASSES = 3;

/** Every product, by convolutions and by a dense layer: operands are real or +-1, in all four pairs. */
export function products(weightQuantizer: QuantizerChoice, activationQuantizer: QuantizerChoice): Graph {
  const window = { kernelSize: 3, padding: "same", useBias: false } as const;
  return sequential({ inputShape: [6, 5, 3] }, [
    layers.conv2d({ filters: 5, ...window, name: "weights", weightQuantizer }),
    layers.batchNorm(),
    layers.conv2d({ filters: 6, ...window, name: "activations", activationQuantizer }),
    layers.batchNorm(),
    layers.conv2d({ filters: 9, ...window, name: "both", weightQuantizer, activationQuantizer }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 11, weightQuantizer, activationQuantizer }),
    layers.batchNorm(),
    layers.dense({ units: CLASSES }),
  ]);
}

/** `products` under a quantizer for weights and, where it is for them too, activations. */
export function productsOf(choice: QuantizerChoice): Graph {
  const { weightQuantizer, activationQuantizer } = taskQuantizers("bwa", choice);
  return products(weightQuantizer, activationQuantizer);
}

/** A real stem, a binary body, a real head. Optimizers, schedules and courses are shown on it. */
export const binary = (
  weightQuantizer: QuantizerChoice = "bnn++",
  activationQuantizer: QuantizerChoice = "poly",
): Graph =>
  around([
    layers.binaryConv2d({ filters: 9, kernelSize: 3, name: "body", weightQuantizer, activationQuantizer }),
    layers.batchNorm(),
  ]);

/** `binary` without quantizers, from which fine-tuning starts. */
export const float = (): Graph => binary(null, null);

/** `middle` between a real convolution with batch norm and a real head, for images of `shape`. */
export function around(middle: readonly Layer[], shape: readonly [number, number, number] = [7, 6, 2]): Graph {
  return sequential({ inputShape: shape, name: "around" }, [
    layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", useBias: false, name: "stem" }),
    layers.batchNorm(),
    ...middle,
    layers.flatten(),
    layers.dense({ units: CLASSES, name: "head" }),
  ]);
}

/** A ready-made model at a small size. */
export const small = (name: string, options: ModelOptions = {}): Graph =>
  model(name, { inputShape: [8, 8, 1], classes: CLASSES, ...options });
