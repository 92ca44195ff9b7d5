/** The way of a layer's sums to its value: they are multiplied by the scale of their filter, then the bias is added. */
import { type KernelCall, k } from "../../../program/call.ts";
import { outputPixels } from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import { forwardMapNumbers } from "../../../quantizers/map-names.ts";
import type { PlanContext } from "../../plan/context.ts";
import type { ProductSetting, SumPlan } from "./operands.ts";

/** The way out of a product's kernel. */
interface SumsGiven {
  /** The scale of every filter, f32 [n]; null where they have none. */
  readonly alpha: Place | null;
  /** The same with the factor that the activations bring; as `alpha` where absent. */
  readonly whole?: Place | null;
  /** True where the kernel adds the bias itself to sums without a scale. */
  readonly addsBias: boolean;
}

/** Larger than any offset, so that an elastic map takes it to alpha. */
const LARGE = 3e38;

/**
 * The scale of `alpha`, f32 [n] or null, times the factor that elastic activations bring, and the calls that make it. Sums over
 * levels are twice those over bits, so that their factor is half of alpha.
 */
export function planFactor(
  { elastic, matrix: [, n] }: ProductSetting,
  alpha: Place | null,
  { memory }: PlanContext,
): { readonly whole: Place | null; readonly calls: readonly KernelCall[] } {
  if (elastic === null) return { whole: alpha, calls: [] };
  const [size, half] = [memory.allocate(4 * n), memory.allocate(4 * n)];
  const maps = { proximal: forwardMapNumbers.identity, map: forwardMapNumbers.elasticSign, table: null };
  const filled = (value: number): Place => memory.constant(new Float32Array(n).fill(value));
  const { parameters } = elastic.site;
  const calls: KernelCall[] = [k.quantizeForward({ ...maps, parameters, x: filled(LARGE), y: size, count: n })];
  const factors = elastic.values === "levels" ? half : size;
  if (factors === half) calls.push(k.multiplyForward({ a: size, b: filled(0.5), y: half, count: n }));
  if (alpha === null) return { whole: factors, calls };
  const whole = memory.allocate(4 * n);
  calls.push(k.multiplyForward({ a: alpha, b: factors, y: whole, count: n }));
  return { whole, calls };
}

/** Plans the sums of `node`. */
export function planSums(node: ProductSetting, given: SumsGiven, context: PlanContext): SumPlan {
  const { alpha: ofWeights, whole: alpha = ofWeights, addsBias } = given;
  const { bias } = node;
  const [, filters] = node.matrix;
  const filled = (value: number): Place => context.memory.constant(new Float32Array(filters).fill(value));
  const scaleOf = (own: Place | null): SumPlan["scale"] => (own === null ? null : { alpha: own, zeros: filled(0) });
  const scale = scaleOf(alpha);
  // A bias that the kernel does not add takes a pass with a scale of 1.
  const factors = alpha === null && bias !== null && !addsBias ? filled(1) : alpha;
  const shifts = bias ?? scale?.zeros ?? null;
  const fold = factors === null || shifts === null ? null : { scale: factors, shift: shifts };
  const raw = context.memory.declare((lane) => (fold === null ? 0 : 4 * outputPixels(node.shape(lane)) * filters));
  return {
    scale,
    ofWeights: alpha === ofWeights ? scale : scaleOf(ofWeights),
    fold,
    place: (lane) => (fold === null ? context.value(node.name, lane) : raw(lane)),
  };
}
