/** Random weights for the float twins of a network, with batch norm folded into the convolution before it. */

import type { Graph } from "../../ts/nn/graph.ts";
import { parametersOf } from "../../ts/nn/parameters.ts";
import { elementsOf } from "../../ts/nn/shapes.ts";
import { xorshift } from "../conv/problem.ts";

export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * Kernels as `node/kernel` (HWIO, or `[inputs][units]`) and biases as `node/bias`, for every convolution and dense
 * layer. So a trained network looks once an optimiser has folded its batch norms. The variance of a kernel is one over
 * its inputs, so values neither grow nor vanish on their way.
 *
 * @throws Error for a batch norm that follows anything but a convolution.
 */
export function foldedWeights(graph: Graph): ReadonlyMap<string, FloatTensor> {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  for (const node of graph.nodes) {
    const before = nodes.get(node.inputs[0] ?? "");
    if (node.op === "batchNorm" && before?.op !== "conv2d")
      throw new Error(`${node.name} does not follow a convolution`);
  }
  const next = xorshift(3);
  const uniform = (): number => next() / 2 ** 31;
  const tensors = new Map<string, FloatTensor>();
  for (const { name, node, key, shape } of parametersOf(graph)) {
    if (key !== "kernel") continue;
    const size = elementsOf(shape);
    const filters = shape.at(-1) as number;
    const width = Math.sqrt((3 * filters) / size);
    tensors.set(name, { shape, data: Float32Array.from({ length: size }, () => width * uniform()) });
    tensors.set(`${node}/bias`, {
      shape: [filters],
      data: Float32Array.from({ length: filters }, () => 0.1 * uniform()),
    });
  }
  return tensors;
}
