/** The numbers that a layer learns for the quantizer of an operand. Every lane leaves its share of their gradients. */
import { type KernelCall, k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import { forwardMapNumbers } from "../../quantizers/maps.ts";
import type { GradientSource, Lane, PlanContext, QuantizerSite } from "../plan/context.ts";

export interface LearnedNumbers {
  /** The call that leaves a lane's shares, out of the gradient `dy` at the quantized values of `x`. */
  readonly share: (lane: Lane, given: { readonly x: Place; readonly dy: Place; readonly count: number }) => KernelCall;
  readonly gradients: readonly GradientSource[];
}

/** Plans the numbers of `site`; null where it has none, or its layer is frozen. */
export function planLearnedNumbers(
  { learned, quantizer, parameters }: QuantizerSite,
  context: Pick<PlanContext, "memory" | "lanes" | "parameters">,
): LearnedNumbers | null {
  const { tensors } = context.parameters.layout;
  if (learned.length === 0 || learned.every((name) => (tensors.get(name)?.optimizer ?? null) === null)) return null;
  const count = learned.length;
  const shares = context.memory.allocate(4 * count * context.lanes.length);
  return {
    share: ({ index }, given) => {
      const out = at(shares, 4 * count * index);
      return k.elasticGradients({ ...given, map: forwardMapNumbers[quantizer.forward], parameters, out });
    },
    gradients: learned.map((parameter, i) => ({
      parameter,
      gradient: context.memory.allocate(4),
      partials: { address: at(shares, 4 * i), stride: count },
    })),
  };
}
