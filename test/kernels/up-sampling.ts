/** Pixels several times, and the sums over their copies. */
import fc from "fast-check";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status } from "./compare.ts";
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

export const upSamplingProperties = [copies];
