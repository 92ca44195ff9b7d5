/** A range along an axis: element by element, from its index along every axis. */
import { at, sizeOf, type Value } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** The place in the input of each element of the value, and the value's shape. */
function placesOf({ node, inputs: [x] }: Applied<"slice">) {
  const { axis, start, size } = node.attributes;
  const along = axis < 0 ? x.shape.length + axis : axis;
  const behind = sizeOf(x.shape.slice(along + 1));
  const length = x.shape[along] as number;
  const isIn = (i: number): boolean => {
    const index = Math.floor(i / behind) % length;
    return index >= start && index < start + size;
  };
  const places = Array.from(x.data.keys()).filter(isIn);
  return { places, shape: x.shape.map((all, i) => (i === along ? size : all)) };
}

export const slice: OracleOp<"slice"> = {
  forward: (given): Value => {
    const { places, shape } = placesOf(given);
    const [x] = given.inputs;
    return { images: x.images, shape, data: Float64Array.from(places, (place) => at(x.data, place)) };
  },
  backward: (given, dy) => {
    const dx = new Float64Array(given.inputs[0].data.length);
    for (const [i, place] of placesOf(given).places.entries()) dx[place] = at(dy.data, i);
    return { inputs: [dx], parameters: {} };
  },
};
