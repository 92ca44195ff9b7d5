/** Every pixel several times: the pixel of each place is that of the quotients of its coordinates. */
import { at, type Value, zeros } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** Calls `visit` with the place of each element of the value, and its place in the input. */
function walk({ node, inputs: [x] }: Applied<"upSampling2d">, visit: (to: number, from: number) => void): Value {
  const [down, right] = node.attributes.size;
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const value = zeros(x.images, [height * down, width * right, channels]);
  let to = 0;
  for (let image = 0; image < x.images; image++) {
    for (let i = 0; i < height * down; i++) {
      for (let j = 0; j < width * right; j++) {
        const pixel = (image * height + Math.floor(i / down)) * width + Math.floor(j / right);
        for (let channel = 0; channel < channels; channel++) visit(to++, pixel * channels + channel);
      }
    }
  }
  return value;
}

export const upSampling2d: OracleOp<"upSampling2d"> = {
  forward: (given) => {
    const found: number[] = [];
    const value = walk(given, (_to, from) => found.push(at(given.inputs[0].data, from)));
    return { ...value, data: Float64Array.from(found) };
  },
  backward: (given, dy) => {
    const dx = new Float64Array(given.inputs[0].data.length);
    walk(given, (to, from) => {
      dx[from] = at(dx, from) + at(dy.data, to);
    });
    return { inputs: [dx], parameters: {} };
  },
};
