/** The way of a layer's sums to its value: they are multiplied by the scale of their filter, then the bias is added. */
import { outputPixels } from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import type { PlanContext } from "../../plan/context.ts";
import type { ProductSetting, SumPlan } from "./operands.ts";

/** The way out of a product's kernel. */
interface SumsGiven {
  /** The scale of every filter, f32 [n]; null where they have none. */
  readonly alpha: Place | null;
  /** True where the kernel adds the bias itself to sums without a scale. */
  readonly addsBias: boolean;
}

/** Plans the sums of `node`. */
export function planSums(node: ProductSetting, { alpha, addsBias }: SumsGiven, context: PlanContext): SumPlan {
  const { bias } = node;
  const [, filters] = node.matrix;
  const filled = (value: number): Place => context.memory.constant(new Float32Array(filters).fill(value));
  const scale = alpha === null ? null : { alpha, zeros: filled(0) };
  // A bias that the kernel does not add takes a pass with a scale of 1.
  const factors = alpha === null && bias !== null && !addsBias ? filled(1) : alpha;
  const shifts = bias ?? scale?.zeros ?? null;
  const fold = factors === null || shifts === null ? null : { scale: factors, shift: shifts };
  const raw = context.memory.declare((lane) => (fold === null ? 0 : 4 * outputPixels(node.shape(lane)) * filters));
  return { scale, fold, place: (lane) => (fold === null ? context.value(node.name, lane) : raw(lane)) };
}
