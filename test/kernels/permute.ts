/** Axes in another order, whole and in part. */
import fc from "../fast-check.ts";
import { numbers, seeds } from "./arbitrary.ts";
import { at, k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const axes = fc.tuple(...[5, 5, 6, 19].map((max) => fc.integer({ min: 1, max })));
const orders = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4, maxLength: 4 });

const permutations = property(
  "axes in another order",
  fc.record({ images: fc.integer({ min: 1, max: 3 }), axes, order: orders, seed: seeds }),
  (bench, { images, axes, order, seed }) => {
    const random = numbers(seed);
    const stride = (axis: number): number => axes.slice(axis + 1).reduce((product, size) => product * size, 1);
    const [size0, size1, size2, size3] = order.map((axis) => axes[axis]) as [number, number, number, number];
    const [stride0, stride1, stride2, stride3] = order.map(stride) as [number, number, number, number];
    const size = size0 * size1 * size2 * size3;
    const x = random.reals(images * size);
    const expected = new Float32Array(images * size);
    let to = 0;
    for (let image = 0; image < images; image++) {
      for (let a = 0; a < size0; a++) {
        for (let b = 0; b < size1; b++) {
          for (let c = 0; c < size2; c++) {
            for (let d = 0; d < size3; d++) {
              expected[to++] = x[image * size + a * stride0 + b * stride1 + c * stride2 + d * stride3]!;
            }
          }
        }
      }
    }
    const source = bench.input(x);
    const given = { x: source, images, size0, size1, size2, size3, stride0, stride1, stride2, stride3 };
    const y = bench.output(Float32Array, x.length);
    status("permute", bench.call(k.permute({ ...given, accumulate: false, y })), 0);
    sameBits("y", y.read(), expected);
    const before = random.reals(x.length);
    const onto = bench.state(before);
    status("permute", bench.call(k.permute({ ...given, accumulate: true, y: onto })), 0);
    const sums = before.map((value, i) => value + expected[i]!);
    sameBits("y added up", onto.read(), sums);
    const first = Math.floor(size0 / 2);
    const some = bench.output(Float32Array, (size / size0) * (size0 - first));
    const part = { ...given, x: at(source, 4 * first * stride0), images: 1, size0: size0 - first };
    status("permute", bench.call(k.permute({ ...part, accumulate: false, y: some })), 0);
    sameBits("a part of y", some.read(), expected.subarray((size / size0) * first, size).slice());
  },
);

export const permuteProperties = [permutations];
