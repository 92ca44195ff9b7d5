/** Stochastic depth in the trainer. The way back makes the same draws; outside of training it copies. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { Lane } from "../plan/context.ts";
import { liveDraws } from "./dropout.ts";
import type { TrainOp } from "./op.ts";

export const dropPath: TrainOp<"dropPath"> = {
  plan: ({ name, inputs: [input], attributes: { rate } }, context) => {
    const size = elementsOf(context.shape(name));
    const draws = context.live.numbers(name);
    const examples = ({ first, images }: Lane) => ({ first, images, size, rate, draws });
    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          const [x, y] = [context.value(input, lane), context.value(name, lane)];
          const copied = k.copy({ from: x, to: y, bytes: 4 * size * lane.images });
          const dropped = k.dropPath({ x, ...examples(lane), accumulate: false, y });
          emit.lane(lane.index, mode.kind === "train" ? dropped : copied);
        }
      },
      backward: (_mode, emit, sinks) => {
        sinks.into(name, input, (lane, y, accumulate) => {
          const x = sinks.gradient(name, lane);
          emit.input.lane(lane.index, k.dropPath({ x, ...examples(lane), accumulate, y }));
        });
      },
    };
  },
  live: liveDraws,
};
