/** A convolution or dense layer in the trainer: its operands, and where they lie in every lane. */
import type { Accumulator } from "../../../nn/graph.ts";
import { parameterName } from "../../../nn/network.ts";
import type { KernelNode } from "../../../nn/nodes.ts";
import { kernelMatrix } from "../../../nn/shapes.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import { isUnpadded, suitsSigns } from "../../../program/conv-shape.ts";
import { type ConvShape, groups, paddedPixels } from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import { endsAsSigns } from "../../../quantizers/weight-quantizers.ts";
import type { GradientSource, Lane, Mode, PlanContext, QuantizerSite } from "../../plan/context.ts";
import type { TrainedTensor } from "../../plan/layout.ts";
import { forwardOf } from "../../plan/quantize.ts";
import type { DerivedWeights } from "./derived-weights.ts";

/** What a layer asks for. */
export interface ProductSetting {
  readonly name: string;
  /** The node that its parameters are named after: itself, or the one that it shares them with. */
  readonly owner: string;
  readonly input: string;
  /** K and n. */
  readonly matrix: readonly [number, number];
  /** The kernel, f32 [K][n], and the bias, f32 [n]; null for none. */
  readonly kernel: Place;
  readonly bias: Place | null;
  readonly weight: QuantizerSite | null;
  readonly activation: QuantizerSite | null;
  readonly accumulator: Accumulator | null;
  /** Activations of two learned values that are multiplied as bits; null for most layers. */
  readonly elastic: ElasticBits | null;
  /** The geometry of one lane. */
  readonly shape: (lane: Lane) => ConvShape;
}

/** Activations of two learned values, which are multiplied as bits. */
export interface ElasticBits {
  readonly site: QuantizerSite;
  readonly values: "signs" | "levels";
  /** The values themselves, `[images][..]`, as training keeps them: levels are read by the filters' gradient. */
  readonly real: (lane: Lane) => Place;
}

/** Whether the operands of the products are +-1 and travel as bits. */
export interface Operands {
  readonly activations: boolean;
  readonly weights: boolean;
}

/** Buffers of one lane. */
export interface LaneBuffers {
  readonly lane: Lane;
  readonly shape: ConvShape;
  readonly descriptor: Place;
  /** Activations as nibbles, in the padded buffer; null where they are never +-1. */
  readonly bits: Place | null;
  /** Quantized activations before padding, and the padded real input; empty where not needed. */
  readonly quantized: Place;
  readonly padded: Place;
}

/** The kernel in all its forms (`kernel.ts`). */
export interface KernelPlan {
  /** What is taken from the latent weights; null where no quantizer acts on them. */
  readonly derived: DerivedWeights | null;
  /** The weights of real products, f32 [K][n], and the same in panels. */
  readonly effective: Place;
  readonly panels: Place;
  /** The signs of the weights as a forward product with real activations reads them; null where none ever does. */
  readonly forwardSigns: Place | null;
  /** The weights of products over bits, and the rows that exact sums start from. */
  readonly signs: Place;
  readonly starts: Place;
  /** Weights as the way back reads them: panels of the transposed kernel, or its signs. */
  readonly panelsTransposed: Place;
  readonly inputSigns: Place | null;
  /** The calls that make those forms that a step in this mode reads. */
  readonly prepare: (mode: Mode) => readonly KernelCall[];
}

/** The sums on their way out (`sums.ts`). */
export interface SumPlan {
  /** alpha of every filter and as many zeros, f32 [n] each; null where sums have no scale. */
  readonly scale: { readonly alpha: Place; readonly zeros: Place } | null;
  /** A factor and a bias for every filter, f32 [n] each; null where the sums are the value. */
  readonly fold: { readonly scale: Place; readonly shift: Place } | null;
  /** The scale of the weights alone, without a factor that the activations bring: the way back to these multiplies by it. */
  readonly ofWeights: SumPlan["scale"];
  /** The place of a lane's sums: that of the value where nothing is to be done with them. */
  readonly place: (lane: Lane) => Place;
}

/** The search for a direction of signs in place of a kernel's gradient (`direction.ts`). */
export interface DirectionPlan {
  /** The calls that leave a lane's share of the batch, out of its input and the gradient at its output. */
  readonly gather: (lane: Lane, x: Place, dy: Place) => readonly KernelCall[];
  /** The jobs that leave the direction, negative, where a gradient stands. */
  readonly jobs: (gradient: Place) => readonly (readonly KernelCall[])[];
}

