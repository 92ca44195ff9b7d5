/** Properties of depthwise convolutions: forward, and both ways back. */

import type { ConvShape } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { geometry, numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { gamma, sameBits, status, within } from "./compare.ts";
import * as naive from "./naive.ts";
import { property } from "./property.ts";

interface Case {
  /** The kernel is the extent of a window, gaps included. */
  readonly shape: ConvShape;
  readonly taps: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly seed: number;
}

const pairs = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));

const cases: fc.Arbitrary<Case> = fc
  .record({
    images: fc.integer({ min: 1, max: 2 }),
    size: fc.tuple(fc.integer({ min: 5, max: 8 }), fc.integer({ min: 5, max: 9 })),
    channels: tails,
    multiplier: fc.integer({ min: 1, max: 3 }),
    taps: pairs(3),
    dilation: pairs(2),
    strides: pairs(3),
    same: fc.boolean(),
    padOne: fc.boolean(),
    seed: seeds,
  })
  .map(({ size: [height, width], multiplier, taps, dilation, seed, ...sizes }) => {
    const kernel = [(taps[0] - 1) * dilation[0] + 1, (taps[1] - 1) * dilation[1] + 1] as const;
    const shape = geometry({ ...sizes, height, width, kernel, filters: multiplier * sizes.channels });
    return { shape, taps, dilation, seed };
  });

/** Calls `visit` with the places of every product in x (-1 outside), w and y: outputs, then taps, in order. */
function forEachProduct({ shape, taps, dilation }: Case, visit: (x: number, w: number, y: number) => void): void {
  const { channels, filters, kernelWidth } = shape;
  naive.forEachTap(shape, (output, place, pixel) => {
    const [row, column] = [Math.floor(place / kernelWidth), place % kernelWidth];
    if (row % dilation[0] !== 0 || column % dilation[1] !== 0) return;
    const tap = (row / dilation[0]) * taps[1] + column / dilation[1];
    for (let o = 0; o < filters; o++) {
      const channel = Math.floor((o * channels) / filters);
      visit(pixel < 0 ? -1 : pixel * channels + channel, tap * filters + o, output * filters + o);
    }
  });
}

/** Numbers for all tensors of a case. */
function tensorsOf({ shape, taps, seed }: Case) {
  const random = numbers(seed);
  const x = random.reals(naive.inputPixels(shape) * shape.channels);
  const w = random.reals(taps[0] * taps[1] * shape.filters);
  const y = random.reals(naive.outputPixels(shape) * shape.filters);
  const border = shape.padOne ? 1 : 0;
  const { channels } = shape;
  const padded = Float32Array.from({ length: naive.paddedPixels(shape) * channels }, () => border);
  naive.interior(shape).forEach((pixel, at) => {
    if (pixel >= 0) padded.set(x.subarray(pixel * channels, (pixel + 1) * channels), at * channels);
  });
  return { x, w, y, padded, valueAt: (at: number) => (at < 0 ? border : (x[at] as number)) };
}

const round = Math.fround;

const forward = property("depthwise: the bits of the sums in order, with and without a bias", cases, (bench, given) => {
  const { shape, dilation, seed } = given;
  const { w, y, padded, valueAt } = tensorsOf(given);
  const bias = numbers(seed ^ 5).reals(shape.filters);
  const sums = new Float32Array(y.length);
  forEachProduct(given, (at, weight, out) => {
    sums[out] = round(sums[out]! + round(valueAt(at) * w[weight]!));
  });
  for (const added of [null, bias]) {
    const out = bench.output(Float32Array, y.length);
    const operands = { x: bench.input(padded), w: bench.input(w), bias: added === null ? null : bench.input(added) };
    const rates = { dilationHeight: dilation[0], dilationWidth: dilation[1] };
    status("depthwise_conv", bench.call(k.depthwiseConv({ shape: bench.shape(shape), ...rates, ...operands, out })), 0);
    const expected = added === null ? sums : sums.map((sum, i) => sum + added[i % added.length]!);
    sameBits("y", out.read(), expected);
  }
});

const filters = property("depthwise: the filters' gradient, the bits of the sum in order", cases, (bench, given) => {
  const { shape, dilation } = given;
  const { w, y: dy, padded, valueAt } = tensorsOf(given);
  const expected = new Float32Array(w.length);
  forEachProduct(given, (at, weight, out) => {
    expected[weight] = round(expected[weight]! + round(valueAt(at) * dy[out]!));
  });
  const dw = bench.output(Float32Array, w.length);
  const operands = { shape: bench.shape(shape), x: bench.input(padded), dy: bench.input(dy) };
  const rates = { dilationHeight: dilation[0], dilationWidth: dilation[1] };
  const call = k.depthwiseConvBackwardFilter({ ...operands, ...rates, dw });
  status("depthwise_conv_backward_filter", bench.call(call), 0);
  sameBits("dw", dw.read(), expected);
});

const input = property("depthwise: the input's gradient, written and added", cases, (bench, given) => {
  const { shape, dilation, taps } = given;
  const { x, w, y: dy } = tensorsOf(given);
  const rates = { dilationHeight: dilation[0], dilationWidth: dilation[1] };
  const operands = { shape: bench.shape(shape), ...rates, w: bench.input(w), dy: bench.input(dy) };
  for (const accumulate of [false, true]) {
    const expected = Float64Array.from(x, (value) => (accumulate ? value : 0));
    const size = expected.map(Math.abs);
    forEachProduct(given, (at, weight, out) => {
      if (at < 0) return;
      expected[at]! += w[weight]! * dy[out]!;
      size[at]! += Math.abs(w[weight]! * dy[out]!);
    });
    const dx = bench.state(x);
    const call = k.depthwiseConvBackwardInput({ ...operands, accumulate, dx });
    status("depthwise_conv_backward_input", bench.call(call), 0);
    // Each product and each addition is rounded once.
    const terms = taps[0] * taps[1] * (shape.filters / shape.channels) + 2;
    within("dx", dx.read(), expected, (i) => gamma(terms) * size[i]!);
  }
});

export const depthwiseProperties = [forward, filters, input];
