/** The ends of a residual branch against their definitions: a learned scale's gradients, and images that are dropped as a whole. */
import fc from "../fast-check.ts";
import { wordOf } from "../oracle/ops/dropout.ts";
import { numbers, seeds } from "./arbitrary.ts";
import { at, k } from "./bench.ts";
import { sameBits, sameNumbers, status } from "./compare.ts";
import { property } from "./property.ts";

const rowsAndChannels = { rows: fc.integer({ min: 1, max: 40 }), channels: fc.integer({ min: 1, max: 70 }) };

const scales = property(
  "the gradients of a learned scale",
  fc.record({ ...rowsAndChannels, seed: seeds }),
  (bench, { rows, channels, seed }) => {
    const random = numbers(seed);
    const size = rows * channels;
    const [x, dy, gamma, before] = [random.reals(size), random.reals(size), random.reals(channels), random.reals(size)];
    const given = { x: bench.input(x), dy: bench.input(dy), gamma: bench.input(gamma), rows, channels };
    const share = dy.map((gradient, i) => gradient * gamma[i % channels]!);
    const sums = Float32Array.from({ length: channels }, (_, channel) => {
      let sum = 0;
      for (let i = channel; i < size; i += channels) sum += x[i]! * dy[i]!;
      return sum;
    });
    const call = (accumulate: boolean, dx: Parameters<typeof k.layerScaleBackward>[0]["dx"]): void => {
      const dgamma = bench.output(Float32Array, channels);
      status("layer_scale_backward", bench.call(k.layerScaleBackward({ ...given, accumulate, dx, dgamma })), 0);
      sameBits("dgamma", dgamma.read(), sums);
    };
    const [dx, onto] = [bench.output(Float32Array, size), bench.state(before)];
    call(false, dx);
    call(true, onto);
    call(false, null);
    sameNumbers("dx", dx.read(), share);
    const added = share.map((value, i) => before[i]! + value);
    sameNumbers("dx, added", onto.read(), added);
  },
);

const drops = property(
  "images dropped as a whole",
  fc.record({
    images: fc.integer({ min: 1, max: 9 }),
    size: fc.integer({ min: 1, max: 30 }),
    first: fc.nat({ max: 9 }),
    rate: fc.constantFrom(0, 0.1, 0.5, 0.9),
    seed: seeds,
  }),
  (bench, { images, size, first, rate, seed }) => {
    const random = numbers(seed);
    const [x, before] = [random.reals(images * size), random.reals(images * size)];
    const key = [random.below(2 ** 24), random.below(2 ** 24), random.below(2 ** 24)] as const;
    const scale = Math.fround(1 / (1 - rate));
    const stays = (image: number): boolean => wordOf(first + image, key) >= Math.floor(rate * 2 ** 32);
    const expected = x.map((value, i) => (stays(Math.floor(i / size)) ? value * scale : 0));
    const draws = bench.input(Float32Array.from(key));
    const given = { x: bench.input(x), images, size, first, rate, draws };
    const [y, onto] = [bench.output(Float32Array, images * size), bench.state(before)];
    status("drop_path", bench.call(k.dropPath({ ...given, accumulate: false, y })), 0);
    status("drop_path", bench.call(k.dropPath({ ...given, accumulate: true, y: onto })), 0);
    sameBits("y", y.read(), expected);
    const sums = before.map((value, i) => value + expected[i]!);
    sameBits("y added up", onto.read(), sums);
    const last = { ...given, x: at(given.x, 4 * (images - 1) * size), images: 1, first: first + images - 1 };
    const part = bench.output(Float32Array, size);
    status("drop_path", bench.call(k.dropPath({ ...last, accumulate: false, y: part })), 0);
    sameBits("the last image", part.read(), expected.slice(-size));
    const place = random.below(images * size);
    const broken = bench.input(x.map((value, i) => (i === place ? Number.NaN : value)));
    status("drop_path of NaN", bench.call(k.dropPath({ ...given, x: broken, accumulate: false, y })), 1);
  },
);

export const branchProperties = [scales, drops];
