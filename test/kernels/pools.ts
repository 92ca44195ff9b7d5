import { numbers, pools } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status } from "./compare.ts";
import { avgPool, avgPoolGradient, inputPixels, maxPool, maxPoolGradient, outputPixels } from "./naive.ts";
import { property } from "./property.ts";

const pool = property("max-pool of reals and its gradient", pools, (bench, { shape, seed }) => {
  const random = numbers(seed);
  // Few different values, so that ties are common.
  const x = Float32Array.from({ length: inputPixels(shape) * shape.channels }, () => random.below(7) - 3);
  const expected = maxPool(shape, x);
  const descriptor = bench.shape(shape);
  const [y, argmax] = [bench.output(Float32Array, expected.y.length), bench.output(Uint8Array, expected.y.length)];
  status("max_pool", bench.call(k.maxPool({ shape: descriptor, x: bench.input(x), y, argmax })), 0);
  sameNumbers("y", y.read(), expected.y);
  sameBits("argmax", argmax.read(), expected.argmax);
  const values = bench.output(Float32Array, expected.y.length);
  status(
    "max_pool without positions",
    bench.call(k.maxPool({ shape: descriptor, x: bench.input(x), y: values, argmax: null })),
    0,
  );
  sameNumbers("values", values.read(), expected.y);
  const dy = random.reals(outputPixels(shape) * shape.channels);
  const dx = bench.output(Float32Array, x.length);
  status(
    "max_pool_backward",
    bench.call(k.maxPoolBackward({ shape: descriptor, dy: bench.input(dy), argmax, accumulate: false, dx })),
    0,
  );
  sameNumbers("dx", dx.read(), maxPoolGradient(shape, dy, expected.argmax));
  // Halves, so that no sum is rounded.
  const [halves, before] = [dy.map((value) => Math.round(value * 2) / 2), x];
  const onto = bench.state(before);
  status(
    "max_pool_backward",
    bench.call(k.maxPoolBackward({ shape: descriptor, dy: bench.input(halves), argmax, accumulate: true, dx: onto })),
    0,
  );
  const added = maxPoolGradient(shape, halves, expected.argmax).map((value, i) => value + before[i]!);
  sameNumbers("dx, added", onto.read(), added);
  const unknown = bench.input(new Float32Array(x.length).fill(Number.NaN));
  status("max_pool of NaN", bench.call(k.maxPool({ shape: descriptor, x: unknown, y, argmax })), 1);
  status(
    "max_pool of NaN without positions",
    bench.call(k.maxPool({ shape: descriptor, x: unknown, y, argmax: null })),
    1,
  );
});

const means = property("average pool and its gradient", pools, (bench, { shape, seed }) => {
  const random = numbers(seed);
  const x = random.reals(inputPixels(shape) * shape.channels);
  const descriptor = bench.shape(shape);
  const y = bench.output(Float32Array, outputPixels(shape) * shape.channels);
  status("avg_pool", bench.call(k.avgPool({ shape: descriptor, x: bench.input(x), y })), 0);
  sameBits("y", y.read(), avgPool(shape, x));
  const dy = random.reals(y.read().length);
  const [dx, sum] = [bench.output(Float32Array, x.length), bench.state(x)];
  status(
    "avg_pool_backward",
    bench.call(k.avgPoolBackward({ shape: descriptor, dy: bench.input(dy), accumulate: false, dx })),
    0,
  );
  sameNumbers("dx", dx.read(), avgPoolGradient(shape, dy, new Float32Array(x.length)));
  status(
    "avg_pool_backward, added",
    bench.call(k.avgPoolBackward({ shape: descriptor, dy: bench.input(dy), accumulate: true, dx: sum })),
    0,
  );
  sameBits("x + dx", sum.read(), avgPoolGradient(shape, dy, x));
  const unknown = bench.input(new Float32Array(x.length).fill(Number.NaN));
  status("avg_pool of NaN", bench.call(k.avgPool({ shape: descriptor, x: unknown, y })), 1);
});

export const poolProperties = [pool, means];
