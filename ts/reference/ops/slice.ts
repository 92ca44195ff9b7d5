/** A range along an axis. Nothing is rounded. */
import { layers } from "../../nn/layers.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
import type { ReferenceOp } from "./op.ts";

export const slice: ReferenceOp<"slice"> = {
  value: ({ tf, node, inputs: [x] }) => {
    const { axis, start, size } = node.attributes;
    const along = axis < 0 ? axis + x.rank : axis + 1;
    const begin = x.shape.map((_, i) => (i === along ? start : 0));
    const sizes = x.shape.map((all, i) => (i === along ? size : all));
    return tf.slice(x, begin, sizes);
  },
  cases: {
    alone: () => [
      around("slice along each axis", UNEQUAL_IMAGE, (x) => {
        const rows = layers.slice({ name: "rows", start: 1, size: 3 }).apply(x);
        const columns = layers.slice({ name: "columns", axis: -2, start: 2, size: 3 }).apply(rows);
        return layers.slice({ name: "channels", axis: 2, size: 2 }).apply(columns);
      }),
    ],
  },
};
