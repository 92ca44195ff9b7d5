/** Properties of the three products as convolutions: forward, and both ways back. */
import { hasAdjoint } from "../../ts/program/conv-shape.ts";
import {
  type ConvShape,
  extentHeight,
  extentWidth,
  fbFilterScratchBytes,
  fbForwardScratchBytes,
  fbInputScratchBytes,
  fbInputWeightBytes,
  fbSignScratchBytes,
  fbSignWeightBytes,
} from "../../ts/program/kernels.ts";
import { backwardMapNumbers } from "../../ts/quantizers/maps.ts";
import { type Case, convolutions, dense, geometry, numbers } from "./arbitrary.ts";
import { k, type Tensor } from "./bench.ts";
import { gamma, sameBits, sameNumbers, status, within } from "./compare.ts";
import * as naive from "./naive.ts";
import { bitsOf, inputWeights, nibbles } from "./naive-bits.ts";
import { property } from "./property.ts";

/** Long sums. */
const long: readonly Case[] = [
  { shape: dense(5, 2048, 33), seed: 1 },
  { shape: dense(2, 66_000, 17), seed: 2 },
  { shape: dense(9, 251, 3), seed: 3 },
];

/** Sixteen images and more: as many as the input's gradient works on side by side, with kernels over one to four columns. */
const sixteen: readonly Case[] = [1, 2, 3, 4].map((kernel) => ({
  shape: geometry({
    images: 15 + kernel,
    height: 4,
    width: 5,
    channels: 6,
    kernel: [2, kernel],
    strides: [1, kernel === 4 ? 2 : 1],
    dilation: [1, kernel === 2 ? 2 : 1],
    same: kernel !== 2,
    padOne: false,
    filters: 9 + 20 * kernel,
  }),
  seed: kernel,
}));

/** The whole padded buffer of reals. */
function padded({ shape }: Case, x: Float32Array): Float32Array {
  const { channels } = shape;
  const map = naive.interior(shape);
  return Float32Array.from({ length: map.length * channels }, (_, i) => {
    const pixel = map[Math.floor(i / channels)]!;
    return pixel < 0 ? Number(shape.padOne) : x[pixel * channels + (i % channels)]!;
  });
}

/** Columns in panels of eight, filled up with zeros. */
function panels(w: Float32Array, k: number, n: number): Float32Array {
  const out = new Float32Array(Math.ceil(n / 8) * k * 8);
  for (let row = 0; row < k; row++) {
    for (let column = 0; column < n; column++) {
      out[((column >> 3) * k + row) * 8 + (column & 7)] = w[row * n + column]!;
    }
  }
  return out;
}

const ff = property(
  "real times real: the bits of the sum in order, with and without a bias",
  convolutions,
  (bench, convolution) => {
    const { shape, seed } = convolution;
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const w = random.reals(naive.terms(shape) * shape.filters);
    const bias = random.reals(shape.filters);
    const descriptor = bench.shape(shape);
    const wide = bench.output(Float32Array, naive.paddedPixels(shape) * shape.channels);
    status("pad_real", bench.call(k.padReal({ shape: descriptor, x: bench.input(x), out: wide })), 0);
    sameBits("padded", wide.read(), padded(convolution, x));
    const packed = bench.output(Float32Array, panels(w, naive.terms(shape), shape.filters).length);
    status(
      "pack_panels",
      bench.call(k.packPanels({ w: bench.input(w), k: naive.terms(shape), n: shape.filters, out: packed })),
      0,
    );
    sameBits("panels", packed.read(), panels(w, naive.terms(shape), shape.filters));
    for (const given of [null, bias]) {
      const y = bench.output(Float32Array, naive.outputPixels(shape) * shape.filters);
      const address = given === null ? null : bench.input(given);
      status("ff_conv", bench.call(k.ffConv({ shape: descriptor, x: wide, panels: packed, bias: address, out: y })), 0);
      sameBits("y", y.read(), naive.inOrderConv(shape, x, w, given));
    }
  },
  { examples: [long[0]!, long[2]!], runs: 60 },
);

const ffFilter = property(
  "real times real: the filters' gradient, the bits of the sum in order",
  convolutions,
  (bench, convolution) => {
    const { shape, seed } = convolution;
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const dy = random.reals(naive.outputPixels(shape) * shape.filters);
    const dw = bench.output(Float32Array, naive.terms(shape) * shape.filters);
    const inputs = { shape: bench.shape(shape), x: bench.input(padded(convolution, x)), dy: bench.input(dy) };
    status("ff_conv_backward_filter", bench.call(k.ffConvBackwardFilter({ ...inputs, dw })), 0);
    sameBits("dw", dw.read(), naive.inOrderFilterGradient(shape, x, dy));
  },
  { examples: [long[2]!, { shape: dense(300, 9, 10), seed: 4 }] },
);

