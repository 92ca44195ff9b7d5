/**
 * The shift of ReActNet (Liu et al., ECCV 2020, section 4.2) in the trainer: y = x + beta, a number for each channel. The
 * gradient at x is that at y; that at beta its sum over the rows. The pass of batch normalisation does it, with a scale
 * of 1, and leaves the signs where the next layer reads them.
 */
import { k } from "../../program/call.ts";
import { channelParameter } from "./channel-parameter.ts";
import type { TrainOp } from "./op.ts";
import { signsOf } from "./signs.ts";

export const shift: TrainOp<"shift"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const { channels, value: beta, rows, share, gradient } = channelParameter(node, "beta", context);
    const ones = context.memory.constant(new Float32Array(channels).fill(1));
    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          const operands = { x: context.value(input, lane), rows: rows(lane), channels, scale: ones, shift: beta };
          const results = { out: context.value(name, lane), ...signsOf(name, mode, lane, context) };
          emit.lane(lane.index, k.normalize({ ...operands, residual: null, ...results }));
        }
      },
      backward: (_mode, emit, sinks) => {
        for (const lane of context.parameters.isTrained(node, "beta") ? context.lanes : []) {
          const x = sinks.gradient(name, lane);
          emit.weights.lane(lane.index, k.columnSums({ x, rows: rows(lane), columns: channels, out: share(lane) }));
        }
        sinks.pass(name, input);
      },
      gradients: [gradient],
    };
  },
  takes: { signs: true },
};
