/** The gradients at a layer's kernel and bias: the lanes' shares of them, and the places of their sums. */
import { parameterName } from "../../../nn/network.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import { at, type Place } from "../../../program/place.ts";
import type { GradientSource, Lane, PlanContext, QuantizerSite } from "../../plan/context.ts";
import { backwardOf } from "../../plan/quantize.ts";
import type { AtWeights, DerivedWeights } from "./derived-weights.ts";
import { planDirection } from "./direction.ts";
import type { ProductSetting, SharePlan } from "./operands.ts";

/** Plans the gradients of `node`, whose latent weights `derived` is made of. */
export function planShares(node: ProductSetting, derived: DerivedWeights | null, context: PlanContext): SharePlan {
  const { weight, bias } = node;
  const [rows, filters] = node.matrix;
  const areWanted = context.parameters.isTrained({ name: node.owner }, "kernel");
  const size = areWanted ? rows * filters : 0;
  const direction = areWanted ? planDirection(node, context) : null;
  const kernel = planShare(size, context);
  const biasShare = planShare(bias === null || !areWanted ? 0 : filters, context);
  const quantized =
    derived === null || weight === null
      ? {}
      : { quantized: { ...derived, site: weight, summed: context.memory.allocate(4 * size) } };
  const { partials, ...own } = sourceOf(node, "kernel", kernel);
  const gradients: GradientSource[] = [];
  const through = derived?.latent ?? null;
  if (areWanted && derived !== null && weight !== null && through !== null) {
    gradients.push({
      ...own,
      whole: wholeGradient(node, weight, derived, partials, context, ({ dw }) => through(dw, own.gradient)),
    });
  } else {
    const made = direction === null ? { partials, ...quantized } : { jobs: direction.jobs(own.gradient) };
    gradients.push({ ...own, ...made });
  }
  if (bias !== null) gradients.push(sourceOf(node, "bias", biasShare));
  if (areWanted && derived !== null && weight !== null) {
    gradients.push(...learnedSources(node, weight, derived, partials, context));
  }
  return { areWanted, direction, kernel: kernel.of, bias: biasShare.of, gradients };
}

/** The gradients at the tensors that the quantizer learns: one at the weights that its maps read, turned into that at the tensor. */
function learnedSources(
  node: ProductSetting,
  site: QuantizerSite,
  derived: DerivedWeights,
  partials: Share["partials"],
  context: PlanContext,
): readonly GradientSource[] {
  return derived.learned.map((learned) => {
    const gradient = context.memory.allocate(4 * learned.count);
    const whole = wholeGradient(node, site, derived, partials, context, (at) => learned.gradient(at, gradient));
    return { parameter: parameterName({ name: node.owner }, learned.key), gradient, whole };
  });
}

/** The calls that leave the gradient at the weights that the maps read, and behind them those that `use` it. */
function wholeGradient(
  { matrix: [rows, filters] }: ProductSetting,
  site: QuantizerSite,
  { source, parameters }: DerivedWeights,
  { address, stride }: Share["partials"],
  { memory, lanes }: PlanContext,
  use: (from: AtWeights) => readonly KernelCall[],
): readonly KernelCall[] {
  const count = rows * filters;
  const [summed, dw] = [memory.allocate(4 * count), memory.allocate(4 * count)];
  return [
    k.sumLanes({ partials: address, lanes: lanes.length, stride, count, out: summed }),
    k.quantizeBackward({ ...backwardOf(site, parameters), x: source, dy: summed, accumulate: false, dx: dw, count }),
    ...use({ summed, dw }),
  ];
}

interface Share {
  readonly gradient: Place;
  readonly partials: { readonly address: Place; readonly stride: number };
  readonly of: (lane: Lane) => Place;
}

function planShare(size: number, { memory, lanes }: PlanContext): Share {
  const stride = Math.ceil(size / 4) * 4;
  const address = memory.allocate(4 * stride * lanes.length);
  return {
    gradient: memory.allocate(4 * size),
    partials: { address, stride },
    of: ({ index }) => at(address, 4 * stride * index),
  };
}

const sourceOf = (node: ProductSetting, key: string, { gradient, partials }: Share) => ({
  parameter: parameterName({ name: node.owner }, key),
  gradient,
  partials,
});
