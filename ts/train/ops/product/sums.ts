/** The way of a layer's sums to its value: they are multiplied by the scale of their filter, then the bias is added. */
import { outputPixels } from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import type { Lane, PlanContext } from "../../context.ts";
import type { ProductSetting, SumPlan } from "./operands.ts";

/** Plans the sums of `node`; `alpha` is the scale of every filter, f32 [n], or null where they have none. */
export function planSums(node: ProductSetting, alpha: Place | null, context: PlanContext): SumPlan {
  const { bias, activation } = node;
  const { filters } = node.shape(context.lanes[0] as Lane);
  const filled = (value: number): Place => context.memory.constant(new Float32Array(filters).fill(value));
  const scale = alpha === null ? null : { alpha, zeros: filled(0) };
  // Products over bits add no bias themselves, so a pass with a scale of 1 does.
  const factors = alpha === null && bias !== null && activation !== null ? filled(1) : alpha;
  const shifts = bias ?? scale?.zeros ?? null;
  const fold = factors === null || shifts === null ? null : { scale: factors, shift: shifts };
  const raw = context.memory.declare((lane) => (fold === null ? 0 : 4 * outputPixels(node.shape(lane)) * filters));
  return { scale, fold, place: (lane) => (fold === null ? context.value(node.name, lane) : raw(lane)) };
}
