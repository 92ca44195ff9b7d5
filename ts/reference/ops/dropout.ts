/** Dropout. The draws are made here a second time, since no generator of tfjs is a function of an element's number. */
import type { NodeOf } from "../../nn/graph.ts";
import { layers } from "../../nn/layers.ts";
import { drawsOf } from "../../nn/ops/dropout.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { roundedOnce } from "./learned.ts";
import type { Pass, ReferenceOp } from "./op.ts";

type Words = readonly [number, number, number, number];

/** High and low half of the product of two words; all that is rounded away is a floor of a whole number of a double. */
function product(a: number, b: number): readonly [high: number, low: number] {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle % 2 ** 16);
  return [a1 * b1 + Math.floor(middle / 2 ** 16) + Math.floor(other / 2 ** 16), Math.imul(a, b) >>> 0];
}

/** Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011, section 3.3). */
function philox(counter: Words, key: readonly [number, number]): Words {
  let [a, b, c, d] = counter;
  let [left, right] = key;
  for (let round = 0; round < 10; round++) {
    const [[high0, low0], [high1, low1]] = [product(0xd2511f53, a), product(0xcd9e8d57, c)];
    [a, b, c, d] = [(high1 ^ b ^ left) >>> 0, low1, (high0 ^ d ^ right) >>> 0, low0];
    [left, right] = [(left + 0x9e3779b9) >>> 0, (right + 0xbb67ae85) >>> 0];
  }
  return [a, b, c, d];
}

/** 1 / (1 - rate) for each number of `count` that stays in this update, 0 for others. */
export function factorsOf(
  { name, attributes: { rate } }: NodeOf<"dropout" | "dropPath">,
  pass: Pass,
  count: number,
): Float32Array {
  const [left, right, update] = drawsOf(name, pass);
  const found = new Float32Array(count);
  for (let first = 0; first < found.length; first += 4) {
    for (const [i, word] of philox([first / 4, 0, update, 0], [left, right]).entries()) {
      if (first + i < found.length && word >= Math.floor(rate * 2 ** 32)) found[first + i] = 1 / (1 - rate);
    }
  }
  return found;
}

export const dropout: ReferenceOp<"dropout"> = {
  value: ({ tf, node, inputs: [x], site }) => {
    if (site.pass.kind !== "train") return tf.clone(x);
    return tf.mul(x, tf.tensor(factorsOf(node, site.pass, x.size), x.shape));
  },
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf }, { gradient }) => roundedOnce(tf, gradient),
  cases: {
    alone: () => [around("dropout", USUAL_IMAGE, (x) => layers.dropout({ rate: 0.3, name: "dropout" }).apply(x))],
  },
};
