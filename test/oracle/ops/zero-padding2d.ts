/** Zeros around images: a place of the value is one of the input, or it lies in the border. */
import { at, type Value, zeros } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** Calls `visit` with the place in the value of each element of the input, and its place there. */
function walk({ node, inputs: [x] }: Applied<"zeroPadding2d">, visit: (to: number, from: number) => void): Value {
  const [[top, bottom], [left, right]] = node.attributes.padding;
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const [tall, wide] = [top + height + bottom, left + width + right];
  x.data.forEach((_, from) => {
    const [channel, pixel] = [from % channels, Math.floor(from / channels)];
    const [j, line] = [pixel % width, Math.floor(pixel / width)];
    const [i, image] = [line % height, Math.floor(line / height)];
    visit(((image * tall + top + i) * wide + left + j) * channels + channel, from);
  });
  return zeros(x.images, [tall, wide, channels]);
}

export const zeroPadding2d: OracleOp<"zeroPadding2d"> = {
  forward: (given) => {
    const found = new Map<number, number>();
    const value = walk(given, (to, from) => found.set(to, at(given.inputs[0].data, from)));
    return { ...value, data: value.data.map((zero, to) => found.get(to) ?? zero) };
  },
  backward: (given, dy) => {
    const dx = new Float64Array(given.inputs[0].data.length);
    walk(given, (to, from) => {
      dx[from] = at(dy.data, to);
    });
    return { inputs: [dx], parameters: {} };
  },
};
