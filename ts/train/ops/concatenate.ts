/** Two values one behind the other in the trainer. Each input gets its part of the gradient. */
import { blocksOf } from "../../nn/ops/concatenate.ts";
import { k } from "../../program/call.ts";
import type { TrainOp } from "./op.ts";

export const concatenate: TrainOp<"concatenate"> = {
  plan: ({ name, inputs, attributes }, context) => {
    const [a, b] = inputs;
    const { blocks, sizes } = blocksOf([context.shape(a), context.shape(b)], attributes.axis);
    const [first, second] = sizes;
    return {
      forward: (_mode, emit) => {
        for (const lane of context.lanes) {
          const operands = { a: context.value(a, lane), b: context.value(b, lane), first, second };
          const y = context.value(name, lane);
          emit.lane(lane.index, k.concatenateForward({ ...operands, blocks: blocks * lane.images, y }));
        }
      },
      backward: (_mode, emit, sinks) => {
        for (const [place, input] of inputs.entries()) {
          if (!sinks.wanted(input)) continue;
          const part = { block: first + second, first: place === 0 ? 0 : first, size: sizes[place] as number };
          sinks.into(name, input, (lane, dx, accumulate) => {
            const from = { dy: sinks.gradient(name, lane), blocks: blocks * lane.images, ...part };
            emit.input.lane(lane.index, k.concatenateBackward({ ...from, accumulate, dx }));
          });
        }
      },
    };
  },
};
