/**
 * Learned positions in the trainer: an example is a row, whose elements are the channels of a shift. The gradient at x is that
 * at y; that at the positions is its sum over the examples.
 */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { channelParameter } from "./channel-parameter.ts";
import type { TrainOp } from "./op.ts";

export const positionEmbedding: TrainOp<"positionEmbedding"> = {
  plan: (node, context) => {
    const { name } = node;
    const input = node.inputs[0];
    const channels = elementsOf(context.shape(name));
    const { value: shift, rows, share, gradient } = channelParameter(node, "positions", context, { rows: 1, channels });
    const scale = context.memory.constant(new Float32Array(channels).fill(1));
    return {
      forward: (_mode, emit) => {
        for (const lane of context.lanes) {
          const [x, y] = [context.value(input, lane), context.value(name, lane)];
          emit.lane(lane.index, k.affine({ x, rows: rows(lane), channels, scale, shift, y }));
        }
      },
      backward: (_mode, emit, sinks) => {
        for (const lane of context.parameters.isTrained(node, "positions") ? context.lanes : []) {
          const x = sinks.gradient(name, lane);
          emit.weights.lane(lane.index, k.columnSums({ x, rows: rows(lane), columns: channels, out: share(lane) }));
        }
        sinks.pass(name, input);
      },
      gradients: [gradient],
    };
  },
};
