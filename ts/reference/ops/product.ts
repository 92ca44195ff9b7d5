/**
 * A convolution and a dense layer have this in common: quantized operands, sums that may be kept in 8 bits, a scale of
 * each filter, a bias.
 */
import { isProduct, type KernelNode } from "../../nn/nodes.ts";
import { activationsAreElastic } from "../../nn/operands.ts";
import type { OpsThat } from "../../nn/ops/index.ts";
import { accumulated } from "../accumulated.ts";
import { sizeOf } from "../maps/elastic.ts";
import { exactly, momentOf, type Near, near, type QuantizerMoment, quantize, quantized } from "../maps.ts";
import { nearScale, nearWeights, scaledSums, weightsInUse } from "../quantized-weights.ts";
import { UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { momentAt } from "./learned-operand.ts";
import { oncePer } from "./once.ts";
import type { Applied, Pass, Site } from "./op.ts";

/** A product with its operands. */
export type AppliedProduct = Applied<OpsThat<"kernel">>;

/** The product alone, without quantizers, scale and bias. */
export interface Sums {
  /** Linear in both operands; `border` stands around images in place of the node's own number. */
  readonly multiply: (x: Tensor, kernel: Tensor, border?: number) => Tensor;
  /** `[..., channels]`, what each tap of the product reads. */
  readonly taps: (x: Tensor) => readonly Tensor[];
  /** Groups of channels and filters; 1 where absent. */
  readonly groups?: number;
  /** False where the backend has no gradient at the kernel; true where absent. */
  readonly hasKernelGradient?: boolean;
  /** Products that one sum adds up: forward, and for the gradient at an element of the input at most. */
  readonly terms: { readonly forward: number; readonly input: number };
}

/** The maps that act on the operands; null for an operand that stays real. */
function mapsOf(
  { attributes }: KernelNode,
  pass: Pass,
): { readonly weight: QuantizerMoment | null; readonly activation: QuantizerMoment | null } {
  const { weightQuantizer, activationQuantizer } = attributes;
  const hard = pass.kind === "evaluate";
  return {
    weight: weightQuantizer === null ? null : momentOf(weightQuantizer, pass.progress, hard),
    activation: activationQuantizer === null ? null : momentOf(activationQuantizer, pass.progress, hard),
  };
}

/** The same with the numbers that the layer learns. */
const learnedMapsOf = (node: KernelNode, site: Site): ReturnType<typeof mapsOf> => ({
  weight: momentAt(node, "kernel", site),
  activation: momentAt(node, 0, site),
});

/** The value of a product. */
export function productValue(
  { tf, node, inputs: [x], site }: AppliedProduct,
  { multiply, taps, groups }: Sums,
): Tensor {
  const { weight, activation } = learnedMapsOf(node, site);
  const { weightQuantizer, useBias } = node.attributes;
  const accumulator = "accumulator" in node.attributes ? node.attributes.accumulator : null;
  const [latent, packed] = [site.parameter("kernel"), site.packed ?? null];
  const kernel = weightsInUse(tf, weightQuantizer, weight, latent, packed);
  const operand = quantize(tf, activation, x);
  const exact = multiply(operand, kernel);
  const isSigned = weight?.hard === true && activation?.hard === true;
  const isNarrow = accumulator !== null && isSigned;
  const raw = isNarrow ? accumulated(tf, { exact, taps: () => taps(operand), kernel, groups }, accumulator) : exact;
  const sums = scaledSums(tf, weightQuantizer, raw, latent, packed);
  return useBias ? tf.add(sums, site.parameter("bias")) : sums;
}

/** The operands as they are multiplied. */
export interface NearOperands {
  readonly activation: QuantizerMoment | null;
  readonly weight: QuantizerMoment | null;
  readonly x: Near;
  readonly kernel: Near;
  /** The factor of the gradient on its way to the latent weights, or null. */
  readonly slope: Near | null;
  /** The scale of each filter's sums, or null. */
  readonly scale: Near | null;
  /** The size of activations that are multiplied as signs, a factor of that scale; null for all others. */
  readonly size: Tensor | null;
  /** True for an operand that is not the same on both sides. */
  readonly soft: { readonly x: boolean; readonly kernel: boolean };
  /** The number around images whose magnitude counts in a bound; the node's own where undefined. */
  readonly border: number | undefined;
  /** Roundings a term. */
  readonly rounded: number;
}

/** The activations: signs where their `size` is a factor of the sums. */
function operandOf(tf: TensorFlow, activation: QuantizerMoment, size: Tensor | null, x: Tensor): Near {
  const own = quantized(tf, activation, x);
  return size === null ? own : exactly(tf, tf.sign(own.value));
}

/** The factor of the sums: the scale of the weights, the size of the activations, or both. */
function scaleOf(tf: TensorFlow, scale: Near | null, size: Tensor | null): Near | null {
  if (size === null) return scale;
  if (scale === null) return exactly(tf, size);
  const value = tf.mul(scale.value, size);
  return near(value, () => tf.add(tf.mul(scale.distance, size), tf.mul(value, 2 * UNIT)));
}

export const nearOperands = oncePer(({ tf, node, inputs: [x], site }: AppliedProduct): NearOperands => {
  const { weight, activation } = learnedMapsOf(node, site);
  const { weightQuantizer } = node.attributes;
  const size = isProduct(node) && activationsAreElastic(node) ? sizeOf(tf, activation as QuantizerMoment) : null;
  const [latent, packed] = [site.parameter("kernel"), site.packed ?? null];
  const { kernel, slope } = nearWeights(tf, weightQuantizer, weight, latent, packed);
  const standardizes = weightQuantizer !== null && weightQuantizer.standardize !== "none";
  return {
    ...{ activation, weight },
    x: activation === null ? exactly(tf, x) : operandOf(tf, activation, size, x),
    kernel,
    slope,
    scale: scaleOf(tf, nearScale(tf, weightQuantizer, latent, packed), size),
    size,
    soft: {
      x: activation !== null && !activation.hard,
      kernel: standardizes || (weight !== null && !weight.hard),
    },
    // Our product of signs and reals adds a border of zeros as -1 and gives it back: so many more terms are rounded.
    ...(activation?.hard === true || size !== null ? { border: 1, rounded: 2 } : { border: undefined, rounded: 1 }),
  };
});

/** True where both operands are +-1, so that sums are whole numbers before a scale and a bias. */
export function isBinary(node: KernelNode, pass: Pass): boolean {
  if (node.attributes.weightQuantizer?.standardize === "adabin") return false;
  const { weight, activation } = mapsOf(node, pass);
  return weight?.hard === true && activation?.hard === true;
}

/** True where sums are whole numbers on their way out too. */
export function isExactProduct(node: KernelNode, pass: Pass): boolean {
  const { useBias, weightQuantizer } = node.attributes;
  return isBinary(node, pass) && !useBias && (weightQuantizer?.scale ?? "none") === "none";
}
