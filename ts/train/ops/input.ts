/** The input in the trainer: a batch's stored numbers become reals, example by example, in the order of the batch. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { at } from "../../program/place.ts";
import type { NumberKind } from "../plan/context.ts";
import type { TrainOp } from "./op.ts";

/** The kernels that take rows of each kind of numbers, and images of it as views say. */
const GATHERS = {
  u8: { rows: k.gatherBytes, views: k.gatherViews },
  i8: { rows: k.gatherSignedBytes, views: k.gatherSignedByteViews },
  u16: { rows: k.gatherWords, views: k.gatherWordViews },
  f32: { rows: ({ scale: _, offset: _none, ...given }) => k.gatherReals(given), views: k.gatherRealViews },
} satisfies Record<NumberKind, { readonly rows: typeof k.gatherBytes; readonly views: typeof k.gatherViews }>;

export const input: TrainOp<"input"> = {
  plan: ({ name }, context) => {
    const shape = context.shape(name);
    const [height, width, channels] = shape as readonly [number, number, number];
    const { indices, views } = context.batch;
    return {
      gather: (mode, { images: data, kind, scale, offset }, emit) => {
        // Only images have views, and only training sees them otherwise than they are.
        const isViewed = mode.kind === "train" && shape.length === 3;
        const { rows, views: seeing } = GATHERS[kind];
        for (const lane of context.lanes) {
          const out = context.value(name, lane);
          const from = { data, indices: at(indices, 4 * lane.first), count: lane.images, scale, offset, out };
          const seen = { ...from, views: at(views, 4 * lane.first), height, width, channels };
          emit.lane(lane.index, isViewed ? seeing(seen) : rows({ ...from, row: elementsOf(shape) }));
        }
      },
    };
  },
};
