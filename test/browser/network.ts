/** A small network with a real and a binary convolution, which serves tests around a check. */
import { type Graph, layers, sequential } from "../../ts/index.ts";

export const network: Graph = sequential({ inputShape: [8, 8, 1] }, [
  layers.conv2d({ filters: 8, kernelSize: 3 }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 8, kernelSize: 3 }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 4 }),
]);
