/**
 * Convolutions and dense layers in the trainer. A dense layer is a convolution over one image whose width is the rows of
 * the lane, so both are planned here.
 *
 * Which product runs follows from the operands. Activations are +-1 where their quantizer is hard, weights likewise:
 *
 * | activations  | weights      | forward          | filter gradient | input gradient             |
 * |--------------|--------------|------------------|-----------------|----------------------------|
 * | +-1          | +-1          | `bb` look-up     | `fb`            | `fb` over the signs        |
 * | +-1          | real or soft | `fb`             | `fb`            | `ff`, effective weights    |
 * | real or soft | +-1          | `fb` over signs  | `ff`            | `fb` over the signs        |
 * | real or soft | real or soft | `ff`             | `ff`            | `ff`, effective weights    |
 *
 * Real activations and weights of +-1 make `ff` forward where tables do not serve their windows (`suitsSigns`).
 *
 * The effective weights are F(w), or F(w') where the quantizer standardises; AdaBin's and levels are real throughout. With
 * `products: "ff"` the last row holds for every layer, over F(x) and F(w). A scale multiplies the sums on the way out, and on
 * the way back the gradient at them, once for both products.
 *
 * Activations of two learned values are signs behind `elastic`, and their alpha is one more factor of the sums
 * (`behind-learned.ts`).
 *
 * A convolution in groups is such a product for each of them (`groups.ts`).
 *
 * A layer with an accumulator of 8 bits takes another kernel in place of `bb`, whatever `products` says, for its sums are
 * others. Its way back is that of exact sums.
 */
import type { ProductNode } from "../../../nn/nodes.ts";
import type { ConvShape } from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import type { Lane, LayerPlan, PlanContext } from "../../plan/context.ts";
import { backwardOf } from "./backward.ts";
import { forwardOf } from "./forward.ts";
import { planShares } from "./gradients.ts";
import { planKernel, planWeights } from "./kernel.ts";
import { type ElasticBits, type LaneBuffers, operandsOf, type ProductPlan, planLanes, settingOf } from "./operands.ts";
import { planFactor, planSums } from "./sums.ts";

/** Plans `node`, whose geometry in a lane is `shape`. */
export function planProduct(
  node: ProductNode,
  shape: (lane: Lane) => ConvShape,
  context: PlanContext,
  elastic: ElasticBits | null = null,
): LayerPlan {
  const setting = settingOf(node, shape, context, elastic);
  const operands = operandsOf(setting, context);
  const lanes = planLanes(setting, context);
  const kernel = planKernel(setting, planWeights(setting, context), operands, lanes, context);
  // Products over bits add no bias.
  const alpha = kernel.derived?.scale ?? null;
  const factor = planFactor(setting, alpha, context);
  const given = { alpha, whole: factor.whole, addsBias: setting.activation === null };
  const sums = planSums(setting, given, context);
  const shares = planShares(setting, kernel.derived, context);
  const plan: ProductPlan = { node: setting, context, lanes, operands, kernel, sums, shares };
  return {
    prepare: (mode) => [[...kernel.prepare(mode), ...factor.calls]],
    forward: forwardOf(plan),
    backward: backwardOf(plan),
    gradients: shares.gradients,
    readsGradientLater: true,
    signs: (mode, lane) => {
      const { descriptor, bits } = lanes[lane.index] as LaneBuffers;
      return operands(mode).activations ? { next: descriptor, nextBits: bits as Place } : null;
    },
  };
}
