/**
 * Images made larger. By the nearest pixel, a place has that of the quotients of its coordinates; bilinear, it has shares
 * in the four pixels around it, the closer the larger.
 */
import { at, type Value, zeros } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** A pixel of an axis and its share in a place. */
type Share = readonly [pixel: number, share: number];

const nearest = (place: number, factor: number): readonly Share[] => [[Math.floor(place / factor), 1]];

/** Centres of pixels lie at half numbers, and the image goes on beyond its ends as it ends. */
function bilinear(place: number, factor: number, pixels: number): readonly Share[] {
  const centre = Math.min(pixels - 0.5, Math.max(0.5, (place + 0.5) / factor));
  const all = Array.from({ length: pixels }, (_, pixel): Share => [pixel, 1 - Math.abs(centre - pixel - 0.5)]);
  return all.filter(([, share]) => share > 0);
}

/** Calls `visit` with the place of each element of the value, and the place and share of each that it is made of. */
function walk(
  { node, inputs: [x] }: Applied<"upSampling2d">,
  visit: (to: number, from: number, share: number) => void,
): Value {
  const { size, interpolation } = node.attributes;
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const around = interpolation === "bilinear" ? bilinear : nearest;
  const value = zeros(x.images, [height * size[0], width * size[1], channels]);
  let to = 0;
  for (let image = 0; image < x.images; image++) {
    for (let i = 0; i < height * size[0]; i++) {
      for (let j = 0; j < width * size[1]; j++) {
        for (let channel = 0; channel < channels; channel++, to++) {
          for (const [row, down] of around(i, size[0], height)) {
            for (const [column, right] of around(j, size[1], width)) {
              visit(to, ((image * height + row) * width + column) * channels + channel, down * right);
            }
          }
        }
      }
    }
  }
  return value;
}

export const upSampling2d: OracleOp<"upSampling2d"> = {
  forward: (given) => {
    const sums: number[] = [];
    const value = walk(given, (to, from, share) => {
      sums[to] = (sums[to] ?? 0) + share * at(given.inputs[0].data, from);
    });
    return { ...value, data: Float64Array.from(sums) };
  },
  backward: (given, dy) => {
    const dx = new Float64Array(given.inputs[0].data.length);
    walk(given, (to, from, share) => {
      dx[from] = at(dx, from) + share * at(dy.data, to);
    });
    return { inputs: [dx], parameters: {} };
  },
};
