/** A network that tests of training share. */
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { type Quantizer, quantizer } from "../ts/quantizers/index.ts";
import { isForWeightsAlone } from "../ts/quantizers/weights.ts";

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
