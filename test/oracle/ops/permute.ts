/** Axes in another order: element by element, from its index along every axis. */
import { at, sizeOf } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** The place in the input of each element of the value, and the value's shape. */
function sourcesOf({ node, inputs: [x] }: Applied<"permute">) {
  const axes = node.attributes.dims.map((axis) => axis - 1);
  const shape = axes.map((axis) => x.shape[axis] as number);
  const size = sizeOf(shape);
  const places = Array.from({ length: x.data.length }, (_, to) => {
    const index = new Array<number>(shape.length).fill(0);
    let rest = to % size;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axes[axis] as number] = rest % (shape[axis] as number);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    const place = x.shape.reduce((sum, length, axis) => sum * length + (index[axis] as number), 0);
    return Math.floor(to / size) * size + place;
  });
  return { shape, places };
}

export const permute: OracleOp<"permute"> = {
  forward: (given) => {
    const { shape, places } = sourcesOf(given);
    const [{ images, data }] = given.inputs;
    return { images, shape, data: Float64Array.from(places, (from) => at(data, from)) };
  },
  backward: (given, dy) => {
    const dx = new Float64Array(dy.data.length);
    for (const [to, from] of sourcesOf(given).places.entries()) dx[from] = at(dy.data, to);
    return { inputs: [dx], parameters: {} };
  },
};
