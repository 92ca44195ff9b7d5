/**
 * Convolutions and dense layers in the trainer. A dense layer is a convolution over one image whose width is the rows of
 * the lane, so both are planned here.
 *
 * Which product runs follows from the operands. Activations are +-1 where their quantizer is hard, weights likewise:
 * both +-1 is `bb` (look-up), +-1 activations with real weights is `fb` (four-Russians tables), real activations are
 * `ff`. The filter gradient is `fb` where activations are +-1; the input gradient is `ff` over the effective weights.
 */
import { backwardMapNumbers, forwardMapNumbers } from "../../quantizers/maps.ts";
import {
  type ConvShape,
  groups,
  isUnpadded,
  lookupWeightBytes,
  mixedScratchBytes,
  outputPixels,
  paddedPixels,
  panelFloats,
  reduction,
  taps,
  transposedShape,
} from "../../runtime/conv-shape.ts";
import type { Call, ProgramBuilder, Task } from "../../runtime/program.ts";
import type { GradientSource, Lane, LayerPlan, Mode, PlanContext, QuantizerSite, Sinks } from "../context.ts";

export interface ProductNode {
  readonly name: string;
  readonly input: string;
  readonly useBias: boolean;
  readonly weight: QuantizerSite | null;
  readonly activation: QuantizerSite | null;
  /** The geometry of one lane. */
  readonly shape: (lane: Lane) => ConvShape;
}

/** Buffers of one lane. */
interface LaneBuffers {
  readonly lane: Lane;
  readonly shape: ConvShape;
  readonly descriptor: number;
  readonly transposed: number;
  /** Activations as nibbles, in the padded buffer; 0 where they are never +-1. */
  readonly nibbles: number;
  /** Quantized activations before padding, and the padded real input; 0 where not needed. */
  readonly quantized: number;
  readonly padded: number;
}

const forwardNumber = (site: QuantizerSite, mode: Mode): number =>
  forwardMapNumbers[mode.hard(site) ? "sign" : site.quantizer.forward];

