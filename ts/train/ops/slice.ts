/** A range along an axis in the trainer. On the way back zeros stand around it. */
import { slicedBlocks } from "../../nn/ops/slice.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at } from "../../program/place.ts";
import type { TrainOp } from "./op.ts";

export const slice: TrainOp<"slice"> = {
  plan: ({ name, inputs: [input], attributes }, context) => {
    const shape = context.shape(input);
    const { blocks, block, first, size } = slicedBlocks(shape, attributes);
    const whole = context.memory.declare((lane) => 4 * elementsOf(shape) * lane.images);
    const order = { size0: 1, size1: 1, size3: size, stride0: 0, stride1: 0, stride2: block, stride3: 1 };
    return {
      forward: (_mode, emit) => {
        for (const lane of context.lanes) {
          const places = { x: at(context.value(input, lane), 4 * first), y: context.value(name, lane) };
          const cut = { ...order, size2: blocks * lane.images, images: 1, accumulate: false };
          emit.lane(lane.index, k.permute({ ...places, ...cut }));
        }
      },
      backward: (_mode, emit, sinks) => {
        const around = { height: 1, row: size, above: 0, below: 0, before: first, behind: block - first - size };
        sinks.into(name, input, (lane, dx, accumulate) => {
          const y = accumulate ? whole(lane) : dx;
          const images = blocks * lane.images;
          const own = emit.input;
          own.lane(lane.index, k.zeroPaddingForward({ x: sinks.gradient(name, lane), ...around, images, y }));
          if (accumulate) own.lane(lane.index, k.addInto({ y: dx, x: y, count: images * block }));
        });
      },
    };
  },
};
