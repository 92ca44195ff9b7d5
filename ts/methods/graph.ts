/** Maps over graphs that methods share. */
import { ProxbitError } from "../base/errors.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { networkOf, parameterName } from "../nn/network.ts";
import { hasKernel } from "../nn/nodes.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";

/** `graph` with other quantizers of its weights; layers with real weights stay, and those that are frozen. */
export function mapWeightQuantizers(graph: Graph, map: (quantizer: Quantizer, layer: string) => Quantizer): Graph {
  const nodes = graph.nodes.map((node): GraphNode => {
    if (!hasKernel(node) || node.attributes.weightQuantizer === null || node.trainable === false) return node;
    const weightQuantizer = map(node.attributes.weightQuantizer, node.name);
    return { ...node, attributes: { ...node.attributes, weightQuantizer } } as GraphNode;
  });
  return { ...graph, nodes };
}

/** The names of kernels with latent weights. @throws ProxbitError `argument` where there is none, which `method` is for */
export function latentKernels(graph: Graph, method: string): readonly [string, ...string[]] {
  const [first, ...others] = networkOf(graph).parameters.flatMap(({ name, role, frozen }) =>
    role === "latent" && frozen !== true ? [name] : [],
  );
  if (first !== undefined) return [first, ...others];
  throw new ProxbitError(
    "argument",
    `the method "${method}" is for binary weights, and "${graph.name}" trains none`,
    "Give layers a weightQuantizer, on the command line --quantizer bnn, or leave the method out.",
  );
}

/** The name of the kernel of the layer called `layer`; undefined where there is no such layer. */
export function kernelOf(graph: Graph, layer: string): string | undefined {
  const node = networkOf(graph).nodes.get(layer);
  return node === undefined || !hasKernel(node) ? undefined : parameterName(node, "kernel");
}

/** `graph` with a learned scale behind every binary layer that is trained and whose value not batch norm alone reads. */
export function withScales(graph: Graph): Graph {
  const results = graph.outputs ?? [graph.output];
  const isNormed = (layer: string): boolean =>
    !results.includes(layer) &&
    graph.nodes.every(({ op, inputs }) => op === "batchNorm" || !(inputs as readonly string[]).includes(layer));
  const scales = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (!hasKernel(node) || node.attributes.weightQuantizer === null || node.trainable === false) continue;
    if (isNormed(node.name)) continue;
    const name = `${node.name}_scale`;
    scales.set(node.name, { name, op: "layerScale", inputs: [node.name], attributes: { initialValue: 1 } });
  }
  const behind = (name: string): string => scales.get(name)?.name ?? name;
  const nodes = graph.nodes.flatMap((node): readonly GraphNode[] => {
    const own = { ...node, inputs: node.inputs.map(behind) } as unknown as GraphNode;
    const scale = scales.get(node.name);
    return scale === undefined ? [own] : [own, scale];
  });
  const { outputs } = graph;
  const named = outputs === undefined ? {} : { outputs: outputs.map(behind) };
  return { ...graph, nodes, output: behind(graph.output), ...named };
}
