/**
 * A learned token in front of the others in the trainer. Each lane has a copy of it for each image, and joins those with the
 * other tokens. The gradient at the token is the sum of those at its copies.
 */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { channelParameter } from "./channel-parameter.ts";
import type { TrainOp } from "./op.ts";

/** A row of so many floats, as many times as `rows` says, for the kernel that puts axes into another order. */
const repeatedRow = (rows: number, floats: number) =>
  ({
    ...{ images: 1, size0: 1, size1: 1, size2: rows, size3: floats },
    ...{ stride0: 0, stride1: 0, stride2: 0, stride3: 1, accumulate: false },
  }) as const;

export const classToken: TrainOp<"classToken"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const others = elementsOf(context.shape(input));
    const channels = elementsOf(context.shape(name)) - others;
    const { value: token, rows, share, gradient } = channelParameter(node, "token", context, { rows: 1, channels });
    const copies = context.memory.declare((lane) => 4 * channels * rows(lane));
    const block = channels + others;
    return {
      forward: (_mode, emit) => {
        for (const lane of context.lanes) {
          const [a, blocks] = [copies(lane), rows(lane)];
          emit.lane(lane.index, k.permute({ x: token, y: a, ...repeatedRow(blocks, channels) }));
          const values = { a, b: context.value(input, lane), y: context.value(name, lane) };
          emit.lane(lane.index, k.concatenateForward({ ...values, blocks, first: channels, second: others }));
        }
      },
      backward: (_mode, emit, sinks) => {
        for (const lane of context.parameters.isTrained(node, "token") ? context.lanes : []) {
          const [dx, blocks] = [copies(lane), rows(lane)];
          const from = { dy: sinks.gradient(name, lane), blocks, block };
          const own = emit.weights;
          own.lane(lane.index, k.concatenateBackward({ ...from, first: 0, size: channels, accumulate: false, dx }));
          own.lane(lane.index, k.columnSums({ x: dx, rows: blocks, columns: channels, out: share(lane) }));
        }
        if (!sinks.wanted(input)) return;
        sinks.into(name, input, (lane, dx, accumulate) => {
          const from = { dy: sinks.gradient(name, lane), blocks: rows(lane), block };
          const call = k.concatenateBackward({ ...from, first: channels, size: others, accumulate, dx });
          emit.input.lane(lane.index, call);
        });
      },
      gradients: [gradient],
    };
  },
};
