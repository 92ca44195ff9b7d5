/** Random weights for the float twins of a transformer. */
import type { Graph } from "../../ts/nn/graph.ts";
import { parametersOf } from "../../ts/nn/parameters.ts";
import { elementsOf } from "../../ts/nn/shapes.ts";
import { xorshift } from "../conv/problem.ts";
import type { FloatTensor } from "../network/network-weights.ts";

/** Weights by our parameters' names. The variance of a kernel is one over its inputs, so values neither grow nor vanish. */
export function randomWeights(graph: Graph): ReadonlyMap<string, FloatTensor> {
  const next = xorshift(3);
  const draw = (shape: readonly number[], width: number, middle = 0): FloatTensor => ({
    shape,
    data: Float32Array.from({ length: elementsOf(shape) }, () => middle + (width * next()) / 2 ** 31),
  });
  return new Map(
    parametersOf(graph).map(({ name, key, shape }) => {
      const inputs = elementsOf(shape) / (shape.at(-1) as number);
      if (key === "kernel") return [name, draw(shape, Math.sqrt(3 / inputs))];
      return [name, draw(shape, 0.1, key === "gamma" ? 1 : 0)];
    }),
  );
}
