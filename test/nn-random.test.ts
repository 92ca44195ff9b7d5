import { describe, expect, it } from "vitest";
import { fansOf, initialValues, type Parameter, randomStream, shuffle } from "../ts/nn/index.ts";
import { fnv1a64, splitMix64, xoshiro128 } from "../ts/nn/random.ts";
import fc from "./fast-check.ts";
import { thrownBy } from "./nn-arbitrary.ts";

const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

describe("the generators, by their published vectors", () => {
  it("SplitMix64 from 1234567", () => {
    const outputs: bigint[] = [];
    let state = 1234567n;
    for (let index = 0; index < 5; index += 1) {
      const [next, output] = splitMix64(state);
      outputs.push(output);
      state = next;
    }
    expect(outputs).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
  });

  it("xoshiro128** from 1, 2, 3, 4", () => {
    const next = xoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, next)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it("FNV-1a of the empty string, a and foobar", () => {
    expect([fnv1a64(""), fnv1a64("a"), fnv1a64("foobar")]).toEqual([
      0xcbf29ce484222325n,
      0xaf63dc4c8601ec8cn,
      0x85944171f73967e8n,
    ]);
  });
});

describe("randomStream", () => {
  it("yields the same first numbers for ever", () => {
    const stream = randomStream(1, "conv2d/kernel");
    expect([stream.next(), stream.next(), stream.next()]).toEqual([1351827785, 83198961, 2462251079]);
  });

  it("gives different streams for different seeds and names", () => {
    fc.assert(
      fc.property(seeds, seeds, fc.string(), fc.string(), (seed, other, name, otherName) => {
        fc.pre(seed !== other && name !== otherName);
        const draws = [randomStream(seed, name), randomStream(other, name), randomStream(seed, otherName)].map(
          (stream) => [stream.next(), stream.next(), stream.next()].join(),
        );
        expect(new Set(draws).size).toBe(3);
      }),
    );
  });

  it("keeps uniform inside (0, 1), on numbers that f32 holds", () => {
    const stream = randomStream(7, "uniform");
    let sum = 0;
    for (let index = 0; index < 20_000; index += 1) {
      const value = stream.uniform();
      expect(value > 0 && value < 1).toBe(true);
      expect((value * 2 ** 25) % 2).toBe(1);
      sum += value;
    }
    // Five standard deviations of the mean of 20,000 uniform numbers.
    expect(Math.abs(sum / 20_000 - 0.5)).toBeLessThan((5 * Math.sqrt(1 / 12)) / Math.sqrt(20_000));
  });

  it("makes all numbers below a bound equally likely", () => {
    const stream = randomStream(3, "below");
    const counts = new Float64Array(7);
    for (let index = 0; index < 70_000; index += 1) {
      const value = stream.below(7);
      counts[value] = (counts[value] ?? Number.NaN) + 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    // 99.99th percentile for six degrees of freedom.
    expect(chiSquare).toBeLessThan(27.9);
    expect(stream.below(1)).toBe(0);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("refuses %s as a seed", (seed) => {
    const error = thrownBy(() => randomStream(seed, "x"));
    expect(error.code).toBe("argument");
    expect(error.message).toContain(`not ${seed}`);
  });
});

describe("shuffle", () => {
  it("is a permutation, the same for the same seed and epoch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), seeds, fc.nat(), (count, seed, epoch) => {
        const order = shuffle(count, seed, epoch);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
        expect(shuffle(count, seed, epoch)).toEqual(order);
      }),
    );
  });

  it("changes with the seed and with the epoch", () => {
    expect(shuffle(100, 1, 0)).not.toEqual(shuffle(100, 1, 1));
    expect(shuffle(100, 1, 0)).not.toEqual(shuffle(100, 2, 0));
  });

  it("makes all orders of three equally likely", () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 12_000; epoch += 1) {
      const order = shuffle(3, 5, epoch).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(counts.size).toBe(6);
    // 99.99th percentile for five degrees of freedom.
    expect(chiSquare).toBeLessThan(25.8);
  });
});

describe("initialValues", () => {
  const kernel: Parameter = {
    name: "conv2d/kernel",
    node: "conv2d",
    key: "kernel",
    role: "latent",
    shape: [3, 3, 16, 64],
    initializer: "glorotUniform",
  };
  const variance = (values: Float32Array): number =>
    values.reduce((sum, value) => sum + value * value, 0) / values.length;

  it("counts taps in both fans", () => {
    expect(fansOf([3, 3, 16, 64])).toEqual({ fanIn: 144, fanOut: 576 });
    expect(fansOf([784, 10])).toEqual({ fanIn: 784, fanOut: 10 });
  });

  it.each([
    ["glorotUniform", 2 / (144 + 576), Math.sqrt(6 / (144 + 576))],
    ["glorotNormal", 2 / (144 + 576), (2 * Math.sqrt(2 / (144 + 576))) / 0.8796],
    ["heUniform", 2 / 144, Math.sqrt(6 / 144)],
    ["heNormal", 2 / 144, (2 * Math.sqrt(2 / 144)) / 0.8796],
  ] as const)("%s has Keras's variance and bound", (initializer, expected, bound) => {
    const values = initialValues({ ...kernel, initializer }, 11);
    expect(values.length).toBe(9216);
    expect(variance(values) / expected).toBeGreaterThan(0.95);
    expect(variance(values) / expected).toBeLessThan(1.05);
    const largest = Math.max(...values.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.97 * bound);
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / 9216)).toBeLessThan(5 * Math.sqrt(expected / 9216));
  });

  it("fills zeros and ones", () => {
    expect(initialValues({ ...kernel, shape: [3], initializer: "zeros" }, 1)).toEqual(new Float32Array(3));
    expect(initialValues({ ...kernel, shape: [2], initializer: "ones" }, 1)).toEqual(new Float32Array([1, 1]));
  });

  it("depends on the seed and the parameter's own name alone", () => {
    const values = initialValues(kernel, 1);
    expect(initialValues({ ...kernel }, 1)).toEqual(values);
    expect(initialValues(kernel, 2)).not.toEqual(values);
    expect(initialValues({ ...kernel, name: "conv2d_1/kernel" }, 1)).not.toEqual(values);
  });
});
