/**
 * The tensors that belong to a network's nodes, in the graph's order and, within a node, in the order kernel, bias or
 * gamma, beta, movingMean, movingVariance; a shift has beta, a prelu alpha, an adaptive sign both. This order is the
 * one of model files and checkpoints.
 */
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { Graph, GraphNode, Parameter, Shape } from "./graph.ts";
import { isProduct, type ProductNode } from "./operands.ts";
import { convGeometry, shapesOf } from "./shapes.ts";

function nodeParameters(node: GraphNode, inputShape: Shape): readonly Parameter[] {
  const parameter = (
    suffix: string,
    role: Parameter["role"],
    shape: Shape,
    initializer: Parameter["initializer"],
  ): Parameter => ({
    name: `${node.name}/${suffix}`,
    node: node.name,
    role,
    shape,
    initializer,
  });

  switch (node.op) {
    case "conv2d":
    case "dense": {
      const { weightQuantizer, kernelInitializer, useBias } = node.attributes;
      const shape = kernelShape(node, inputShape);
      const kernel = parameter("kernel", weightQuantizer === null ? "real" : "latent", shape, kernelInitializer);
      return useBias ? [kernel, parameter("bias", "real", [shape.at(-1) ?? 0], "zeros")] : [kernel];
    }
    case "batchNorm": {
      const channels = [inputShape.at(-1) ?? 0];
      return [
        parameter("gamma", "real", channels, "ones"),
        parameter("beta", "real", channels, "zeros"),
        parameter("movingMean", "statistic", channels, "zeros"),
        parameter("movingVariance", "statistic", channels, "ones"),
      ];
    }
    case "shift":
      return [parameter("beta", "real", [inputShape.at(-1) ?? 0], "zeros")];
    case "prelu":
      // Of He et al., 2015, who initialise their slopes with it.
      return [parameter("alpha", "real", [inputShape.at(-1) ?? 0], 0.25)];
    case "adaptiveSign":
      return [parameter("alpha", "real", [1], "ones"), parameter("beta", "real", [1], "zeros")];
    case "input":
    case "maxPool2d":
    case "avgPool2d":
    case "globalAvgPool2d":
    case "activation":
    case "flatten":
    case "add":
      return [];
  }
}

/** `[kernelHeight, kernelWidth, channels, filters]` of a convolution, `[inputs, units]` of a dense layer. */
function kernelShape(node: ProductNode, inputShape: Shape): Shape {
  if (node.op === "dense") return [inputShape[0] ?? 0, node.attributes.units];
  const geometry = convGeometry(node, inputShape);
  return [geometry.kernelHeight, geometry.kernelWidth, geometry.channels, geometry.filters];
}

/** All parameters of `graph`. Throws "shape" or "graph" for a graph whose nodes do not fit together. */
export function parametersOf(graph: Graph): readonly Parameter[] {
  const shapes = shapesOf(graph);
  return graph.nodes.flatMap((node) => nodeParameters(node, shapes.get(node.inputs[0] ?? "") ?? []));
}

/**
 * The tensors of a packed model, in the order of the file: the parameters of `graph`, kernels of levels as the real weights
 * that they come to, and behind each kernel what is derived from its latent weights, f32 [filters] each: the scale of the
 * sums, or the two numbers of each filter, scale and shift, that AdaBin's signs stand for.
 */
export function packedParametersOf(graph: Graph): readonly Parameter[] {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  return parametersOf(graph).flatMap((parameter) => {
    const node = nodes.get(parameter.node);
    if (parameter.role !== "latent" || node === undefined || !isProduct(node)) return [parameter];
    const { hard, scale, standardize } = node.attributes.weightQuantizer as Quantizer;
    const beside = (suffix: string): Parameter => ({
      ...parameter,
      name: `${node.name}/${suffix}`,
      role: "real",
      shape: [parameter.shape.at(-1) ?? 0],
    });
    const kernel: Parameter = hard === "levels" ? { ...parameter, role: "real" } : parameter;
    if (standardize === "adabin") return [kernel, beside("scale"), beside("shift")];
    return scale === "none" ? [kernel] : [kernel, beside("scale")];
  });
}
