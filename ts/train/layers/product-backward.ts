/** The way back through a convolution or dense layer: the gradients at its kernel, its bias and its input. */
import {
  type ConvShape,
  fbFilterScratchBytes,
  fbInputScratchBytes,
  isUnpadded,
  outputPixels,
  paddedPixels,
  taps,
  transposedShape,
} from "../../runtime/conv-shape.ts";
import type { Call, ProgramBuilder } from "../../runtime/program.ts";
import type { Lane, Mode, Sinks } from "../context.ts";
import { backwardArguments, slopeOf } from "../quantize.ts";
import type { LaneBuffers, ProductPlan } from "./product.ts";

/** Plans the buffers of the way back; see the table in `product.ts` for which product runs. */
export function backwardOf(plan: ProductPlan): (mode: Mode, builder: ProgramBuilder, sinks: Sinks) => void {
  const { node, context } = plan;
  const { activation } = node;
  const filterScratch = context.declare((lane) => (activation === null ? 0 : fbFilterScratchBytes(node.shape(lane))));
  const inputScratch = context.declare((lane) => (node.weight === null ? 0 : fbInputScratchBytes(node.shape(lane))));
  const dilated = context.declare((lane) => dilatedBytes(node.shape(lane)));
  /** The gradient at the sums before their scale. */
  const scaled = context.declare((lane) => (plan.scale === null ? 0 : outputFloats(node.shape(lane)) * 4));
  const atSums = (lane: Lane, sinks: Sinks): number =>
    plan.scale === null ? sinks.gradient(node.name, lane) : scaled(lane);
  /** The gradient at the quantized input, or at an input that has another share already. */
  const share = context.declare((lane) => inputFloats(node.shape(lane)) * 4);

  /** Only the sum over the lanes needs it, after the whole way back: it fills gaps of the next phase. */
  const filterGradient = (buffers: LaneBuffers, bits: boolean, builder: ProgramBuilder, sinks: Sinks): void => {
    const { lane, shape, descriptor } = buffers;
    const dy = sinks.gradient(node.name, lane);
    const calls: Call[] = [];
    const call = (kernel: Call["kernel"], ...args: number[]): void => {
      calls.push({ node: node.name, kernel, arguments: args });
    };
    if (node.useBias) call("column_sums", dy, outputPixels(shape), shape.filters, plan.biasShare(lane));
    const sums = atSums(lane, sinks);
    if (bits) {
      call("fb_conv_backward_filter", descriptor, buffers.nibbles, sums, plan.kernelShare(lane), filterScratch(lane));
    } else {
      const unpadded = activation === null ? context.value(node.input, lane) : buffers.quantized;
      const input = isUnpadded(shape) ? unpadded : buffers.padded;
      call("ff_conv_backward_filter", descriptor, input, sums, plan.kernelShare(lane));
    }
    builder.laterInLane(lane.index, calls);
  };

  return (mode, builder, sinks) => {
    const { activations, weights } = plan.operands(mode);
    if (plan.scale !== null) {
      for (const { lane, shape } of plan.lanes) {
        const [dy, { alpha, zeros }] = [sinks.gradient(node.name, lane), plan.scale];
        const args = [dy, outputPixels(shape), shape.filters, alpha, zeros, scaled(lane)];
        builder.lane(lane.index, node.name, "affine", ...args);
      }
    }
    for (const buffers of plan.lanes) filterGradient(buffers, activations, builder, sinks);
    if (!sinks.wanted(node.input)) return;
    const { maps, settings } = slopeOf(activation);
    sinks.into(node.name, node.input, (lane, dx, accumulate) => {
      const { shape, descriptor, transposed } = plan.lanes[lane.index] as LaneBuffers;
      const emit = (name: Call["kernel"], ...args: number[]): void =>
        builder.lane(lane.index, node.name, name, ...args);
      const x = context.value(node.input, lane);
      const dy = atSums(lane, sinks);
      if (weights) {
        const operands = [descriptor, plan.inputSigns, dy, inputScratch(lane)];
        emit("fb_conv_backward_input", ...operands, ...maps, x, ...settings, Number(accumulate), dx);
        return;
      }
      const spread = isPlain(shape) ? dy : dilated(lane);
      if (!isPlain(shape)) emit("dilate_real", descriptor, dy, spread);
      const direct = activation === null && !accumulate;
      const at = direct ? dx : share(lane);
      emit("ff_conv", transposed, spread, plan.panelsTransposed, 0, at);
      if (activation !== null) {
        emit("quantize_backward", ...backwardArguments(activation, x, at, accumulate, dx, inputFloats(shape)));
      } else if (accumulate) {
        emit("add_into", dx, at, inputFloats(shape));
      }
    });
  };
}

/** Whether the gradient at the output is what the transposed convolution reads: a 1x1 kernel without strides. */
const isPlain = (shape: ConvShape): boolean => taps(shape) === 1 && shape.strideHeight === 1 && shape.strideWidth === 1;

const outputFloats = (shape: ConvShape): number => outputPixels(shape) * shape.filters;

const inputFloats = (shape: ConvShape): number => shape.images * shape.height * shape.width * shape.channels;

/** Bytes of the gradient at the output, dilated by the stride and padded for the transposed convolution. */
function dilatedBytes(shape: ConvShape): number {
  const transposed = transposedShape(shape);
  return 4 * paddedPixels(transposed) * transposed.channels;
}