/** Plans the layer: allocates its buffers and returns what it does in each part of a step. */
export function planProduct(node: ProductNode, context: PlanContext): LayerPlan {
  const { weight, activation, useBias } = node;
  const kernel = tensor(context, `${node.name}/kernel`);
  const bias = useBias ? tensor(context, `${node.name}/bias`) : 0;
  const first = node.shape(context.lanes[0] as Lane);
  const [k, n] = [reduction(first), first.filters];
  const lanes = context.lanes.map((lane) => planLane(node, lane, context));

  const effective = weight === null ? kernel : context.allocate(4 * k * n);
  const panels = context.allocate(4 * panelFloats(k, n));
  const panelsTransposed = context.allocate(4 * panelFloats(taps(first) * n, first.channels));
  const lookup = weight !== null && activation !== null ? context.allocate(lookupWeightBytes(first)) : 0;
  const correction = lookup === 0 ? 0 : context.allocate(4 * taps(first) * n);
  const ones = useBias && activation !== null ? context.constant(new Float32Array(n).fill(1)) : 0;

  const partialStride = Math.ceil((k * n) / 4) * 4;
  const partials = context.allocate(4 * partialStride * lanes.length);
  const biasStride = Math.ceil(n / 4) * 4;
  const biasPartials = useBias ? context.allocate(4 * biasStride * lanes.length) : 0;
  const gradients: GradientSource[] = [
    {
      parameter: `${node.name}/kernel`,
      gradient: context.allocate(4 * k * n),
      partials: { address: partials, stride: partialStride },
      ...(weight === null ? {} : { quantized: { site: weight, summed: context.allocate(4 * k * n) } }),
    },
  ];
  if (useBias) {
    gradients.push({
      parameter: `${node.name}/bias`,
      gradient: context.allocate(4 * n),
      partials: { address: biasPartials, stride: biasStride },
    });
  }

  const call = (kernelName: Call["kernel"], ...args: number[]): Call => ({
    node: node.name,
    kernel: kernelName,
    arguments: args,
  });
  const identityFilter = taps(first) === 1 && first.strideHeight === 1 && first.strideWidth === 1;

  const prepare = (mode: Mode): readonly Task[] => {
    const bits = activation !== null && mode.hard(activation);
    const hard = weight !== null && mode.hard(weight);
    const descriptor = (lanes[0] as LaneBuffers).descriptor;
    const calls: Call[] = [];
    if (bits && hard) {
      calls.push(call("sign_lookup_weights", descriptor, kernel, lookup));
      calls.push(call("bb_correction_real", descriptor, kernel, correction));
    }
    if (weight !== null && !(bits && hard && mode.kind !== "train")) {
      calls.push(call("quantize_forward", forwardNumber(weight, mode), kernel, effective, k * n, weight.parameters));
    }
    if (!bits) calls.push(call("pack_panels", effective, k, n, panels));
    if (mode.kind === "train") {
      calls.push(call("pack_panels_transposed", descriptor, effective, panelsTransposed));
    }
    return [calls];
  };

  const forward = (mode: Mode, builder: ProgramBuilder): void => {
    const bits = activation !== null && mode.hard(activation);
    const hard = weight !== null && mode.hard(weight);
    for (const buffers of lanes) {
      const { lane, shape, descriptor } = buffers;
      const emit = (name: Call["kernel"], ...args: number[]): void =>
        builder.lane(lane.index, node.name, name, ...args);
      const x = context.value(node.input, lane);
      const y = context.value(node.name, lane);
      const rows = outputPixels(shape);
      if (!bits) {
        emit("ff_conv", descriptor, realInput(buffers, mode, x, emit), panels, bias, y);
        continue;
      }
      // A bias is added on the way out of scratch: the core reads and writes different places.
      const scratch = context.scratch(lane);
      const sums = useBias ? scratch + mixedScratchBytes(shape) : y;
      emit("sign_nibbles", descriptor, x, buffers.nibbles);
      if (hard) {
        emit("bb_lookup_conv", descriptor, buffers.nibbles, lookup, correction, sums);
        emit("to_real", sums, rows * n);
      } else {
        emit("fb_conv", descriptor, buffers.nibbles, effective, sums, scratch);
      }
      if (useBias) emit("affine", sums, rows, n, ones, bias, y);
    }
  };

  /** Emits what makes the real operand of a convolution from `x`; returns its address. */
  const realInput = (
    buffers: LaneBuffers,
    mode: Mode,
    x: number,
    emit: (name: Call["kernel"], ...args: number[]) => void,
  ): number => {
    const { shape, descriptor } = buffers;
    let source = x;
    if (activation !== null) {
      const size = shape.images * shape.height * shape.width * shape.channels;
      emit("quantize_forward", forwardNumber(activation, mode), x, buffers.quantized, size, activation.parameters);
      source = buffers.quantized;
    }
    if (isUnpadded(shape)) return source;
    emit("pad_real", descriptor, source, buffers.padded);
    return buffers.padded;
  };

  const backward = (mode: Mode, builder: ProgramBuilder, sinks: Sinks): void => {
    const bits = activation !== null && mode.hard(activation);
    for (const buffers of lanes) {
      const { lane, shape, descriptor } = buffers;
      const dy = context.gradient(node.name, lane);
      const partial = partials + 4 * partialStride * lane.index;
      const calls: Call[] = [];
      if (useBias) {
        const biasPartial = biasPartials + 4 * biasStride * lane.index;
        calls.push(call("column_sums", dy, outputPixels(shape), n, biasPartial));
      }
      if (bits) {
        const scratch = context.filterScratch(lane);
        calls.push(call("fb_conv_backward_filter", descriptor, buffers.nibbles, dy, partial, scratch));
      } else {
        const unpadded = activation === null ? context.value(node.input, lane) : buffers.quantized;
        const input = isUnpadded(shape) ? unpadded : buffers.padded;
        calls.push(call("ff_conv_backward_filter", descriptor, input, dy, partial));
      }
      // Only the lanes' sum needs it, after the whole backward pass.
      builder.laterInLane(lane.index, calls);
    }
    if (!sinks.wanted(node.input)) return;
    sinks.into(builder, node.name, node.input, (lane, dx) => {
      const buffers = lanes[lane.index] as LaneBuffers;
      const { shape, descriptor, transposed } = buffers;
      const emit = (name: Call["kernel"], ...args: number[]): void =>
        builder.lane(lane.index, node.name, name, ...args);
      let dy = context.gradient(node.name, lane);
      const dilated = context.scratch(lane);
      if (!identityFilter) {
        emit("dilate_real", descriptor, dy, dilated);
        dy = dilated;
      }
      if (activation === null) {
        emit("ff_conv", transposed, dy, panelsTransposed, 0, dx);
        return;
      }
      const size = shape.images * shape.height * shape.width * shape.channels;
      const atQuantized = dilated + dilatedBytes(shape);
      emit("ff_conv", transposed, dy, panelsTransposed, 0, atQuantized);
      const map = backwardMapNumbers[activation.quantizer.backward];
      emit("quantize_backward", map, context.value(node.input, lane), atQuantized, dx, size, activation.parameters);
    });
  };

  const forwardScratch = mixedScratchBytes(first) + 4 * outputPixels(first) * n;
  const inputBytes = 4 * first.images * first.height * first.width * first.channels;
  return {
    prepare,
    forward,
    backward,
    gradients,
    scratchBytes: Math.max(forwardScratch, dilatedBytes(first) + inputBytes),
    filterScratchBytes: activation === null ? 0 : mixedScratchBytes(first),
  };
}

function planLane(node: ProductNode, lane: Lane, context: PlanContext): LaneBuffers {
  const { activation } = node;
  const shape = node.shape(lane);
  const descriptor = context.descriptor(shape);
  const everBits = activation !== null;
  const everReal = activation === null || activation.quantizer.forward !== "sign";
  const pixels = paddedPixels(shape);
  const nibbles = everBits ? context.allocate(pixels * groups(shape.channels)) : 0;
  if (everBits) {
    context.once({ node: node.name, kernel: "fill_border_nibbles", arguments: [descriptor, nibbles] });
  }
  const inputFloats = shape.images * shape.height * shape.width * shape.channels;
  return {
    lane,
    shape,
    descriptor,
    transposed: context.descriptor(transposedShape(shape)),
    nibbles,
    quantized: everBits && everReal ? context.allocate(4 * inputFloats) : 0,
    padded: everReal && !isUnpadded(shape) ? context.allocate(4 * pixels * shape.channels) : 0,
  };
}

/** Bytes of the gradient at the output, dilated by the stride and padded for the transposed convolution. */
function dilatedBytes(shape: ConvShape): number {
  const transposed = transposedShape(shape);
  return Math.ceil((4 * paddedPixels(transposed) * transposed.channels) / 16) * 16;
}

function tensor(context: PlanContext, name: string): number {
  const found = context.parameters.tensors.get(name);
  if (found === undefined) throw new Error(`no parameter ${name}`);
  return found.value;
}
