/**
 * Layer normalisation (Ba, Kiros and Hinton, 2016) in the trainer. Rows do not depend on each other, so lanes do not meet;
 * the way forward leaves the mean and 1 / sqrt(variance + epsilon) of each row for the way back.
 */
import { k } from "../../program/call.ts";
import { intoIfWanted } from "./by-lane.ts";
import { channelParameter } from "./channel-parameter.ts";
import type { TrainOp } from "./op.ts";

export const layerNorm: TrainOp<"layerNorm"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const eps = node.attributes.epsilon;
    const { channels, value: gamma, rows, ...scale } = channelParameter(node, "gamma", context);
    const { value: beta, ...shift } = channelParameter(node, "beta", context);
    const statistics = context.memory.declare((lane) => 8 * rows(lane));
    return {
      forward: ({ kind }, emit) => {
        for (const lane of context.lanes) {
          const operands = { x: context.value(input, lane), rows: rows(lane), channels, gamma, beta, eps };
          const saved = kind === "train" ? statistics(lane) : null;
          emit.lane(lane.index, k.layerNormForward({ ...operands, y: context.value(name, lane), saved }));
        }
      },
      backward: (_mode, emit, sinks) => {
        intoIfWanted(node, context, sinks, (lane, dx, accumulate) => {
          const from = { x: context.value(input, lane), dy: sinks.gradient(name, lane), rows: rows(lane), channels };
          const operands = { ...from, gamma, saved: statistics(lane) };
          const gradients = { accumulate, dx, dgamma: scale.share(lane), dbeta: shift.share(lane) };
          emit.input.lane(lane.index, k.layerNormBackward({ ...operands, ...gradients }));
        });
      },
      gradients: [scale.gradient, shift.gradient],
    };
  },
};