/** dY over the image and as much as windows reach beyond it, each element where its window begins; what no window of the gradient reads is left out. */
function dilated({ shape }: Case, dy: Float32Array): Float32Array {
  const { filters } = shape;
  const [below, behind] = [
    (shape.kernelHeight - 1) * shape.dilationHeight,
    (shape.kernelWidth - 1) * shape.dilationWidth,
  ];
  const [height, width] = [shape.height + below, shape.width + behind];
  const out = new Float32Array(shape.images * height * width * filters);
  for (let output = 0; output < naive.outputPixels(shape); output++) {
    const image = Math.floor(output / (shape.outHeight * shape.outWidth));
    const oy = Math.floor(output / shape.outWidth) % shape.outHeight;
    const y = oy * shape.strideHeight + below - shape.padTop;
    const x = (output % shape.outWidth) * shape.strideWidth + behind - shape.padLeft;
    if (y < 0 || y >= height || x < 0 || x >= width) continue;
    for (let n = 0; n < filters; n++) out[((image * height + y) * width + x) * filters + n] = dy[output * filters + n]!;
  }
  return out;
}

const ffInput = property(
  "real times real: the input's gradient, by dilation and transposed panels",
  convolutions,
  (bench, convolution) => {
    const { shape, seed } = convolution;
    const { channels, filters } = shape;
    const random = numbers(seed);
    const w = random.reals(naive.terms(shape) * filters);
    const dy = random.reals(naive.outputPixels(shape) * filters);
    const descriptor = bench.shape(shape);
    const spread = bench.output(Float32Array, dilated(convolution, dy).length);
    status("dilate_real", bench.call(k.dilateReal({ shape: descriptor, dy: bench.input(dy), out: spread })), 0);
    sameBits("dilated", spread.read(), dilated(convolution, dy));

    const rows = naive.taps(shape) * filters;
    const turned = Float32Array.from({ length: rows * channels }, (_, i) => {
      const [tap, n, c] = [Math.floor(i / (filters * channels)), Math.floor(i / channels) % filters, i % channels];
      return w[((naive.taps(shape) - 1 - tap) * channels + c) * filters + n]!;
    });
    const packed = bench.output(Float32Array, panels(turned, rows, channels).length);
    status(
      "pack_panels_transposed",
      bench.call(k.packPanelsTransposed({ shape: descriptor, w: bench.input(w), out: packed })),
      0,
    );
    sameBits("transposed panels", packed.read(), panels(turned, rows, channels));

    const [expected, size] = naive.inputGradient(shape, dy, w);
    const dx = bench.output(Float32Array, expected.length);
    status(
      "ff_conv_backward_input",
      bench.call(k.ffConvBackwardInput({ shape: descriptor, dy: spread, panels: packed, dx })),
      0,
    );
    // A sum of so many products, every product and every addition rounded once.
    within("dx", dx.read(), expected, (i) => gamma(rows + 1) * size[i]!);
  },
);

/** Per column, the sum of the magnitudes of the rows of a matrix. */
function columnSizes(matrix: Float32Array, columns: number): Float64Array {
  const sizes = new Float64Array(columns);
  matrix.forEach((value, i) => {
    sizes[i % columns]! += Math.abs(value);
  });
  return sizes;
}

const fb = property(
  "+-1 times real: sums within their rounding, the same bits for a pixel and a filter on their own",
  convolutions,
  (bench, convolution) => {
    const { shape, seed } = convolution;
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const w = random.reals(naive.terms(shape) * shape.filters);
    const y = bench.output(Float32Array, naive.outputPixels(shape) * shape.filters);
    const scratch = bench.output(Uint8Array, fbForwardScratchBytes(shape));
    const bits = nibbles(shape, bitsOf(x));
    status(
      "fb_conv",
      bench.call(k.fbConv({ shape: bench.shape(shape), bits: bench.input(bits), w: bench.input(w), out: y, scratch })),
      0,
    );
    // K terms are summed, and those that padding added are given back: at most 2 K terms, each of a weight's size.
    const sizes = columnSizes(w, shape.filters);
    const found = y.read();
    within(
      "y",
      found,
      naive.mixedConv(shape, x, w),
      (i) => gamma(2 * naive.terms(shape) + 8) * 2 * sizes[i % shape.filters]!,
    );

    const [image, filter] = [random.below(shape.images), random.below(shape.filters)];
    const alone = { ...shape, images: 1, filters: 1 };
    const perImage = bits.length / shape.images;
    const one = bits.slice(image * perImage, (image + 1) * perImage);
    const column = w.filter((_, i) => i % shape.filters === filter);
    const single = bench.output(Float32Array, naive.outputPixels(alone));
    bench.call(
      k.fbConv({ shape: bench.shape(alone), bits: bench.input(one), w: bench.input(column), out: single, scratch }),
    );
    const start = image * single.read().length * shape.filters;
    sameBits(
      "y on its own",
      single.read(),
      single.read().map((_, i) => found[start + i * shape.filters + filter]!),
    );
  },
  { examples: [long[0]!, long[2]!], runs: 60 },
);

