/** Pixels several times, and the sums over their copies; pixels between others, and the sums of their shares. */
import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { gamma, sameBits, sameNumbers, status, within } from "./compare.ts";
import { property } from "./property.ts";

const few = fc.integer({ min: 1, max: 5 });

const copies = property(
  "pixels several times, and sums over the copies",
  fc.record({ rows: few, width: few, channels: tails, down: few, right: few, seed: seeds }),
  (bench, { rows, width, channels, down, right, seed }) => {
    const random = numbers(seed);
    const [small, line] = [rows * width * channels, width * right];
    const x = random.reals(small);
    const dy = random.reals(small * down * right);
    const sources = Array.from(dy, (_, to) => {
      const [channel, j, i] = [to % channels, Math.floor(to / channels) % line, Math.floor(to / channels / line)];
      return (Math.floor(i / down) * width + Math.floor(j / right)) * channels + channel;
    });
    // The order of additions is that of the copies.
    const sums = new Map<number, number>();
    for (const [to, from] of sources.entries()) {
      const sum = sums.get(from);
      sums.set(from, sum === undefined ? dy[to]! : Math.fround(sum + dy[to]!));
    }
    const sizes = { rows, width, channels, down, right };
    const y = bench.output(Float32Array, dy.length);
    status("up_sampling_forward", bench.call(k.upSamplingForward({ x: bench.input(x), ...sizes, y })), 0);
    const copied = Float32Array.from(sources, (from) => x[from]!);
    sameBits("y", y.read(), copied);
    const given = { dy: bench.input(dy), ...sizes };
    const dx = bench.output(Float32Array, small);
    status("up_sampling_backward", bench.call(k.upSamplingBackward({ ...given, accumulate: false, dx })), 0);
    const expected = Float32Array.from(x, (_, from) => sums.get(from)!);
    sameNumbers("dx", dx.read(), expected);
    const before = random.reals(small);
    const onto = bench.state(before);
    status("up_sampling_backward", bench.call(k.upSamplingBackward({ ...given, accumulate: true, dx: onto })), 0);
    const added = before.map((value, i) => value + expected[i]!);
    sameNumbers("dx added up", onto.read(), added);
  },
);

/** The pixels around a place of an axis and their shares in it; 0 for the second where it is the first. */
function around(at: number, factor: number, pixels: number): readonly (readonly [number, number])[] {
  const place = Math.min(pixels - 1, Math.max(0, (at + 0.5) / factor - 0.5));
  const first = Math.floor(place);
  return [
    [first, 1 - place + first],
    [Math.min(pixels - 1, first + 1), place - first],
  ];
}

const between = property(
  "pixels between others, and sums of their shares",
  fc.record({
    ...{ images: few, height: few, width: few, channels: tails, down: few, right: few, cut: fc.nat(), seed: seeds },
  }),
  (bench, { images, height, width, channels, down, right, cut, seed }) => {
    const random = numbers(seed);
    const [rows, columns] = [images * height * down, width * right];
    const x = random.reals(images * height * width * channels);
    const dy = random.reals(rows * columns * channels);
    const [value, size] = [new Float64Array(dy.length), new Float64Array(dy.length)];
    const [sum, reach] = [new Float64Array(x.length), new Float64Array(x.length)];
    for (let to = 0; to < dy.length; to++) {
      const [channel, j, i] = [to % channels, Math.floor(to / channels) % columns, Math.floor(to / channels / columns)];
      const image = Math.floor(i / (height * down));
      for (const [row, below] of around(i % (height * down), down, height)) {
        for (const [column, behind] of around(j, right, width)) {
          const from = ((image * height + row) * width + column) * channels + channel;
          value[to]! += below * behind * x[from]!;
          size[to]! += Math.abs(x[from]!);
          sum[from]! += below * behind * dy[to]!;
          reach[from]! += Math.abs(dy[to]!);
        }
      }
    }
    const sizes = { images, height, width, channels, down, right };
    const parts = [
      { first: 0, count: cut % (rows + 1) },
      { first: cut % (rows + 1), count: rows - (cut % (rows + 1)) },
    ];
    const found = parts.flatMap((part) => {
      const y = bench.output(Float32Array, part.count * columns * channels);
      status("bilinear_forward", bench.call(k.bilinearForward({ x: bench.input(x), ...sizes, ...part, y })), 0);
      return Array.from(y.read());
    });
    within("y", found, value, (i) => gamma(8) * size[i]!);
    const terms = 4 * down * right + 4;
    const before = random.reals(x.length);
    for (const accumulate of [false, true]) {
      const dx = bench.state(before);
      const call = k.bilinearBackward({ dy: bench.input(dy), ...sizes, accumulate, dx });
      status("bilinear_backward", bench.call(call), 0);
      const start = (i: number): number => (accumulate ? before[i]! : 0);
      const bound = (i: number): number => gamma(terms) * (reach[i]! + Math.abs(start(i)));
      within(
        "dx",
        dx.read(),
        sum.map((own, i) => own + start(i)),
        bound,
      );
    }
  },
);

export const upSamplingProperties = [copies, between];
