/**
 * A product: y(row, o) = scale(o) sum over places and channels of F(x)(input row, c) F(w)(place, c, o), plus a bias. A
 * convolution and a dense layer differ in the rows that they walk over.
 *
 * The forward pass uses F, and the way back multiplies the gradient that arrives by B (PC++). An accumulator of 8 bits acts
 * where both operands are signs, and the way back takes no notice of it.
 */
import type { Accumulator, Shape } from "../../../ts/nn/graph.ts";
import type { OpsThat } from "../../../ts/nn/ops/index.ts";
import { quantizedValue, slopeValue } from "../../../ts/quantizers/maps.ts";
import type { Quantizer } from "../../../ts/quantizers/quantizer.ts";
import { evaluateSchedule } from "../../../ts/quantizers/schedule.ts";
import { at, channelSums, note, type Value, zeros } from "../layers.ts";
import { learnedGradients, noteElastic, quantizerAt } from "../learned.ts";
import { noteLevels, type WeightsInUse, weightsInUse } from "../quantized-weights.ts";
import type { Applied, Pass } from "./op.ts";
import type { Visit } from "./windows.ts";

type AppliedProduct = Applied<OpsThat<"kernel">>;

/** The rows of a product. */
export interface Walk {
  /** The shape of the sums. */
  readonly shape: Shape;
  /** The number that stands outside of the input. */
  readonly outside: number;
  /** The number of the weight of filter `o` for the channel `c` at a place; -1 for none. Every filter has one if absent. */
  readonly weight?: (place: number, c: number, o: number) => number;
  /** Channels that a filter reads, from a multiple of as many on; all of them where absent. */
  readonly reads?: number;
  /** Calls `visit` for every output row and every place of its window. */
  readonly each: (visit: Visit) => void;
}

/** A quantizer at this moment of a run: its forward map is the sign where it is hard. */
function mapsOf(quantizer: Quantizer, { progress, soft }: Pass) {
  const hard = !soft || (quantizer.hardenAt < 1 && progress >= quantizer.hardenAt);
  const forward = hard && quantizer.hard === "sign" ? ("sign" as const) : quantizer.forward;
  return { ...quantizer, forward, parameters: quantizer.parameters.map((s) => evaluateSchedule(s, progress)) };
}

/** F(x). */
export function quantized(quantizer: Quantizer | null, x: Value, pass: Pass): Value {
  if (quantizer === null) return x;
  const maps = mapsOf(quantizer, pass);
  for (const value of x.data) {
    if (maps.forward === "sign") note(pass.margin, value, 0);
    noteLevels(pass.margin, maps.forward, value, maps.parameters);
    noteElastic(pass.margin, quantizer, value);
    if (quantizer.backward === "box") note(pass.margin, Math.abs(value), 1);
  }
  return { ...x, data: x.data.map((value) => quantizedValue(maps, value)) };
}

/** The gradient at x for the gradient `dy` at F(x). */
export function throughQuantizer(quantizer: Quantizer | null, x: Value, dy: Float64Array, pass: Pass): Float64Array {
  if (quantizer === null) return dy;
  const maps = mapsOf(quantizer, pass);
  return dy.map((gradient, i) => gradient * slopeValue(maps, at(x.data, i)));
}

function weightsOf(given: AppliedProduct, filters: number): WeightsInUse {
  const { node, parameter, pass } = given;
  const [latent, quantizer] = [parameter("kernel"), quantizerAt(given, "kernel")];
  if (quantizer === null) return { kernel: latent, scale: null, back: (gradient) => gradient, own: () => ({}) };
  const { forward, parameters } = mapsOf(quantizer, pass);
  for (const x of latent) noteElastic(pass.margin, quantizer, x);
  const made = weightsInUse({ quantizer, forward, parameters }, latent, filters, pass.margin, parameter);
  const learned = (gradient: Float64Array) => learnedGradients(node, "kernel", quantizer, latent, gradient);
  return { ...made, own: (gradient) => ({ ...made.own(gradient), ...learned(gradient) }) };
}

/** `data` times the scale of each filter. */
const scaled = (scale: Float64Array | null, data: Float64Array): Float64Array =>
  scale === null ? data : data.map((value, i) => value * at(scale, i % scale.length));

type WeightOf = NonNullable<Walk["weight"]>;

/** Weights of a kernel each filter of which reads all channels. */
const allChannels =
  (channels: number, filters: number): WeightOf =>
  (place, c, o) =>
    (place * channels + c) * filters + o;

