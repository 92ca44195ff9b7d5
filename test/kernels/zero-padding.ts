/** Zeros around images, and what is left without them. */
import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const few = fc.integer({ min: 1, max: 5 });
const border = fc.integer({ min: 0, max: 9 });

const padding = property(
  "zeros around images, and back",
  fc.record({
    images: few,
    height: few,
    row: tails,
    above: border,
    below: border,
    before: border,
    behind: border,
    seed: seeds,
  }),
  (bench, { seed, ...sizes }) => {
    const { images, height, row, above, below, before, behind } = sizes;
    const random = numbers(seed);
    const x = random.reals(images * height * row);
    const [tall, line] = [above + height + below, before + row + behind];
    const padded = new Float32Array(images * tall * line);
    for (const [from, value] of x.entries()) {
      const [column, i] = [from % row, Math.floor(from / row)];
      padded[(Math.floor(i / height) * tall + above + (i % height)) * line + before + column] = value;
    }
    const y = bench.output(Float32Array, padded.length);
    status("zero_padding_forward", bench.call(k.zeroPaddingForward({ x: bench.input(x), ...sizes, y })), 0);
    sameBits("y", y.read(), padded);
    // The border of a gradient goes nowhere.
    const dy = padded.map((value) => (value === 0 ? Number.NaN : value));
    for (const [from, value] of x.entries()) {
      const [column, i] = [from % row, Math.floor(from / row)];
      dy[(Math.floor(i / height) * tall + above + (i % height)) * line + before + column] = value;
    }
    const given = { dy: bench.input(dy), ...sizes };
    const dx = bench.output(Float32Array, x.length);
    status("zero_padding_backward", bench.call(k.zeroPaddingBackward({ ...given, accumulate: false, dx })), 0);
    sameBits("dx", dx.read(), x);
    const there = random.reals(x.length);
    const onto = bench.state(there);
    status("zero_padding_backward", bench.call(k.zeroPaddingBackward({ ...given, accumulate: true, dx: onto })), 0);
    const sums = there.map((value, i) => value + x[i]!);
    sameBits("dx added up", onto.read(), sums);
  },
);

export const zeroPaddingProperties = [padding];
