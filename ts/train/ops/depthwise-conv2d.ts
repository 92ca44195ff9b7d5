/**
 * Depthwise convolutions in the trainer. A filter reads one channel, so sums are too short for products over bits, and
 * operands of -1 and +1 are multiplied as reals.
 */
import type { AttributesOf, NodeOf } from "../../nn/graph.ts";
import { type KernelCall, k } from "../../program/call.ts";
import { isUnpadded } from "../../program/conv-shape.ts";
import { inputPixels, outputPixels } from "../../program/kernels.ts";
import type { LayerPlan, PlanContext } from "../plan/context.ts";
import { backwardOf as slopeOf } from "../plan/quantize.ts";
import type { TrainOp } from "./op.ts";
import { beforeScale } from "./product/backward.ts";
import { behindLearned } from "./product/behind-learned.ts";
import { foldCalls } from "./product/forward.ts";
import { planShares } from "./product/gradients.ts";
import { planEffective } from "./product/kernel.ts";
import { type LaneBuffers, planLanes, realInput, settingOf } from "./product/operands.ts";
import { planSums } from "./product/sums.ts";
import { windowsOf } from "./windows.ts";

const dilationOf = ({ dilationRate: [dilationHeight, dilationWidth] }: AttributesOf<"depthwiseConv2d">) => ({
  dilationHeight,
  dilationWidth,
});

export const depthwiseConv2d: TrainOp<"depthwiseConv2d"> = {
  plan: (node, context) => behindLearned(node, { ...context, products: "ff" }, (own) => planDepthwise(node, own)),
};

function planDepthwise(node: NodeOf<"depthwiseConv2d">, context: PlanContext): LayerPlan {
  const setting = settingOf(node, windowsOf(node, context), context);
  const { name, input, kernel, weight, activation, bias } = setting;
  const dilation = dilationOf(node.attributes);
  const lanes = planLanes(setting, context);
  const effective = weight === null ? null : planEffective(setting, weight, context);
  const w = effective?.values ?? kernel;
  const derived = effective?.derived ?? null;
  const sums = planSums(setting, { alpha: derived?.scale ?? null, addsBias: true }, context);
  const shares = planShares(setting, derived, context);
  const before = beforeScale({ node: setting, context, lanes }, sums.scale);
  /** The gradient at the quantized input. */
  const share = context.memory.declare((lane) => {
    const shape = setting.shape(lane);
    return activation === null ? 0 : 4 * inputPixels(shape) * shape.channels;
  });
  return {
    prepare: (mode) => (effective === null ? [] : [[...effective.derived.calls, ...effective.calls(mode)]]),
    forward: (mode, emit) => {
      for (const buffers of lanes) {
        const { lane, descriptor: shape } = buffers;
        const y = context.value(name, lane);
        const x = realInput(setting, buffers, mode, context.value(input, lane));
        const added = sums.scale === null ? bias : null;
        const product = k.depthwiseConv({ shape, ...dilation, x: x.place, w, bias: added, out: sums.place(lane) });
        for (const call of [...x.calls, ...x.padding, product, ...foldCalls(sums, buffers, y)])
          emit.lane(lane.index, call);
      }
    },
    backward: (_mode, emit, sinks) => {
      before.emit(emit.input, sinks);
      for (const { lane, shape: own, descriptor: shape, quantized, padded } of shares.areWanted ? lanes : []) {
        const calls: KernelCall[] = [];
        if (bias !== null) {
          const dy = { x: sinks.gradient(name, lane), rows: outputPixels(own), columns: own.filters };
          calls.push(k.columnSums({ ...dy, out: shares.bias(lane) }));
        }
        const unpadded = activation === null ? context.value(input, lane) : quantized;
        const operands = { x: isUnpadded(own) ? unpadded : padded, dy: before.place(lane, sinks) };
        calls.push(k.depthwiseConvBackwardFilter({ shape, ...dilation, ...operands, dw: shares.kernel(lane) }));
        emit.weights.laterInLane(lane.index, calls);
      }
      if (!sinks.wanted(input)) return;
      sinks.into(name, input, (lane, dx, accumulate) => {
        const { shape: own, descriptor: shape } = lanes[lane.index] as LaneBuffers;
        const operands = { shape, ...dilation, w, dy: before.place(lane, sinks) };
        if (activation === null) {
          emit.input.lane(lane.index, k.depthwiseConvBackwardInput({ ...operands, accumulate, dx }));
          return;
        }
        const dy = share(lane);
        emit.input.lane(lane.index, k.depthwiseConvBackwardInput({ ...operands, accumulate: false, dx: dy }));
        const at = { x: context.value(input, lane), dy, accumulate, dx, count: inputPixels(own) * own.channels };
        emit.input.lane(lane.index, k.quantizeBackward({ ...slopeOf(activation), ...at }));
      });
    },
    gradients: shares.gradients,
    readsGradientLater: true,
  };
}
