/** The mean of each window over its pixels inside the image; tfjs's gradient counts those outside too. */
import { layers } from "../../nn/layers.ts";
import { convGeometry } from "../../nn/nodes.ts";
import type { WindowGeometry } from "../../nn/windows.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { padded, placesOf } from "./images.ts";
import { meanPool } from "./mean-pool.ts";
import type { ReferenceOp } from "./op.ts";

function averagePool(tf: TensorFlow, x: Tensor, geometry: WindowGeometry): Tensor {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth } = geometry;
  const window = [kernelHeight, kernelWidth] as [number, number];
  const strides = [strideHeight, strideWidth] as [number, number];
  const mean = tf.avgPool(padded(tf, x, geometry, 0), window, strides, "valid") as Tensor;
  const counts = insideCounts(geometry);
  const all = placesOf(geometry);
  if (counts.every((count) => count === all)) return mean;
  const factors = counts.map((count) => all / count);
  return tf.mul(mean, tf.tensor(factors, [1, geometry.outHeight, geometry.outWidth, 1]));
}

/** The number of pixels of each window that lie inside the image. */
function insideCounts(geometry: WindowGeometry): readonly number[] {
  const along = (out: number, stride: number, kernel: number, before: number, size: number): number[] =>
    Array.from({ length: out }, (_, i) => {
      const start = i * stride - before;
      return Math.min(size, start + kernel) - Math.max(0, start);
    });
  const { height, width, kernelHeight, kernelWidth, strideHeight, strideWidth, padTop, padLeft } = geometry;
  const rows = along(geometry.outHeight, strideHeight, kernelHeight, padTop, height);
  const columns = along(geometry.outWidth, strideWidth, kernelWidth, padLeft, width);
  return rows.flatMap((row) => columns.map((column) => row * column));
}

export const avgPool2d: ReferenceOp<"avgPool2d"> = {
  ...meanPool<"avgPool2d">(({ tf, node, site }, x) => averagePool(tf, x, convGeometry(node, site.inputShape))),
  cases: {
    alone: () => [
      around("avgPool2d 2x2, same", USUAL_IMAGE, (x) =>
        layers.avgPool2d({ poolSize: 2, padding: "same", name: "pool" }).apply(x),
      ),
      around("avgPool2d 3x2, strides 2x1", USUAL_IMAGE, (x) =>
        layers.avgPool2d({ poolSize: [3, 2], strides: [2, 1], name: "pool" }).apply(x),
      ),
    ],
  },
};
