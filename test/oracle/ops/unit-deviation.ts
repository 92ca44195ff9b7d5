/** x / sqrt(var + epsilon) by example in training, n - 1 below the variance, and its gradient; otherwise x. */
import { at } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

/** The statistics of each example. */
function statistics({ node, inputs: [x] }: Applied<"unitDeviation">, n: number) {
  return Array.from({ length: x.data.length / n }, (_, image) => {
    const own = x.data.subarray(image * n, (image + 1) * n);
    const mean = own.reduce((sum, value) => sum + value, 0) / n;
    const squares = own.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, deviation: Math.sqrt(squares / Math.max(1, n - 1) + node.attributes.epsilon) };
  });
}

const sizeOf = ({ inputs: [x] }: Applied<"unitDeviation">): number => x.shape.reduce((size, axis) => size * axis, 1);

export const unitDeviation: OracleOp<"unitDeviation"> = {
  forward: (given) => {
    const [x] = given.inputs;
    if (given.pass.phase !== "train") return x;
    const n = sizeOf(given);
    const found = statistics(given, n);
    return { ...x, data: x.data.map((value, i) => value / (found[Math.floor(i / n)]?.deviation as number)) };
  },
  backward: (given, dy) => {
    const [x] = given.inputs;
    if (given.pass.phase !== "train") return { inputs: [dy.data], parameters: {} };
    const n = sizeOf(given);
    const dx = new Float64Array(x.data.length);
    for (const [image, { mean, deviation }] of statistics(given, n).entries()) {
      const all = Array.from({ length: n }, (_, i) => image * n + i);
      const product = all.reduce((sum, i) => sum + at(dy.data, i) * at(x.data, i), 0);
      for (const i of all) {
        const through = ((at(x.data, i) - mean) * product) / (Math.max(1, n - 1) * deviation ** 3);
        dx[i] = at(dy.data, i) / deviation - through;
      }
    }
    return { inputs: [dx], parameters: {} };
  },
};
