/**
 * LayerScale (Touvron et al., ICCV 2021) in the trainer. The pass of batch normalisation does it, with a shift of 0, adds the
 * residual behind it and leaves the signs where the next layer reads them (`fusions.ts`).
 */
import { k } from "../../program/call.ts";
import { intoIfWanted } from "./by-lane.ts";
import { channelParameter } from "./channel-parameter.ts";
import type { TrainOp } from "./op.ts";
import { signsOf } from "./signs.ts";

export const layerScale: TrainOp<"layerScale"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const { channels, value: gamma, rows, share, gradient } = channelParameter(node, "gamma", context);
    const zeros = context.memory.constant(new Float32Array(channels));
    const sum = context.fusions.sums.get(name);
    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          const residual = sum === undefined ? null : context.value(sum.residual, lane);
          const operands = { x: context.value(input, lane), rows: rows(lane), channels, scale: gamma, shift: zeros };
          const results = { out: context.value(sum?.add ?? name, lane), ...signsOf(name, mode, lane, context) };
          emit.lane(lane.index, k.normalize({ ...operands, residual, ...results }));
        }
      },
      backward: (_mode, emit, sinks) => {
        intoIfWanted(node, context, sinks, (lane, dx, accumulate) => {
          const from = { x: context.value(input, lane), dy: sinks.gradient(name, lane), rows: rows(lane), channels };
          emit.input.lane(lane.index, k.layerScaleBackward({ ...from, gamma, accumulate, dx, dgamma: share(lane) }));
        });
      },
      gradients: [gradient],
    };
  },
  takes: { sum: true, signs: true },
};