/** The lanes' shares of the gradients at kernel and bias (`gradients.ts`). */
export interface SharePlan {
  /** False for a frozen layer, whose shares nobody adds up. */
  readonly areWanted: boolean;
  /** The search that is made in place of the kernel's gradient; null where there is none. */
  readonly direction: DirectionPlan | null;
  readonly kernel: (lane: Lane) => Place;
  readonly bias: (lane: Lane) => Place;
  readonly gradients: readonly GradientSource[];
}

/** Both directions of the layer read this. */
export interface ProductPlan {
  readonly node: ProductSetting;
  readonly context: PlanContext;
  readonly lanes: readonly LaneBuffers[];
  readonly operands: (mode: Mode) => Operands;
  readonly kernel: KernelPlan;
  readonly sums: SumPlan;
  readonly shares: SharePlan;
}

/** Reads the setting of a layer off its node. */
export function settingOf(
  node: KernelNode,
  shape: (lane: Lane) => ConvShape,
  { live, parameters }: PlanContext,
  elastic: ElasticBits | null = null,
): ProductSetting {
  const { name, inputs, attributes, shares = name } = node;
  return {
    name,
    owner: shares,
    input: inputs[0],
    matrix: kernelMatrix((parameters.layout.tensors.get(parameterName(node, "kernel")) as TrainedTensor).parameter),
    kernel: parameters.of(node, "kernel"),
    bias: attributes.useBias ? parameters.of(node, "bias") : null,
    weight: live.site(name, "kernel"),
    activation: live.site(name, 0),
    accumulator: "accumulator" in attributes ? attributes.accumulator : null,
    elastic,
    shape,
  };
}

/** Whether the operand at a site is +-1 and travels as bits: in this mode, or, without one, ever. */
export function isBits(
  site: QuantizerSite | null,
  node: ProductSetting,
  { products }: PlanContext,
  mode?: Mode,
): boolean {
  if (site === null || !endsAsSigns(site.quantizer)) return false;
  if (products === "ff" && node.accumulator === null) return false;
  return mode === undefined || mode.hard(site);
}

/** True where the activations of `node` are real at some time. */
export const everReal = (node: ProductSetting, context: PlanContext): boolean =>
  !isBits(node.activation, node, context) || node.activation?.quantizer.forward !== "sign";

/** The operands of a product, by mode. */
export const operandsOf =
  (node: ProductSetting, context: PlanContext) =>
  (mode: Mode): Operands => ({
    activations: isBits(node.activation, node, context, mode),
    weights: isBits(node.weight, node, context, mode),
  });

/** True where real activations are multiplied with weights of +-1 by tables, forward. */
export const isSignForward = ({ activations, weights }: Operands, lane: Pick<LaneBuffers, "lane" | "shape">): boolean =>
  weights && !activations && suitsSigns(lane.shape, lane.lane.images);

/** Plans the buffers of every lane. */
export function planLanes(node: ProductSetting, context: PlanContext): readonly LaneBuffers[] {
  const { name, activation, shape } = node;
  const everBits = isBits(activation, node, context);
  const isReal = everReal(node, context);
  const bytes = (lane: Lane): number => {
    const { images, height, width, channels } = shape(lane);
    return 4 * images * height * width * channels;
  };
  const quantized = context.memory.declare((lane) => (activation !== null && isReal ? bytes(lane) : 0));
  const padded = context.memory.declare((lane) => (isReal ? 4 * paddedPixels(shape(lane)) * shape(lane).channels : 0));
  return context.lanes.map((lane) => {
    const own = shape(lane);
    const descriptor = context.memory.descriptor(own);
    const bits = everBits ? context.memory.allocateBits(paddedPixels(own) * groups(own.channels)) : null;
    if (bits !== null) context.memory.once(name, k.fillBorderNibbles({ shape: descriptor, out: bits }));
    return {
      lane,
      shape: own,
      descriptor,
      bits,
      quantized: quantized(lane),
      padded: padded(lane),
    };
  });
}

/** The real operand that a convolution makes of `x`. */
export interface RealInput {
  /** It as an image, and in the padded buffer. */
  readonly image: Place;
  readonly place: Place;
  /** The calls that make the first, and those that make the second of it. */
  readonly calls: readonly KernelCall[];
  readonly padding: readonly KernelCall[];
}

export function realInput(
  { activation }: ProductSetting,
  { shape, descriptor, quantized, padded }: LaneBuffers,
  mode: Mode,
  x: Place,
): RealInput {
  const image = activation === null ? x : quantized;
  const count = shape.images * shape.height * shape.width * shape.channels;
  const calls =
    activation === null ? [] : [k.quantizeForward({ ...forwardOf(activation, mode), x, y: quantized, count })];
  if (isUnpadded(shape)) return { image, place: image, calls, padding: [] };
  return { image, place: padded, calls, padding: [k.padReal({ shape: descriptor, x: image, out: padded })] };
}
