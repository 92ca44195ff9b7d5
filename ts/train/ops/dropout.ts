/** Dropout in the trainer. No mask is kept, since the way back makes the same draws; outside of training it copies. */
import { drawsOf } from "../../nn/ops/dropout.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { Lane } from "../plan/context.ts";
import type { LiveNumbers, TrainOp } from "./op.ts";

/** The draws of a layer in this update. */
export const liveDraws: LiveNumbers<"dropout" | "dropPath"> = {
  count: 3,
  numbers: ({ name }, live) => {
    if (live.kind !== "train") return [0, 0, 0];
    return drawsOf(name, { seed: live.seed ?? 0, update: live.draw ?? live.update });
  },
};

export const dropout: TrainOp<"dropout"> = {
  plan: ({ name, inputs: [input], attributes: { rate } }, context) => {
    const size = elementsOf(context.shape(name));
    const draws = context.live.numbers(name);
    const elements = ({ first, images }: Lane) => ({ first: size * first, count: size * images, rate, draws });
    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          const [x, y] = [context.value(input, lane), context.value(name, lane)];
          const copied = k.copy({ from: x, to: y, bytes: 4 * size * lane.images });
          const dropped = k.dropout({ x, ...elements(lane), accumulate: false, y });
          emit.lane(lane.index, mode.kind === "train" ? dropped : copied);
        }
      },
      backward: (_mode, emit, sinks) => {
        sinks.into(name, input, (lane, y, accumulate) => {
          const x = sinks.gradient(name, lane);
          emit.input.lane(lane.index, k.dropout({ x, ...elements(lane), accumulate, y }));
        });
      },
    };
  },
  live: liveDraws,
};