/** The sums of the product, as they are, or kept in 8 bits after every group of `group` channels. */
function sumsOf(
  x: Value,
  kernel: Float64Array,
  { shape, outside, weight, reads, each }: Walk,
  accumulator: Accumulator | null,
): Value {
  const [channels, filters] = [x.shape.at(-1) as number, shape.at(-1) as number];
  const weightOf = weight ?? allChannels(channels, filters);
  const stretch = reads ?? channels;
  const group = accumulator === null ? stretch : 4;
  const keep = keeperOf(accumulator);
  const y = zeros(x.images, shape);
  each((output, place, input) => {
    for (const [first, end] of pieces(channels, stretch, group)) {
      for (let o = 0; o < filters; o++) {
        let sum = 0;
        for (let c = first; c < end; c++) {
          const [value, own] = [input < 0 ? outside : at(x.data, input * channels + c), weightOf(place, c, o)];
          if (own >= 0) sum += value * at(kernel, own);
        }
        y.data[output * filters + o] = keep(at(y.data, output * filters + o) + sum);
      }
    }
  });
  return y;
}

/** Pieces of at most `size` of `count`, none of which goes across a multiple of `stretch`: first and end. */
function pieces(count: number, stretch: number, size: number): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (let start = 0; start < count; start += stretch) {
    const end = start + stretch;
    for (let first = start; first < end; first += size) found.push([first, Math.min(end, first + size)]);
  }
  return found;
}

/** Brings a sum back into [-128, 127], to the nearest bound or by as many times 256 as it takes. */
function keeperOf(accumulator: Accumulator | null): (sum: number) => number {
  if (accumulator === null) return (sum) => sum;
  if (accumulator.overflow === "saturate") return (sum) => Math.min(127, Math.max(-128, sum));
  return (sum) => sum - 256 * Math.floor((sum + 128) / 256);
}

/** The gradients at both operands of the exact sums. */
function sumsBackward(x: Value, kernel: Float64Array, { outside, weight, each }: Walk, dy: Value) {
  const [channels, filters] = [x.shape.at(-1) as number, dy.shape.at(-1) as number];
  const weightOf = weight ?? allChannels(channels, filters);
  const [dx, dkernel] = [new Float64Array(x.data.length), new Float64Array(kernel.length)];
  each((output, place, input) => {
    for (let c = 0; c < channels; c++) {
      const value = input < 0 ? outside : at(x.data, input * channels + c);
      for (let o = 0; o < filters; o++) {
        const own = weightOf(place, c, o);
        if (own < 0) continue;
        const gradient = at(dy.data, output * filters + o);
        dkernel[own] = at(dkernel, own) + value * gradient;
        if (input >= 0) dx[input * channels + c] = at(dx, input * channels + c) + at(kernel, own) * gradient;
      }
    }
  });
  return { dx, dkernel };
}

export function productForward(given: AppliedProduct, walk: Walk): Value {
  const { node, inputs, parameter, pass } = given;
  const { weightQuantizer, activationQuantizer, useBias } = node.attributes;
  const accumulator = "accumulator" in node.attributes ? node.attributes.accumulator : null;
  const { kernel, scale } = weightsOf(given, walk.shape.at(-1) as number);
  const isSigned = [weightQuantizer, activationQuantizer].every(
    (q) => q !== null && mapsOf(q, pass).forward === "sign",
  );
  const x = quantized(quantizerAt(given, 0), inputs[0], pass);
  const sums = sumsOf(x, kernel, walk, isSigned ? accumulator : null);
  const data = scaled(scale, sums.data);
  if (!useBias) return { ...sums, data };
  const bias = parameter("bias");
  return { ...sums, data: data.map((sum, i) => sum + at(bias, i % bias.length)) };
}

interface ProductGradients {
  readonly inputs: readonly [Float64Array];
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

export function productBackward(given: AppliedProduct, walk: Walk, dy: Value): ProductGradients {
  const { node, inputs, pass } = given;
  const { useBias } = node.attributes;
  const activationQuantizer = quantizerAt(given, 0);
  const { kernel, scale, back, own } = weightsOf(given, walk.shape.at(-1) as number);
  const x = quantized(activationQuantizer, inputs[0], pass);
  const { dx, dkernel } = sumsBackward(x, kernel, walk, { ...dy, data: scaled(scale, dy.data) });
  return {
    inputs: [throughQuantizer(activationQuantizer, inputs[0], dx, pass)],
    parameters: {
      ...{ kernel: back(dkernel), ...own(dkernel), ...(useBias ? { bias: channelSums(dy) } : {}) },
      ...learnedGradients(node, 0, activationQuantizer, inputs[0].data, dx),
    },
  };
}
