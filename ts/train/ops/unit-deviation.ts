/** Examples divided by their deviation in the trainer; outside of training it copies. The way back reads what was saved. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { TrainOp } from "./op.ts";

export const unitDeviation: TrainOp<"unitDeviation"> = {
  plan: ({ name, inputs: [input], attributes: { epsilon } }, context) => {
    const n = elementsOf(context.shape(name));
    const statistics = context.memory.declare((lane) => 8 * lane.images);
    return {
      forward: (mode, emit) => {
        for (const lane of context.lanes) {
          const { images } = lane;
          const [x, y, saved] = [context.value(input, lane), context.value(name, lane), statistics(lane)];
          const copied = k.copy({ from: x, to: y, bytes: 4 * n * images });
          const divided = k.unitDeviationForward({ x, images, n, eps: epsilon, y, saved });
          emit.lane(lane.index, mode.kind === "train" ? divided : copied);
        }
      },
      backward: (_mode, emit, sinks) => {
        sinks.into(name, input, (lane, dx, accumulate) => {
          const given = { x: context.value(input, lane), dy: sinks.gradient(name, lane), images: lane.images, n };
          emit.input.lane(lane.index, k.unitDeviationBackward({ ...given, saved: statistics(lane), accumulate, dx }));
        });
      },
    };
  },
};
