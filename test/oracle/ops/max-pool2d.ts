/** The largest value in each window: the first of equal ones, places outside left out. Its gradient goes there. */
import { at, note, type Value, zeros } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";
import { outputOf, slide } from "./windows.ts";

/** The values, and the number of the element that each came from. */
function pooled({ node, inputs: [x], pass }: Applied<"maxPool2d">): { y: Value; places: Int32Array } {
  const windows = { ...node.attributes, window: node.attributes.poolSize };
  const channels = x.shape[2] as number;
  const y = zeros(x.images, [...outputOf(x.shape, windows), channels]);
  const places = new Int32Array(y.data.length).fill(-1);
  slide(x, windows, (output, _place, input) => {
    if (input < 0) return;
    for (let c = 0; c < channels; c++) {
      const [to, from] = [output * channels + c, input * channels + c];
      if (places[to] !== -1) note(pass.margin, at(x.data, from), at(y.data, to));
      if (places[to] !== -1 && at(x.data, from) <= at(y.data, to)) continue;
      y.data[to] = at(x.data, from);
      places[to] = from;
    }
  });
  return { y, places };
}

export const maxPool2d: OracleOp<"maxPool2d"> = {
  forward: (given) => pooled(given).y,
  backward: (given, dy) => {
    const dx = new Float64Array(given.inputs[0].data.length);
    pooled(given).places.forEach((place, i) => {
      dx[place] = at(dx, place) + at(dy.data, i);
    });
    return { inputs: [dx], parameters: {} };
  },
};
