/**
 * The operations of a network and their gradients, each written down from its definition in plain f64 loops: slow, free of
 * every trick of the core, and of every line of the trainer. Values are `[images][...shape]`, channels innermost.
 *
 * A `margin` collects how close a value came to a place where a rounding error would change the result by a jump (a sign,
 * a maximum, the edge of a box): a comparison with f32 only means something where that stays well above f32's errors.
 */
import type { Accumulator, NodeOf, Padding, Shape } from "../../ts/nn/graph.ts";

export interface Value {
  readonly images: number;
  readonly shape: Shape;
  readonly data: Float64Array;
}

export interface Margin {
  smallest: number;
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
export const zeros = (images: number, shape: Shape): Value => ({
  images,
  shape,
  data: new Float64Array(images * sizeOf(shape)),
});
const at = (data: Float64Array, index: number): number => data[index] as number;

/** Notes the distance of `x` to `edge`; a value exactly on it (a clipped one) is exact in f32 too. */
export function note(margin: Margin, x: number, edge: number): void {
  const distance = Math.abs(x - edge);
  if (distance > 0) margin.smallest = Math.min(margin.smallest, distance);
}

/** Output size of an axis and how many elements lie before the first: TensorFlow's rule for SAME, the extra one behind. */
function axis(size: number, window: number, stride: number, padding: Padding): { out: number; before: number } {
  if (padding === "valid") return { out: Math.floor((size - window) / stride) + 1, before: 0 };
  const out = Math.ceil(size / stride);
  return { out, before: Math.floor(Math.max((out - 1) * stride + window - size, 0) / 2) };
}

interface WindowOptions {
  readonly window: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

/** Output height and width of sliding windows. */
function outputOf(shape: Shape, { window, strides, padding }: WindowOptions): [number, number] {
  const [height = 0, width = 0] = shape;
  return [axis(height, window[0], strides[0], padding).out, axis(width, window[1], strides[1], padding).out];
}

/**
 * Calls `visit` for every output pixel and every place of its window: the output pixel's number, the place's number in the
 * window, and the number of the input pixel there, or -1 outside of the image.
 */
function slide(x: Value, options: WindowOptions, visit: (output: number, place: number, input: number) => void): void {
  const [height = 0, width = 0] = x.shape;
  const { window, strides, padding } = options;
  const rows = axis(height, window[0], strides[0], padding);
  const columns = axis(width, window[1], strides[1], padding);
  for (let image = 0; image < x.images; image++) {
    for (let oy = 0; oy < rows.out; oy++) {
      for (let ox = 0; ox < columns.out; ox++) {
        for (let r = 0; r < window[0]; r++) {
          for (let s = 0; s < window[1]; s++) {
            const [iy, ix] = [oy * strides[0] + r - rows.before, ox * strides[1] + s - columns.before];
            const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
            const input = inside ? (image * height + iy) * width + ix : -1;
            visit((image * rows.out + oy) * columns.out + ox, r * window[1] + s, input);
          }
        }
      }
    }
  }
}

const convWindow = (node: NodeOf<"conv2d">): WindowOptions => ({
  ...node.attributes,
  window: node.attributes.kernelSize,
});
const poolWindow = (node: NodeOf<"maxPool2d" | "avgPool2d">): WindowOptions => ({
  ...node.attributes,
  window: node.attributes.poolSize,
});

/** y(oy, ox, o) = sum over r, s, c of x(oy sh + r - before, ox sw + s - before, c) w(r, s, c, o); 0 or 1 outside. */
export function convolve(node: NodeOf<"conv2d">, x: Value, kernel: Float64Array): Value {
  const { filters, padValue } = node.attributes;
  const channels = x.shape[2] as number;
  const y = zeros(x.images, [...outputOf(x.shape, convWindow(node)), filters]);
  const outside = padValue === "one" ? 1 : 0;
  slide(x, convWindow(node), (output, place, input) => {
    for (let c = 0; c < channels; c++) {
      const value = input < 0 ? outside : at(x.data, input * channels + c);
      for (let o = 0; o < filters; o++) {
        y.data[output * filters + o] =
          at(y.data, output * filters + o) + value * at(kernel, (place * channels + c) * filters + o);
      }
    }
  });
  return y;
}

/**
 * The same two products of +-1 with sums in 8 bits: after every group of four channels of a place, the last one perhaps
 * shorter, the sum is brought back into [-128, 127], to the nearest bound or by as many times 256 as it takes. Places
 * outside a border of zeros add nothing.
 */
export function accumulate(
  node: NodeOf<"conv2d" | "dense">,
  x: Value,
  kernel: Float64Array,
  { overflow }: Accumulator,
): Value {
  const keep = (sum: number): number => {
    if (overflow === "saturate") return Math.min(127, Math.max(-128, sum));
    return sum - 256 * Math.floor((sum + 128) / 256);
  };
  const filters = node.op === "conv2d" ? node.attributes.filters : node.attributes.units;
  const channels = x.shape.at(-1) as number;
  const skips = node.op === "conv2d" && node.attributes.padValue === "zero";
  const y = zeros(x.images, node.op === "conv2d" ? [...outputOf(x.shape, convWindow(node)), filters] : [filters]);
  const add = (output: number, place: number, input: number): void => {
    if (input < 0 && skips) return;
    for (let o = 0; o < filters; o++) {
      for (let first = 0; first < channels; first += 4) {
        let group = 0;
        for (let c = first; c < Math.min(channels, first + 4); c++) {
          group +=
            (input < 0 ? 1 : at(x.data, input * channels + c)) * at(kernel, (place * channels + c) * filters + o);
        }
        y.data[output * filters + o] = keep(at(y.data, output * filters + o) + group);
      }
    }
  };
  if (node.op === "conv2d") slide(x, convWindow(node), add);
  else for (let row = 0; row < x.images; row++) add(row, 0, row);
  return y;
}

/** The gradients at the input and at the kernel of `convolve`. */
export function convolveBackward(
  node: NodeOf<"conv2d">,
  x: Value,
  kernel: Float64Array,
  dy: Value,
): { dx: Value; dkernel: Float64Array } {
  const { filters, padValue } = node.attributes;
  const channels = x.shape[2] as number;
  const dx = zeros(x.images, x.shape);
  const dkernel = new Float64Array(kernel.length);
  const outside = padValue === "one" ? 1 : 0;
  slide(x, convWindow(node), (output, place, input) => {
    for (let c = 0; c < channels; c++) {
      const value = input < 0 ? outside : at(x.data, input * channels + c);
      for (let o = 0; o < filters; o++) {
        const weight = (place * channels + c) * filters + o;
        const gradient = at(dy.data, output * filters + o);
        dkernel[weight] = at(dkernel, weight) + value * gradient;
        if (input >= 0)
          dx.data[input * channels + c] = at(dx.data, input * channels + c) + at(kernel, weight) * gradient;
      }
    }
  });
  return { dx, dkernel };
}

/** The largest value in each window, and where it was: the first of equal ones, places outside left out. */
export function maxPool(node: NodeOf<"maxPool2d">, x: Value, margin: Margin): { y: Value; places: Int32Array } {
  const channels = x.shape[2] as number;
  const y = zeros(x.images, [...outputOf(x.shape, poolWindow(node)), channels]);
  const places = new Int32Array(y.data.length).fill(-1);
  slide(x, poolWindow(node), (output, _place, input) => {
    if (input < 0) return;
    for (let c = 0; c < channels; c++) {
      const [to, from] = [output * channels + c, input * channels + c];
      if (places[to] !== -1) note(margin, at(x.data, from), at(y.data, to));
      if (places[to] !== -1 && at(x.data, from) <= at(y.data, to)) continue;
      y.data[to] = at(x.data, from);
      places[to] = from;
    }
  });
  return { y, places };
}

/** Sends each gradient to the place its maximum came from. */
export function maxPoolBackward(x: Value, places: Int32Array, dy: Value): Value {
  const dx = zeros(x.images, x.shape);
  places.forEach((place, i) => {
    dx.data[place] = at(dx.data, place) + at(dy.data, i);
  });
  return dx;
}

/** The mean of each window over its places inside the image; the window of a global pool is the image. */
export function avgPool(node: NodeOf<"avgPool2d" | "globalAvgPool2d">, x: Value): Value {
  const channels = x.shape[2] as number;
  const { options, shape, counts } = means(node, x);
  const y = zeros(x.images, shape);
  slide(x, options, (output, _place, input) => {
    if (input < 0) return;
    for (let c = 0; c < channels; c++) {
      const to = output * channels + c;
      y.data[to] = at(y.data, to) + at(x.data, input * channels + c) / at(counts, output);
    }
  });
  return y;
}

/** Sends each gradient in equal parts to the places of its window. */
export function avgPoolBackward(node: NodeOf<"avgPool2d" | "globalAvgPool2d">, x: Value, dy: Value): Value {
  const channels = x.shape[2] as number;
  const { options, counts } = means(node, x);
  const dx = zeros(x.images, x.shape);
  slide(x, options, (output, _place, input) => {
    if (input < 0) return;
    for (let c = 0; c < channels; c++) {
      const to = input * channels + c;
      dx.data[to] = at(dx.data, to) + at(dy.data, output * channels + c) / at(counts, output);
    }
  });
  return dx;
}

/** The windows of an average pool, its output shape, and how many places of each window lie inside the image. */
function means(node: NodeOf<"avgPool2d" | "globalAvgPool2d">, x: Value) {
  const [height = 0, width = 0, channels = 0] = x.shape;
  const whole = node.op === "globalAvgPool2d";
  const all: WindowOptions = { window: [height, width], strides: [1, 1], padding: "valid" };
  const options = whole ? all : poolWindow(node);
  const [outHeight, outWidth] = outputOf(x.shape, options);
  const counts = new Float64Array(x.images * outHeight * outWidth);
  slide(x, options, (output, _place, input) => {
    if (input >= 0) counts[output] = at(counts, output) + 1;
  });
  return { options, shape: whole ? [channels] : [outHeight, outWidth, channels], counts };
}

/** y(row, u) = sum over i of x(row, i) w(i, u). */
export function multiply(x: Value, kernel: Float64Array, units: number): Value {
  const inputs = sizeOf(x.shape);
  const y = zeros(x.images, [units]);
  for (let row = 0; row < x.images; row++) {
    for (let u = 0; u < units; u++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += at(x.data, row * inputs + i) * at(kernel, i * units + u);
      y.data[row * units + u] = sum;
    }
  }
  return y;
}

/** The gradients at the input and at the kernel of `multiply`. */
export function multiplyBackward(x: Value, kernel: Float64Array, dy: Value): { dx: Value; dkernel: Float64Array } {
  const [inputs, units] = [sizeOf(x.shape), sizeOf(dy.shape)];
  const dx = zeros(x.images, x.shape);
  const dkernel = new Float64Array(kernel.length);
  for (let row = 0; row < x.images; row++) {
    for (let i = 0; i < inputs; i++) {
      for (let u = 0; u < units; u++) {
        const gradient = at(dy.data, row * units + u);
        dx.data[row * inputs + i] = at(dx.data, row * inputs + i) + gradient * at(kernel, i * units + u);
        dkernel[i * units + u] = at(dkernel, i * units + u) + gradient * at(x.data, row * inputs + i);
      }
    }
  }
  return { dx, dkernel };
}

/** Sums over all but the last axis, whose length is `channels`. */
export function channelSums(data: Float64Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  data.forEach((value, i) => {
    sums[i % channels] = at(sums, i % channels) + value;
  });
  return sums;
}

/** x + beta, channel by channel. */
export function shift(x: Value, beta: Float64Array): Value {
  return { ...x, data: x.data.map((value, i) => value + at(beta, i % beta.length)) };
}

/** x where x >= 0, alpha x elsewhere, channel by channel. */
export function prelu(x: Value, alpha: Float64Array, margin: Margin): Value {
  const data = x.data.map((value, i) => {
    note(margin, value, 0);
    return value >= 0 ? value : at(alpha, i % alpha.length) * value;
  });
  return { ...x, data };
}

/** The gradients at the input and at the slopes of `prelu`. */
export function preluBackward(x: Value, alpha: Float64Array, dy: Value): { dx: Value; dalpha: Float64Array } {
  const channels = alpha.length;
  const slope = (i: number): number => (at(x.data, i) >= 0 ? 1 : at(alpha, i % channels));
  const dalpha = channelSums(
    dy.data.map((gradient, i) => gradient * Math.min(at(x.data, i), 0)),
    channels,
  );
  return { dx: { ...x, data: dy.data.map((gradient, i) => gradient * slope(i)) }, dalpha };
}

/** |alpha| sign(u) + beta, u = (x - beta) / |alpha|. */
export function adaptiveSign(x: Value, [alpha = 0]: Float64Array, [beta = 0]: Float64Array, margin: Margin): Value {
  const data = x.data.map((value) => {
    note(margin, value, beta);
    return value >= beta ? beta + Math.abs(alpha) : beta - Math.abs(alpha);
  });
  return { ...x, data };
}

/** The gradients of `adaptiveSign`, with max(0, 2 - 2 |u|) for the derivative of the sign. */
export function adaptiveSignBackward(x: Value, [alpha = 0]: Float64Array, [beta = 0]: Float64Array, dy: Value) {
  const dx = new Float64Array(x.data.length);
  let [dalpha, dbeta] = [0, 0];
  x.data.forEach((value, i) => {
    const u = (value - beta) / Math.abs(alpha);
    const slope = Math.max(0, 2 - 2 * Math.abs(u));
    const gradient = at(dy.data, i);
    dx[i] = gradient * slope;
    dalpha += gradient * ((u >= 0 ? 1 : -1) - u * slope) * Math.sign(alpha);
    dbeta += gradient * (1 - slope);
  });
  return { dx: { ...x, data: dx }, dalpha: Float64Array.of(dalpha), dbeta: Float64Array.of(dbeta) };
}

export interface Moments {
  readonly mean: Float64Array;
  /** Mean squared distance from the mean. */
  readonly variance: Float64Array;
  /** Values a channel. */
  readonly count: number;
}

/** Mean and variance of each channel over the batch, in two passes. */
export function momentsOf(x: Value): Moments {
  const channels = x.shape.at(-1) as number;
  const count = x.data.length / channels;
  const mean = channelSums(x.data, channels).map((sum) => sum / count);
  const squares = x.data.map((value, i) => (value - at(mean, i % channels)) ** 2);
  return { mean, variance: channelSums(squares, channels).map((sum) => sum / count), count };
}

/** (x - mean) / sqrt(variance + epsilon) gamma + beta. */
export function normalise(x: Value, moments: Moments, gamma: Float64Array, beta: Float64Array, epsilon: number): Value {
  const channels = gamma.length;
  const data = x.data.map((value, i) => {
    const c = i % channels;
    return ((value - at(moments.mean, c)) / Math.sqrt(at(moments.variance, c) + epsilon)) * at(gamma, c) + at(beta, c);
  });
  return { ...x, data };
}

/** The gradients of `normalise` where the moments are those of `x` itself (Ioffe and Szegedy, 2015, section 3). */
export function normaliseBackward(
  x: Value,
  moments: Moments,
  gamma: Float64Array,
  epsilon: number,
  dy: Value,
): { dx: Value; dgamma: Float64Array; dbeta: Float64Array } {
  const channels = gamma.length;
  const deviation = moments.variance.map((variance) => Math.sqrt(variance + epsilon));
  const unit = x.data.map((value, i) => (value - at(moments.mean, i % channels)) / at(deviation, i % channels));
  const dgamma = channelSums(
    dy.data.map((gradient, i) => gradient * at(unit, i)),
    channels,
  );
  const dbeta = channelSums(dy.data, channels);
  const data = dy.data.map((gradient, i) => {
    const c = i % channels;
    const centred = gradient - at(dbeta, c) / moments.count - (at(unit, i) * at(dgamma, c)) / moments.count;
    return (at(gamma, c) / at(deviation, c)) * centred;
  });
  return { dx: { ...x, data }, dgamma, dbeta };
}

/**
 * Mean cross-entropy of softmax(logits) with the truth, of which all classes share `smoothing` alike; its gradient, and the
 * first class of greatest logit.
 */
export function crossEntropy(
  logits: Value,
  labels: ArrayLike<number>,
  margin: Margin,
  smoothing = 0,
): { loss: number; gradient: Value; predictions: number[] } {
  const classes = sizeOf(logits.shape);
  const gradient = zeros(logits.images, logits.shape);
  const predictions: number[] = [];
  let loss = 0;
  for (let row = 0; row < logits.images; row++) {
    const scores = logits.data.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    const best = scores.indexOf(largest);
    const label = labels[row] as number;
    predictions.push(best);
    scores.forEach((score, k) => {
      if (k !== best) note(margin, score, largest);
      const probability = Math.exp(score - largest) / total;
      const truth = (k === label ? 1 - smoothing : 0) + smoothing / classes;
      loss += (truth * (Math.log(total) + largest - score)) / logits.images;
      gradient.data[row * classes + k] = (probability - truth) / logits.images;
    });
  }
  return { loss, gradient, predictions };
}
