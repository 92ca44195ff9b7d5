/** The tensors that belong to a network's nodes: those that are trained, and those of a packed model. */

import type { Graph, GraphNode, Parameter } from "./graph.ts";
import { networkOf, parameterName } from "./network.ts";
import { kernelMatrix } from "./shapes.ts";

/** All parameters of `graph`. Throws "shape" or "graph" for a graph whose nodes do not fit together. */
export const parametersOf = (graph: Graph): readonly Parameter[] => networkOf(graph).parameters;

/** True where training moves the parameter: statistics follow the batches, and a frozen one stays. */
export const isTrained = ({ role, frozen }: Parameter): boolean =>
  role !== "statistic" && role !== "kept" && frozen !== true;

/**
 * The tensors of a packed model, in the order of the file. They are the parameters of `graph`, where kernels of levels
 * are the real weights of those levels. Behind each kernel stand tensors derived from its latent weights, f32 [filters]
 * each. The scale of the sums is one. AdaBin's signs have two, scale and shift. Tensors of a quantizer are left out.
 */
export function packedParametersOf(graph: Graph): readonly Parameter[] {
  const { nodes, parameters, quantizers } = networkOf(graph);
  return parameters.flatMap((parameter) => {
    const quantizer = quantizers.get(parameter.name);
    if (parameter.ofQuantizer === true) return [];
    if (parameter.role !== "latent" || quantizer === undefined) return [parameter];
    const node = nodes.get(parameter.node) as GraphNode;
    const beside = (key: string, more: Partial<Parameter> = {}): Parameter => ({
      ...parameter,
      name: parameterName(node, key),
      key,
      role: "real",
      shape: kernelMatrix(parameter).slice(1),
      ...more,
    });
    const scale = beside("scale", { neverNegative: "scale" });
    const kernel: Parameter = quantizer.hard === "levels" ? { ...parameter, role: "real" } : parameter;
    if (quantizer.standardize === "adabin") return [kernel, scale, beside("shift")];
    return quantizer.scale === "none" ? [kernel] : [kernel, scale];
  });
}
