/**
 * The slopes of ReActNet's RPReLU (Liu et al., ECCV 2020, section 4.2) in the trainer: y = x where x >= 0, alpha x
 * elsewhere, a number for each channel.
 */
import { k } from "../../program/call.ts";
import { intoIfWanted } from "./by-lane.ts";
import { channelParameter } from "./channel-parameter.ts";
import type { TrainOp } from "./op.ts";

export const prelu: TrainOp<"prelu"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const { channels, value: slopes, rows, share, gradient } = channelParameter(node, "alpha", context);
    return {
      forward: (_mode, emit) => {
        for (const lane of context.lanes) {
          const [x, y] = [context.value(input, lane), context.value(name, lane)];
          emit.lane(lane.index, k.preluForward({ x, rows: rows(lane), channels, slopes, y }));
        }
      },
      backward: (_mode, emit, sinks) => {
        intoIfWanted(node, context, sinks, (lane, dx, accumulate) => {
          const from = { x: context.value(input, lane), dy: sinks.gradient(name, lane), rows: rows(lane), channels };
          emit.input.lane(lane.index, k.preluBackward({ ...from, slopes, accumulate, dx, dslopes: share(lane) }));
        });
      },
      gradients: [gradient],
    };
  },
};
