/** The input in the trainer: a batch's bytes become numbers, image by image, in the order of the batch. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at } from "../../program/place.ts";
import type { TrainOp } from "./op.ts";

export const input: TrainOp<"input"> = {
  plan: ({ name }, context) => {
    const shape = context.shape(name);
    const [height, width, channels] = shape as readonly [number, number, number];
    const { indices, views } = context.batch;
    return {
      gather: (mode, { images: data, scale, offset }, emit) => {
        // Only images have views, and only training sees them otherwise than they are.
        const isViewed = mode.kind === "train" && shape.length === 3;
        for (const lane of context.lanes) {
          const out = context.value(name, lane);
          const from = { data, indices: at(indices, 4 * lane.first), count: lane.images, scale, offset, out };
          const seen = { ...from, views: at(views, 4 * lane.first), height, width, channels };
          emit.lane(lane.index, isViewed ? k.gatherViews(seen) : k.gatherBytes({ ...from, row: elementsOf(shape) }));
        }
      },
    };
  },
};
