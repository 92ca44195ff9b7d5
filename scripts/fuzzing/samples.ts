/** Sound networks that mutants are made of: with bits, reals, windows, several inputs and several results. */
import { blankFile } from "../../test/blank-models.ts";
import { functional, type Graph, input, layers, sequential } from "../../ts/nn/index.ts";

const image = sequential({ inputShape: [6, 5, 2] }, [
  layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 4, kernelSize: 3, padding: "same" }),
  layers.maxPool2d(),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 5, kernelSize: 2 }),
  layers.depthwiseConv2d({ kernelSize: 1 }),
  layers.leakyRelu(),
  layers.upSampling2d({ size: 2 }),
  layers.zeroPadding2d({ padding: 1 }),
  layers.permute({ dims: [3, 1, 2] }),
  layers.flatten(),
  layers.dense({ units: 3, weightQuantizer: "adabin" }),
]);

function branches(): Graph {
  const x = input({ shape: [8] });
  const a = layers.dense({ units: 4, weightQuantizer: "bnn", activationQuantizer: "bnn" }).apply(x);
  const b = layers.layerNorm().apply(layers.dense({ units: 4, weightQuantizer: "dorefa-weights-2" }).apply(x));
  const sum = layers.add().apply([a, b]);
  const both = layers.concatenate().apply([sum, layers.multiply().apply([a, b])]);
  return functional({ inputs: x, outputs: [layers.softmax().apply(both), layers.prelu().apply(sum)] });
}

/** Attention of a kind that learns a number, over bits and reals. */
function tokens(): Graph {
  const x = input({ shape: [4, 6] });
  const norm = layers.layerNorm().apply(x);
  const options = { heads: 2, matrix: "elastic", queryQuantizer: "bnn", valueQuantizer: "poly" } as const;
  const outputs = layers
    .dense({ units: 3 })
    .apply(layers.flatten().apply(layers.attention(options).apply([norm, x, x])));
  return functional({ inputs: x, outputs });
}

export const graphs: readonly Graph[] = [image, branches(), tokens()];

/** A packed file of `graph`. */
export const modelFile = (graph: Graph): Uint8Array =>
  blankFile(graph, { dataset: "mnist", inputScale: "0.5", inputOffset: "-1" });
