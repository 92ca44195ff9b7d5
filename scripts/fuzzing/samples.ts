/** Sound networks that mutants are made of: with bits, reals, windows, several inputs and several results. */
import { blankFile } from "../../test/blank-models.ts";
import { decodeModel, encodeModel } from "../../ts/io/model-file.ts";
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

const texts = { dataset: "mnist", inputScale: "0.5", inputOffset: "-1" };

/** A packed file of `image` whose 3x3 kernels are three codewords: all signs -1, the first +1, and the last +1. */
function codewords(): Uint8Array {
  const { graph, parameters, metadata } = decodeModel(blankFile(image, texts));
  // Rows of 27 signs, tap by tap, in 4 bytes.
  const bits = Uint8Array.of(0b001, 0, 0, 0b100, 0b110, 0, 0, 0, 0, 0, 0, 0b001, 0b111, 0, 0, 0);
  return encodeModel({ graph, parameters: new Map(parameters).set("binary_conv2d/kernel", bits), metadata });
}

/** Packed files of all graphs. */
export const modelFiles: readonly Uint8Array[] = [codewords(), ...graphs.map((graph) => blankFile(graph, texts))];