const fbFilter = property(
  "+-1 times real: the filters' gradient within its rounding",
  convolutions,
  (bench, convolution) => {
    const { shape, seed } = convolution;
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const dy = random.reals(naive.outputPixels(shape) * shape.filters);
    const dw = bench.output(Float32Array, naive.terms(shape) * shape.filters);
    const scratch = bench.output(Uint8Array, fbFilterScratchBytes(shape));
    const bits = bench.input(nibbles(shape, bitsOf(x)));
    const call = k.fbConvBackwardFilter({ shape: bench.shape(shape), bits, dy: bench.input(dy), dw, scratch });
    status("fb_conv_backward_filter", bench.call(call), 0);
    const sizes = columnSizes(dy, shape.filters);
    const rows = naive.outputPixels(shape);
    within(
      "dw",
      dw.read(),
      naive.mixedFilterGradient(shape, x, dy),
      (i) => gamma(2 * rows + 8) * 2 * sizes[i % shape.filters]!,
    );
  },
  { examples: [long[2]!, { shape: dense(300, 9, 10), seed: 4 }], runs: 60 },
);

const fbInput = property(
  "real times +-1: the input's gradient within its rounding, masked, added; the same bits for an image on its own",
  convolutions,
  (bench, convolution) => {
    const { shape, seed } = convolution;
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const w = random.reals(naive.terms(shape) * shape.filters);
    const dy = random.reals(naive.outputPixels(shape) * shape.filters);
    const before = random.reals(x.length);
    const weights = bench.output(Uint8Array, fbInputWeightBytes(shape));
    const descriptor = bench.shape(shape);
    status(
      "pack_fb_input_weights",
      bench.call(k.packFbInputWeights({ shape: descriptor, kernel: bench.input(w), weights })),
      0,
    );
    sameBits("packed weights", weights.read(), inputWeights(shape, w));

    const packed = bench.input(inputWeights(shape, w));
    const input = bench.input(x);
    const maps = { proximal: 0, map: backwardMapNumbers.box, parameters: null, table: null };
    const gradient = (
      given: ConvShape,
      at: Tensor<Float32Array>,
      dyAt: Tensor<Float32Array>,
      accumulate: boolean,
    ): Float32Array => {
      const scratch = bench.output(Uint8Array, fbInputScratchBytes(given));
      const length = naive.inputPixels(given) * given.channels;
      const dx = accumulate ? bench.state(before) : bench.output(Float32Array, length);
      const operands = { shape: bench.shape(given), weights: packed, dy: dyAt, scratch, x: at, ...maps };
      status("fb_conv_backward_input", bench.call(k.fbConvBackwardInput({ ...operands, accumulate, dx })), 0);
      return dx.read();
    };
    const found = gradient(shape, input, bench.input(dy), false);
    const [expected, size] = naive.inputGradient(shape, dy, w.map(naive.sign));
    const kept = x.map((value) => Number(Math.abs(value) <= 1));
    const summed = naive.taps(shape) * (shape.filters + 3);
    within(
      "dx",
      found,
      expected.map((value, i) => value * kept[i]!),
      (i) => gamma(summed) * size[i]!,
    );
    sameNumbers(
      "dx added to what was there",
      gradient(shape, input, bench.input(dy), true),
      found.map((value, i) => value + before[i]!),
    );

    const image = random.below(shape.images);
    const part = <T extends Float32Array>(values: T): Float32Array =>
      values.slice((values.length / shape.images) * image, (values.length / shape.images) * (image + 1));
    const alone = gradient({ ...shape, images: 1 }, bench.input(part(x)), bench.input(part(dy)), false);
    sameBits("dx on its own", alone, part(found));

    const broken = dy.slice();
    broken[random.below(dy.length)] = Number.NaN;
    const dx = bench.output(Float32Array, x.length);
    const scratch = bench.output(Uint8Array, fbInputScratchBytes(shape));
    const reaches = Number(naive.inputGradient(shape, broken, w)[0].some(Number.isNaN));
    const operands = { shape: descriptor, weights: packed, dy: bench.input(broken), scratch, x: input, ...maps };
    const call = k.fbConvBackwardInput({ ...operands, accumulate: false, dx });
    status("NaN among gradients", bench.call(call), reaches === 1 ? 1 : 0);
  },
  { examples: [long[0]!, long[2]!, { shape: dense(7, 5, 100), seed: 5 }, ...sixteen], runs: 60 },
);

