/**
 * The common part of the explanations of trainer and session. It names the kernel of a product. It also names obstacles
 * that keep a layer or a machine from the fast path, with their remedies.
 */
import type { GraphNode } from "./nn/graph.ts";
import { convGeometry, hasKernel, isProduct } from "./nn/nodes.ts";
import {
  activationsAreBits,
  activationsAreElastic,
  groupsOfProduct,
  operandsOf,
  type Product,
  quantizedOperands,
  readsElastic,
  weightsAreBits,
} from "./nn/operands.ts";
import type { Operand } from "./nn/ops/op.ts";
import type { Shape } from "./nn/shapes.ts";
import { FEWEST_PIXELS, hasAdjoint, suitsSigns, windowShape } from "./program/conv-shape.ts";
import { type KernelCall, type KernelName, productOf } from "./program/named-call.ts";
import type { Quantizer } from "./quantizers/quantizer.ts";
import { elasticValues, endsAsSigns } from "./quantizers/weight-quantizers.ts";
import type { Variant } from "./runtime/variants.ts";
import { wrapped } from "./show/table.ts";

/** The kernel of one product of a layer. */
export interface Work {
  readonly product: Product;
  readonly kernel: KernelName;
  /** Elements of the result that the kernel works on at a time, "rows x columns". */
  readonly tile: string;
}

/** A reason why something is slower than it could be, and the change that helps. */
export interface Obstacle {
  readonly reason: string;
  readonly remedy: string;
}

/** The product that a call to `kernel` does; null where it does none. */
export function workOf(kernel: KernelName): Work | null {
  const found = productOf(kernel);
  return found === null ? null : { product: found.operands, kernel, tile: found.tile };
}

/** A part of a layer that has several, and the kernel that calculates it, alone or with others. */
export interface LayerPart {
  readonly part: string;
  readonly kernel: KernelName;
  /** Null for a part that multiplies nothing. */
  readonly product: Product | null;
}

/** The parts that the calls of a layer name, in the order of the calls. */
export function partsOf(calls: readonly KernelCall<unknown>[]): readonly LayerPart[] {
  const parts = new Map<string, LayerPart>();
  for (const { roles = {}, kernel } of calls) {
    for (const [part, product] of Object.entries(roles)) {
      if (!parts.has(part)) parts.set(part, { part, kernel, product });
    }
  }
  return [...parts.values()];
}

/** Operands that are real by choice, so that the product is not on bits. `input` is the shape of what the layer reads. */
export function realOperandObstacles(node: GraphNode, input: Shape): readonly Obstacle[] {
  const operands = operandsOf(node);
  const missing = operands.filter(({ quantizer }) => quantizer === null);
  const quantized = [
    ...(hasKernel(node) ? quantizedRealObstacles(node.attributes.weightQuantizer) : []),
    ...operands.flatMap((own) => (own.operand === "activation" ? levelObstacles(node, own) : [])),
    ...singleChannelObstacles(node),
    ...windowObstacles(node, input),
  ];
  if (missing.length === 0) return quantized;
  const options = missing.map(({ option }) => option).join(" and ");
  const reason = `real ${missing.map(({ plural }) => plural).join(" and ")}`;
  const remedy = `Give the layer ${options}, where accuracy allows it.`;
  return [{ reason, remedy }, ...quantized];
}

/** Operands that end as signs in a layer without products over bits. */
function singleChannelObstacles(node: GraphNode): readonly Obstacle[] {
  if (!hasKernel(node) || isProduct(node) || !quantizedOperands(node).some(({ quantizer }) => endsAsSigns(quantizer)))
    return [];
  const reason = "a filter reads one channel, too few for a product over bits: operands of +-1 are multiplied as reals";
  return [{ reason, remedy: "Take conv2d in its place, where its weights and its work are affordable." }];
}

/** Windows over real activations that tables of these do not serve. */
function windowObstacles(node: GraphNode, input: Shape): readonly Obstacle[] {
  if (node.op !== "conv2d" || !weightsAreBits(node) || activationsAreBits(node)) return [];
  const shape = windowShape(1, convGeometry(node, input));
  if (suitsSigns(shape, 1)) return [];
  const real = "weights of +-1 are multiplied as reals where";
  return hasAdjoint(shape)
    ? [
        {
          reason: `${real} rows of real activations have fewer than ${FEWEST_PIXELS} pixels`,
          remedy: "Give the layer wider images, or activationQuantizer, where accuracy allows it.",
        },
      ]
    : [
        {
          reason: `${real} windows of real activations have strides or a border of ones`,
          remedy: "Let a pooling layer take the strides, where accuracy allows it, and pad with zeros.",
        },
      ];
}

