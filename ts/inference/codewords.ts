/**
 * Layers whose 3x3 kernels are at most 16 different ones, as PSTE trains them. A look-up of codewords runs them, which is faster
 * where there are many filters (docs/methods.md), and leaves the same bits.
 */
import { holdsFewKernels } from "../io/codewords.ts";
import type { PackedModel } from "../io/model-reader.ts";
import { isProduct } from "../nn/nodes.ts";
import { groupsOfProduct } from "../nn/operands.ts";
import { packedParametersOf } from "../nn/parameters.ts";
import { hasNineTaps, kernelMatrix } from "../nn/shapes.ts";
import { formOf } from "./forms.ts";

/** Codewords of a look-up. */
const MOST_CODEWORDS = 16;
/** Channels that the kernel takes, in whole groups of four. */
const [FEWEST_CHANNELS, MOST_CHANNELS] = [64, 2048] as const;
/** With 64 filters what is done for each pixel costs all that look-ups save. */
const FEWEST_FILTERS = 65;

const known = new WeakMap<PackedModel, ReadonlySet<string>>();

/** The names of these layers. */
export function codewordLayersOf(model: PackedModel): ReadonlySet<string> {
  const layers = known.get(model) ?? new Set(findLayers(model));
  known.set(model, layers);
  return layers;
}

function findLayers({ graph, parameters }: PackedModel): readonly string[] {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  return packedParametersOf(graph).flatMap((parameter) => {
    const { role, shape, name } = parameter;
    const node = nodes.get(parameter.node);
    if (role !== "latent" || !hasNineTaps(shape) || node === undefined) return [];
    if (!isProduct(node) || formOf(node) !== "exact") return [];
    const [, , channels = 0, filters = 0] = shape;
    if (channels < FEWEST_CHANNELS || channels > MOST_CHANNELS || channels % 4 > 0) return [];
    if (filters / groupsOfProduct(node) < FEWEST_FILTERS) return [];
    const isFew = holdsFewKernels(parameters.get(name) as Uint8Array, kernelMatrix(parameter), MOST_CODEWORDS);
    return isFew ? [node.name] : [];
  });
}