/** The signs of the kernel, the last tap first, four channels of a filter in the high half of a byte. */
function forwardSigns(shape: ConvShape, w: Float32Array): Uint8Array {
  const { channels, filters } = shape;
  const groups = Math.ceil(channels / 4);
  const out = new Uint8Array(naive.taps(shape) * filters * groups);
  w.forEach((value, i) => {
    const [row, filter] = [Math.floor(i / filters), i % filters];
    const [tap, channel] = [naive.taps(shape) - 1 - Math.floor(row / channels), row % channels];
    if (value >= 0) out[(tap * filters + filter) * groups + (channel >> 2)]! |= 1 << (4 + (channel & 3));
  });
  return out;
}

/** The same windows from every pixel to the next. */
function unstrided(shape: ConvShape): ConvShape {
  const outHeight = shape.paddedHeight - extentHeight(shape) + 1;
  const outWidth = shape.paddedWidth - extentWidth(shape) + 1;
  return { ...shape, strideHeight: 1, strideWidth: 1, outHeight, outWidth };
}

const fbSign = property(
  "real times +-1 weights: sums within their rounding, a bias, the same bits for an image on its own",
  convolutions,
  (bench, { shape: given, seed }) => {
    const shape = unstrided(given);
    if (!hasAdjoint(shape)) return;
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const w = random.reals(naive.terms(shape) * shape.filters);
    const bias = random.reals(shape.filters);
    const weights = bench.output(Uint8Array, fbSignWeightBytes(shape));
    const call = k.packFbSignWeights({ shape: bench.shape(shape), kernel: bench.input(w), weights });
    status("pack_fb_sign_weights", bench.call(call), 0);
    sameBits("packed weights", weights.read(), forwardSigns(shape, w));
    const broken = w.slice();
    broken[random.below(w.length)] = Number.NaN;
    const out = bench.output(Uint8Array, fbSignWeightBytes(shape));
    const reporting = k.packFbSignWeights({ shape: bench.shape(shape), kernel: bench.input(broken), weights: out });
    status("NaN among weights", bench.call(reporting), 1);

    const packed = bench.input(forwardSigns(shape, w));
    const sums = (own: ConvShape, values: Float32Array, added: Float32Array | null): Float32Array => {
      const y = bench.output(Float32Array, naive.outputPixels(own) * own.filters);
      const scratch = bench.output(Uint8Array, fbSignScratchBytes(own));
      const operands = { shape: bench.shape(own), x: bench.input(values), weights: packed, scratch };
      const address = added === null ? null : bench.input(added);
      status("fb_sign_conv", bench.call(k.fbSignConv({ ...operands, bias: address, out: y })), 0);
      return y.read();
    };
    const found = sums(shape, x, null);
    const signs = w.map(naive.sign);
    const size = naive.realConv(shape, x.map(Math.abs), signs.map(Math.abs));
    // Groups of channels are filled up with zeros.
    const bound = gamma(naive.taps(shape) * (shape.channels + 3));
    within("y", found, naive.realConv(shape, x, signs), (i) => bound * size[i]!);
    sameNumbers(
      "y with a bias",
      sums(shape, x, bias),
      found.map((value, i) => Math.fround(value + bias[i % shape.filters]!)),
    );

    const image = random.below(shape.images);
    const part = <T extends Float32Array>(values: T): Float32Array =>
      values.slice((values.length / shape.images) * image, (values.length / shape.images) * (image + 1));
    sameBits("y on its own", sums({ ...shape, images: 1 }, part(x), null), part(found));
  },
  { examples: [long[0]!, long[2]!, { shape: dense(7, 100, 5), seed: 5 }, ...sixteen], runs: 60 },
);

export const convolutionProperties = [ff, ffFilter, ffInput, fb, fbFilter, fbInput, fbSign];
