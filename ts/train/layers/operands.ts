/** A convolution or dense layer in the trainer: its operands, and where they lie in every lane. */
import type { Accumulator } from "../../nn/graph.ts";
import { k } from "../../program/call.ts";
import { isUnpadded, transposedShape } from "../../program/conv-shape.ts";
import { type ConvShape, groups, paddedPixels } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Emit } from "../../program/program.ts";
import { endsAsSigns } from "../../quantizers/weights.ts";
import type { Lane, Mode, PlanContext, QuantizerSite } from "../context.ts";
import { forwardOf } from "../quantize.ts";

export interface ProductSetting {
  readonly name: string;
  readonly input: string;
  readonly useBias: boolean;
  readonly weight: QuantizerSite | null;
  readonly activation: QuantizerSite | null;
  readonly accumulator: Accumulator | null;
  /** The geometry of one lane. */
  readonly shape: (lane: Lane) => ConvShape;
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
  readonly transposed: Place;
  /** Activations as nibbles, in the padded buffer; null where they are never +-1. */
  readonly bits: Place | null;
  /** Quantized activations before padding, and the padded real input; empty where not needed. */
  readonly quantized: Place;
  readonly padded: Place;
}

/** What both directions know of the layer. */
export interface ProductPlan {
  readonly node: ProductSetting;
  readonly context: PlanContext;
  readonly lanes: readonly LaneBuffers[];
  readonly operands: (mode: Mode) => Operands;
  /** Weights as the way back reads them: panels of the transposed kernel, or its signs. */
  readonly panelsTransposed: Place;
  readonly inputSigns: Place | null;
  /** alpha of every filter and as many zeros, f32 [n] each; null where sums have no scale. */
  readonly scale: { readonly alpha: Place; readonly zeros: Place } | null;
  /** The lanes' shares of the gradients at kernel and bias. */
  readonly kernelShare: (lane: Lane) => Place;
  readonly biasShare: (lane: Lane) => Place;
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

/** Plans the buffers of every lane. */
export function planLanes(node: ProductSetting, context: PlanContext): readonly LaneBuffers[] {
  const { name, activation, shape } = node;
  const everBits = isBits(activation, node, context);
  const everReal = !everBits || activation?.quantizer.forward !== "sign";
  const bytes = (lane: Lane): number => {
    const { images, height, width, channels } = shape(lane);
    return 4 * images * height * width * channels;
  };
  const quantized = context.memory.declare((lane) => (activation !== null && everReal ? bytes(lane) : 0));
  const padded = context.memory.declare((lane) =>
    everReal ? 4 * paddedPixels(shape(lane)) * shape(lane).channels : 0,
  );
  return context.lanes.map((lane) => {
    const own = shape(lane);
    const descriptor = context.memory.descriptor(own);
    const bits = everBits ? context.memory.allocateBits(paddedPixels(own) * groups(own.channels)) : null;
    if (bits !== null) context.memory.once(name, k.fillBorderNibbles({ shape: descriptor, out: bits }));
    return {
      lane,
      shape: own,
      descriptor,
      transposed: context.memory.descriptor(transposedShape(own)),
      bits,
      quantized: quantized(lane),
      padded: padded(lane),
    };
  });
}

/** Emits what makes the real operand of a convolution from `x`; returns its place. */
export function realInput(
  { node }: ProductPlan,
  { lane, shape, descriptor, quantized, padded }: LaneBuffers,
  mode: Mode,
  x: Place,
  emit: Emit,
): Place {
  const { activation } = node;
  let source = x;
  if (activation !== null) {
    const count = shape.images * shape.height * shape.width * shape.channels;
    emit.lane(lane.index, k.quantizeForward({ ...forwardOf(activation, mode), x, y: quantized, count }));
    source = quantized;
  }
  if (isUnpadded(shape)) return source;
  emit.lane(lane.index, k.padReal({ shape: descriptor, x: source, out: padded }));
  return padded;
}
