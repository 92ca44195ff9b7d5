/** Dropout: in training an element stays, made larger, or becomes 0, by a draw of its number; otherwise all stay. */
import { drawsOf } from "../../../ts/nn/ops/dropout.ts";
import { at } from "../layers.ts";
import type { Applied, OracleOp } from "./op.ts";

type Words = readonly [bigint, bigint, bigint, bigint];
const LOW = 0xffff_ffffn;

/** Philox4x32-10, as its paper writes it: two products a round, whose halves change places. */
export function philox(counter: Words, key: readonly [bigint, bigint]): Words {
  let [[x0, x1, x2, x3], [k0, k1]] = [counter, key];
  for (let round = 0; round < 10; round++) {
    const [left, right] = [0xd251_1f53n * x0, 0xcd9e_8d57n * x2];
    [x0, x1, x2, x3] = [(right >> 32n) ^ x1 ^ k0, right & LOW, (left >> 32n) ^ x3 ^ k1, left & LOW];
    [k0, k1] = [(k0 + 0x9e37_79b9n) & LOW, (k1 + 0xbb67_ae85n) & LOW];
  }
  return [x0, x1, x2, x3];
}

/** The word of the element `number` of a batch. */
export function wordOf(number: number, [left, right, update]: readonly [number, number, number]): number {
  const words = philox([BigInt(Math.floor(number / 4)), 0n, BigInt(update), 0n], [BigInt(left), BigInt(right)]);
  return Number(words[(number % 4) as 0 | 1 | 2 | 3]);
}

/** The factor of every element. */
function factors({ node, pass, inputs: [x] }: Applied<"dropout">): Float64Array {
  const { rate } = node.attributes;
  const draws = drawsOf(node.name, pass);
  const drops = (i: number): boolean => pass.phase === "train" && wordOf(i, draws) < Math.floor(rate * 2 ** 32);
  const scale = pass.phase === "train" ? 1 / (1 - rate) : 1;
  return x.data.map((_, i) => (drops(i) ? 0 : scale));
}

export const dropout: OracleOp<"dropout"> = {
  forward: (given) => {
    const [x] = given.inputs;
    const factor = factors(given);
    return { ...x, data: x.data.map((value, i) => value * at(factor, i)) };
  },
  backward: (given, dy) => {
    const factor = factors(given);
    return { inputs: [dy.data.map((gradient, i) => gradient * at(factor, i))], parameters: {} };
  },
};
