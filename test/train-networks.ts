/** Networks and data that tests of training share. */
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { type Quantizer, quantizer } from "../ts/quantizers/index.ts";
import { isForWeightsAlone } from "../ts/quantizers/weights.ts";
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

/** Of the images of `data`, which `binary` takes. */
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
