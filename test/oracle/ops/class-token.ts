/** A learned token in front of the others, image by image. */
import { at } from "../layers.ts";
import type { OracleOp } from "./op.ts";

export const classToken: OracleOp<"classToken"> = {
  forward: ({ inputs: [x], parameter }) => {
    const size = x.data.length / x.images;
    const images = Array.from({ length: x.images }, (_, image) => [
      ...parameter("token"),
      ...x.data.subarray(image * size, (image + 1) * size),
    ]);
    const [tokens = 0, features = 0] = x.shape;
    return { images: x.images, shape: [tokens + 1, features], data: Float64Array.from(images.flat()) };
  },
  backward: ({ inputs: [x], parameter }, dy) => {
    const features = parameter("token").length;
    const block = dy.data.length / dy.images;
    const token = new Float64Array(features);
    const dx = dy.data.filter((_, i) => i % block >= features);
    for (const [i, gradient] of dy.data.entries()) {
      if (i % block < features) token[i % block] = at(token, i % block) + gradient;
    }
    return { inputs: [dx.subarray(0, x.data.length)], parameters: { token } };
  },
};
