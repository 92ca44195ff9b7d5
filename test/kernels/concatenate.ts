/** Concatenation, and each input's part of the gradient. */
import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const concatenation = property(
  "concatenation along an axis, and back",
  fc.record({ blocks: fc.integer({ min: 1, max: 9 }), first: tails, second: tails, seed: seeds }),
  (bench, { blocks, first, second, seed }) => {
    const random = numbers(seed);
    const block = first + second;
    const [a, b] = [random.reals(blocks * first), random.reals(blocks * second)];
    const joined = Float32Array.from({ length: blocks * block }, (_, i) => {
      const [row, column] = [Math.floor(i / block), i % block];
      return column < first ? a[row * first + column]! : b[row * second + column - first]!;
    });
    const y = bench.output(Float32Array, joined.length);
    const operands = { a: bench.input(a), b: bench.input(b), blocks, first, second };
    status("concatenate_forward", bench.call(k.concatenateForward({ ...operands, y })), 0);
    sameBits("y", y.read(), joined);
    for (const [values, from, size] of [
      [a, 0, first],
      [b, first, second],
    ] as const) {
      const part = { dy: bench.input(joined), blocks, block, first: from, size };
      const dx = bench.output(Float32Array, values.length);
      status("concatenate_backward", bench.call(k.concatenateBackward({ ...part, accumulate: false, dx })), 0);
      sameBits("dx", dx.read(), values);
      const before = random.reals(values.length);
      const onto = bench.state(before);
      status("concatenate_backward", bench.call(k.concatenateBackward({ ...part, accumulate: true, dx: onto })), 0);
      const sums = before.map((value, i) => value + values[i]!);
      sameBits("dx added up", onto.read(), sums);
    }
  },
);

export const concatenateProperties = [concatenation];