/** Weights that are quantized, and still no bits. */
function quantizedRealObstacles(weightQuantizer: Quantizer | null): readonly Obstacle[] {
  if (weightQuantizer === null) return [];
  const { name, hard, standardize } = weightQuantizer;
  const remedy = "Take a quantizer whose weights end as signs, such as bnn++ or xnor.";
  if (hard === "levels") return [{ reason: `the weights of "${name}" are levels: a product of reals`, remedy }];
  if (standardize !== "adabin") return [];
  return [{ reason: `the weights of "${name}" are two values of each filter: a product of reals`, remedy }];
}

/** Activations that are no bits to the end: on levels, or of two values where the layer has no products over such. */
function levelObstacles(node: GraphNode, { quantizer, plural }: Operand): readonly Obstacle[] {
  if (quantizer?.hard !== "levels" || (isProduct(node) && activationsAreElastic(node))) return [];
  const values = elasticValues(quantizer);
  if (values === "signs" && readsElastic(node)) return [];
  if (values !== null) {
    const reason = `the ${plural} of "${quantizer.name}" are two values that this layer multiplies as reals`;
    const weights = values === "signs" ? "" : "weights that are signs from the first step on, such as xnor, ";
    const remedy = isProduct(node)
      ? `Give the layer ${weights}one group, and zeros around its images.`
      : "Take a quantizer that ends as signs, such as poly, where accuracy allows it.";
    return [{ reason, remedy }];
  }
  const reason = `the ${plural} of "${quantizer.name}" are levels: a product of reals`;
  return [{ reason, remedy: "Take a quantizer of one bit, such as poly, where accuracy allows it." }];
}

/** Sums in 8 bits have a given order, and no layer behind them can be fused. */
export function accumulatorObstacles(node: GraphNode, work: Work | null): readonly Obstacle[] {
  if (work?.product !== "bb" || !("accumulator" in node.attributes) || node.attributes.accumulator === null) return [];
  const reason =
    "sums are kept in 8 bits after every four products, which takes a slower kernel and fuses nothing behind it";
  return [{ reason, remedy: "Leave the layer's accumulator out, unless its numbers are what is wanted." }];
}

/** Groups read copies of their channels, and nothing is fused with them. */
export function groupObstacles(node: GraphNode): readonly Obstacle[] {
  if (!isProduct(node) || groupsOfProduct(node) === 1) return [];
  const reason =
    `its ${groupsOfProduct(node)} groups are products of their own over copies of their channels, which takes a pass ` +
    "over input and sums, and fuses nothing";
  return [{ reason, remedy: "Take fewer groups, or depthwiseConv2d where a group is one channel." }];
}

/** Channels that the kernel's smallest unit of bits holds, where `channels` do not fill the last one. */
export function channelObstacles({ kernel }: Work, channels: number, groups: number): readonly Obstacle[] {
  const unit = productOf(kernel)?.channels ?? 1;
  const own = channels / groups;
  if (own % unit === 0) return [];
  const read = groups === 1 ? `${own} input channels` : `${own} input channels of a group`;
  const reason = `${read} are not a multiple of ${unit}: the last ${own % unit} cost as much as ${unit}`;
  return [{ reason, remedy: `Give the layer before it ${groups * unit * Math.ceil(own / unit)} filters.` }];
}

/** The obstacles of this build of the core. `wantsThreads` says that worker threads would be used. */
export function machineObstacles(variant: Variant, wantsThreads: boolean): readonly Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (!variant.startsWith("relaxed")) {
    obstacles.push({
      reason: "relaxed SIMD is not in use: the look-up kernel runs about half as fast",
      remedy: "Use Node 22.18 or newer or a current browser, and leave the variant to detection.",
    });
  }
  if (wantsThreads && !variant.endsWith("-shared")) {
    obstacles.push({
      reason: "memory is not shared: one worker does all the work",
      remedy:
        "Leave the variant to detection; serve a page with Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp.",
    });
  }
  return obstacles;
}

/** Obstacles as lines of text, those of several layers once: "layers: reason", and the remedy under it. */
export function formatObstacles(
  layers: readonly { readonly node: string; readonly obstacles: readonly Obstacle[] }[],
  machine: readonly Obstacle[],
): readonly string[] {
  const places = new Map<string, { readonly obstacle: Obstacle; readonly nodes: string[] }>();
  for (const obstacle of machine) places.set(obstacle.reason, { obstacle, nodes: [] });
  for (const { node, obstacles } of layers) {
    for (const obstacle of obstacles) {
      const found = places.get(obstacle.reason) ?? { obstacle, nodes: [] };
      found.nodes.push(node);
      places.set(obstacle.reason, found);
    }
  }
  return [...places.values()].flatMap(({ obstacle, nodes }) => [
    wrapped(nodes.length === 0 ? obstacle.reason : `${nodes.join(", ")}: ${obstacle.reason}`, "  "),
    wrapped(obstacle.remedy, "    → ", "      "),
  ]);
}
