/** The way back through a convolution or dense layer: the gradients at its kernel, its bias and its input. */
import { type KernelCall, k } from "../../../program/call.ts";
import { isPointwise, isUnpadded } from "../../../program/conv-shape.ts";
import {
  type ConvShape,
  extentHeight,
  extentWidth,
  fbFilterScratchBytes,
  fbInputScratchBytes,
  outputPixels,
  paddedPixels,
} from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import type { Emit } from "../../../program/program.ts";
import type { BackwardEmit, Lane, Mode, Sinks } from "../../plan/context.ts";
import { backwardOf as slopeOf } from "../../plan/quantize.ts";
import type { LaneBuffers, ProductPlan, SumPlan } from "./operands.ts";

/** Plans the buffers of the way back; see the table in `product.ts` for which product runs. */
export function backwardOf(plan: ProductPlan): (mode: Mode, emit: BackwardEmit, sinks: Sinks) => void {
  const { node, context, kernel, shares } = plan;
  const { activation } = node;
  const filterScratch = context.memory.declare((lane) =>
    activation === null ? 0 : fbFilterScratchBytes(node.shape(lane)),
  );
  const inputScratch = context.memory.declare((lane) =>
    node.weight === null ? 0 : fbInputScratchBytes(node.shape(lane)),
  );
  const dilated = context.memory.declare((lane) => dilatedBytes(node.shape(lane)));
  const before = beforeScale(plan, plan.sums.scale);
  const atSums = before.place;
  // A factor that the activations bring belongs to these alone.
  const isShared = plan.sums.ofWeights === plan.sums.scale;
  const beforeInput = isShared ? before : beforeScale(plan, plan.sums.ofWeights);
  /** The gradient at the quantized input, or at an input that has another share already. */
  const share = context.memory.declare((lane) => inputFloats(node.shape(lane)) * 4);

  // Levels are no signs: the filters' gradient reads them as reals.
  const levels = node.elastic?.values === "levels" ? node.elastic.real : null;
  const paddedLevels = context.memory.declare((lane) => {
    const own = node.shape(lane);
    return levels === null || isUnpadded(own) ? 0 : 4 * paddedPixels(own) * own.channels;
  });

  /** Only the sum over the lanes needs it, after the whole way back: it fills gaps of the next phase. */
  const filterGradient = (buffers: LaneBuffers, onBits: boolean, emit: Emit, sinks: Sinks): void => {
    const { lane, shape, descriptor } = buffers;
    const calls: KernelCall[] = [];
    if (node.bias !== null) {
      const dy = { x: sinks.gradient(node.name, lane), rows: outputPixels(shape), columns: shape.filters };
      calls.push(k.columnSums({ ...dy, out: shares.bias(lane) }));
    }
    const sums = { shape: descriptor, dy: atSums(lane, sinks), dw: shares.kernel(lane) };
    if (shares.direction !== null) {
      calls.push(...shares.direction.gather(lane, context.value(node.input, lane), sinks.gradient(node.name, lane)));
    } else if (levels !== null) {
      const x = isUnpadded(shape) ? levels(lane) : paddedLevels(lane);
      if (!isUnpadded(shape)) calls.push(k.padReal({ shape: descriptor, x: levels(lane), out: x }));
      calls.push(k.ffConvBackwardFilter({ ...sums, dy: beforeInput.place(lane, sinks), x }));
    } else if (onBits) {
      const bits = buffers.bits as Place;
      calls.push(k.fbConvBackwardFilter({ ...sums, bits, scratch: filterScratch(lane) }));
    } else {
      const unpadded = activation === null ? context.value(node.input, lane) : buffers.quantized;
      calls.push(k.ffConvBackwardFilter({ ...sums, x: isUnpadded(shape) ? unpadded : buffers.padded }));
    }
    emit.laterInLane(lane.index, calls);
  };

  return (mode, emit, sinks) => {
    const { activations, weights } = plan.operands(mode);
    // Nobody reads the gradient before a factor of levels.
    if (levels === null) before.emit(emit.input, sinks);
    if (!isShared && (levels !== null || sinks.wanted(node.input))) beforeInput.emit(emit.input, sinks);
    if (shares.areWanted) for (const buffers of plan.lanes) filterGradient(buffers, activations, emit.weights, sinks);
    if (!sinks.wanted(node.input)) return;
    const slope = slopeOf(activation);
    sinks.into(node.name, node.input, (lane, dx, accumulate) => {
      const { shape, descriptor } = plan.lanes[lane.index] as LaneBuffers;
      const write = (call: KernelCall): void => emit.input.lane(lane.index, call);
      const x = context.value(node.input, lane);
      const dy = beforeInput.place(lane, sinks);
      if (weights) {
        const operands = { shape: descriptor, weights: kernel.inputSigns as Place, dy, x, scratch: inputScratch(lane) };
        write(k.fbConvBackwardInput({ ...operands, ...slope, accumulate, dx }));
        return;
      }
      // The product reads such a gradient as it is.
      const spread = isPointwise(shape) ? dy : dilated(lane);
      if (!isPointwise(shape)) write(k.dilateReal({ shape: descriptor, dy, out: spread }));
      const direct = activation === null && !accumulate;
      const out = direct ? dx : share(lane);
      write(k.ffConvBackwardInput({ shape: descriptor, dy: spread, panels: kernel.panelsTransposed, dx: out }));
      const count = inputFloats(shape);
      if (activation !== null) write(k.quantizeBackward({ ...slope, x, dy: out, accumulate, dx, count }));
      else if (accumulate) write(k.addInto({ y: dx, x: out, count }));
    });
  };
}

/** The gradient at the sums before their scale: its place, and the calls that make it. */
interface BeforeScale {
  readonly place: (lane: Lane, sinks: Sinks) => Place;
  readonly emit: (emit: Emit, sinks: Sinks) => void;
}

/** Plans the gradient at the sums before `scale`, once for both products. */
export function beforeScale({ node, context, lanes }: BackwardGiven, scale: SumPlan["scale"]): BeforeScale {
  const scaled = context.memory.declare((lane) => (scale === null ? 0 : outputFloats(node.shape(lane)) * 4));
  return {
    place: (lane, sinks) => (scale === null ? sinks.gradient(node.name, lane) : scaled(lane)),
    emit: (emit, sinks) => {
      if (scale === null) return;
      for (const { lane, shape } of lanes) {
        const dy = { x: sinks.gradient(node.name, lane), rows: outputPixels(shape), channels: shape.filters };
        emit.lane(lane.index, k.affine({ ...dy, scale: scale.alpha, shift: scale.zeros, y: scaled(lane) }));
      }
    },
  };
}

interface BackwardGiven extends Pick<ProductPlan, "node" | "context"> {
  readonly lanes: readonly Pick<LaneBuffers, "lane" | "shape">[];
}

const outputFloats = (shape: ConvShape): number => outputPixels(shape) * shape.filters;

const inputFloats = (shape: ConvShape): number => shape.images * shape.height * shape.width * shape.channels;

/** Bytes of the gradient at the output, spread by the strides and padded for the product with the transposed kernel. */
function dilatedBytes(shape: ConvShape): number {
  const [height, width] = [shape.height + extentHeight(shape) - 1, shape.width + extentWidth(shape) - 1];
  return 4 * shape.images * height * width * shape.filters;
}
