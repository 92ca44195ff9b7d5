/**
 * Layers with f32 sums: real activations (`ff`), +-1 activations with real weights (`fb`), and sums of two +-1 operands that
 * leave as f32, whether exact or kept in 8 bits. What follows element by element is done while some rows are in the cache.
 */

import { parameterName } from "../nn/network.ts";
import type { AffineNode, ProductNode } from "../nn/nodes.ts";
import { activationsAreBits } from "../nn/operands.ts";
import { encodeTable } from "../quantizers/maps.ts";
import { stateAt } from "../quantizers/state.ts";
import { ACTIVATION_NUMBERS } from "../runtime/activations.ts";
import {
  type ConvShape,
  fbForwardScratchBytes,
  isUnpadded,
  nibbleWeightBytes,
  outputPixels,
  paddedPixels,
  panelFloats,
  reduction,
} from "../runtime/conv-shape.ts";
import { emitSums } from "./binary.ts";
import type { Context } from "./context.ts";
import { at, call, type DraftCall, type Place } from "./draft.ts";
import { type Follower, hasScale, isAccumulated, isBinary, type RowsGroup } from "./fuse.ts";
import { cut, cutByRows, outputSlice, type Range, type Slice } from "./slices.ts";

/** Bytes of a strip of rows that stays in the first caches until the next step has read it. */
export const STRIP_BYTES = 32 << 10;

/** A step of the way from one piece of memory to another, of so many pixels. */
type Step = (from: Place, to: Place, pixels: number) => DraftCall;

export function emitRows(group: RowsGroup, context: Context): void {
  const { product, followers } = group;
  const steps = followers.map((node) => followerStep(node, context));
  const out = context.value((followers.at(-1) ?? product).name);
  if (isBinary(product)) emitBinary(product, steps, out, context);
  else if (isAccumulated(product)) emitAccumulated(product, steps, out, context);
  else if (activationsAreBits(product)) emitMixed(product, steps, out, context);
  else emitReal(product, steps, out, context);
}

/** What a layer that takes its elements one by one does to rows. */
export function followerStep(node: Follower, context: Context): Step {
  const channels = context.shapeOf(node.name).at(-1) as number;
  switch (node.op) {
    case "activation": {
      const kind = ACTIVATION_NUMBERS[node.attributes.activation];
      return (from, to, pixels) => call(node.name, "activation_forward", kind, from, to, pixels * channels);
    }
    case "batchNorm":
    case "shift": {
      const { scale, shift } = affineOf(node, context);
      return (from, to, pixels) => call(node.name, "affine", from, pixels, channels, scale, shift, to);
    }
    case "prelu": {
      const slopes = context.tensor(parameterName(node, "alpha"));
      return (from, to, pixels) => call(node.name, "prelu_forward", from, pixels, channels, slopes, to);
    }
    case "adaptiveSign": {
      const [alpha, beta] = [context.tensor(parameterName(node, "alpha")), context.tensor(parameterName(node, "beta"))];
      return (from, to, pixels) => call(node.name, "adaptive_sign_forward", from, pixels * channels, alpha, beta, to);
    }
  }
}

/** What every channel is multiplied by, and what is added. A product with 1 is exact. */
export function affineOf(node: AffineNode, context: Context): { readonly scale: number; readonly shift: number } {
  if (node.op === "batchNorm") return context.fold(node);
  const channels = context.shapeOf(node.name).at(-1) as number;
  return { scale: filled(1, channels, context), shift: context.tensor(parameterName(node, "beta")) };
}

const filled = (value: number, channels: number, { draft }: Context): number =>
  draft.memo(`${value} ${channels} times`, () =>
    draft.constant(new Uint8Array(new Float32Array(channels).fill(value).buffer)),
  );

/** What the sums of a product of bits go through, or of any with a scale: the scale, then the bias. */
function sumSteps(node: ProductNode, filters: number, context: Context): readonly Step[] {
  const [isScaled, { useBias }] = [hasScale(node), node.attributes];
  if (!isScaled && !useBias) return [];
  const scale = isScaled ? context.tensor(parameterName(node, "scale")) : filled(1, filters, context);
  const bias = useBias ? context.tensor(parameterName(node, "bias")) : filled(0, filters, context);
  return [(from, to, pixels) => call(node.name, "affine", from, pixels, filters, scale, bias, to)];
}

/** The weights of a product of reals, or of bits and reals, `[k][n]`: as the file has them, or made from its signs. */
function realKernel(node: ProductNode, k: number, n: number, { draft, tensor }: Context): number {
  const { name } = node;
  const { weightQuantizer } = node.attributes;
  const file = tensor(parameterName(node, "kernel"));
  if (weightQuantizer === null || weightQuantizer.hard === "levels") return file;
  const signs = draft.allocate(4 * k * n);
  draft.once(name, "unpack_file_bits_real", file, k, n, signs);
  if (weightQuantizer.standardize !== "adabin") return signs;
  const weights = draft.allocate(4 * k * n);
  draft.once(
    name,
    "affine",
    signs,
    k,
    n,
    tensor(parameterName(node, "scale")),
    tensor(parameterName(node, "shift")),
    weights,
  );
  return weights;
}

function emitBinary(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const shape = context.windowOf(node);
  const all = [...sumSteps(node, shape.filters, context), ...steps];
  const sums = all.length === 0 ? out : context.draft.buffer(4 * outputPixels(shape) * shape.filters);
  emitSums(node, sums, context);
  if (all.length > 0) {
    const [first, ...rest] = all as [Step, ...Step[]];
    const from = (rows: Range): Place => at(sums, 4 * rows.first * shape.outWidth * shape.filters);
    const product = ({ shape: slice }: Slice, rows: Range, to: Place): DraftCall =>
      first(from(rows), to, outputPixels(slice));
    emitStrips(shape, STRIP_BYTES, product, rest, out, context);
  }
}

function emitAccumulated(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const { draft } = context;
  const shape = context.windowOf(node);
  const { layout, place } = context.bitsFor(node);
  const weights = draft.allocate(nibbleWeightBytes(shape));
  draft.once(
    node.name,
    "pack_nibble_weights",
    draft.descriptor(shape),
    context.tensor(parameterName(node, "kernel")),
    weights,
  );
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const wraps = Number(node.attributes.accumulator?.overflow === "wrap");
  const all = [...sumSteps(node, shape.filters, context), ...steps];
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): DraftCall => {
    const bits = at(place, paddedRow * rowBytes);
    const ends = [wraps, to, 0, shape.filters] as const;
    return call(node.name, "bb_accumulate8_conv", draft.descriptor(slice), bits, weights, ...ends);
  };
  emitStrips(shape, STRIP_BYTES, product, all, out, context);
}

function emitMixed(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const { draft } = context;
  const shape = context.windowOf(node);
  const { layout, place } = context.bitsFor(node);
  const weights = realKernel(node, reduction(shape), shape.filters, context);
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const all = [...sumSteps(node, shape.filters, context), ...steps];
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): DraftCall => {
    const scratch = draft.buffer(fbForwardScratchBytes(slice));
    return call(node.name, "fb_conv", draft.descriptor(slice), at(place, paddedRow * rowBytes), weights, to, scratch);
  };
  // The kernel makes tables of the weights in each call: no strips.
  emitStrips(shape, Number.POSITIVE_INFINITY, product, all, out, context);
}

function emitReal(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const { draft } = context;
  const { name } = node;
  const shape = context.windowOf(node);
  const [k, n] = [reduction(shape), shape.filters];
  const weights = realKernel(node, k, n, context);
  const panels = draft.allocate(4 * panelFloats(k, n));
  draft.once(name, "pack_panels", weights, k, n, panels);
  // The kernel adds a bias by itself, but behind a scale.
  const isScaled = hasScale(node);
  const all = isScaled ? [...sumSteps(node, n, context), ...steps] : steps;
  const bias = node.attributes.useBias && !isScaled ? context.tensor(parameterName(node, "bias")) : 0;
  const x = paddedInput(node, shape, context);
  const rowBytes = 4 * shape.paddedWidth * shape.channels;
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): DraftCall =>
    call(name, "ff_conv", draft.descriptor(slice), at(x, paddedRow * rowBytes), panels, bias, to);
  emitStrips(shape, STRIP_BYTES, product, all, out, context);
}

/** The real operand before padding: the input, or where its quantizer ends at levels, these. */
function realOperand(node: ProductNode, shape: ConvShape, { draft, value, parts }: Context): Place {
  const x = value(node.inputs[0]);
  const { activationQuantizer } = node.attributes;
  if (activationQuantizer === null) return x;
  const elements = shape.images * shape.height * shape.width * shape.channels;
  const levels = draft.buffer(4 * elements);
  const { proximalMap, forwardMap, parameters } = stateAt(activationQuantizer, 1);
  const floats = (values: ArrayLike<number>): number =>
    draft.constant(new Uint8Array(Float32Array.from(values).buffer));
  const settings = floats(parameters);
  const table = activationQuantizer.table === null ? 0 : floats(encodeTable(activationQuantizer.table));
  const ranges = cut(Math.ceil(elements / 4), shape.images > 1 ? 1 : parts);
  const tasks = ranges.map(({ first, count }) => {
    const [from, to] = [at(x, 16 * first), at(levels, 16 * first)];
    const length = Math.min(4 * count, elements - 4 * first);
    return [call(node.name, "quantize_forward", proximalMap, forwardMap, from, to, length, settings, table)];
  });
  draft.phase(tasks);
  return levels;
}

function paddedInput(node: ProductNode, shape: ConvShape, context: Context): Place {
  const { draft } = context;
  const x = realOperand(node, shape, context);
  if (isUnpadded(shape)) return x;
  const padded = draft.buffer(4 * paddedPixels(shape) * shape.channels);
  draft.phase([[call(node.name, "pad_real", draft.descriptor(shape), x, padded)]]);
  return padded;
}

/**
 * One phase: for every strip of rows the product, then the steps one after the other, by way of two pieces of memory that
 * hold a strip each, into `out`.
 */
function emitStrips(
  shape: ConvShape,
  stripBytes: number,
  product: (slice: Slice, rows: Range, to: Place) => DraftCall,
  steps: readonly Step[],
  out: Place,
  { draft, parts }: Context,
): void {
  const rowBytes = 4 * shape.outWidth * shape.filters;
  const tasks = cutByRows(shape, parts).map(({ rows: part }) => {
    const isCut = steps.length > 0 && shape.images === 1;
    const stripRows = isCut ? Math.min(part.count, Math.max(1, Math.floor(stripBytes / rowBytes))) : part.count;
    const spare = steps.slice(0, 2).map(() => draft.buffer(stripRows * shape.images * rowBytes));
    const strips = cut(part.count, Math.ceil(part.count / stripRows));
    return strips.flatMap(({ first, count }) => {
      const rows = { first: part.first + first, count };
      const slice = shape.images === 1 ? outputSlice(shape, rows) : { shape, paddedRow: 0, row: 0 };
      const places = [...steps.map((_, i) => spare[i % 2] as Place), at(out, rows.first * rowBytes)];
      const pixels = outputPixels(slice.shape);
      const calls = [product(slice, rows, places[0] as Place)];
      for (const [i, step] of steps.entries()) calls.push(step(places[i] as Place, places[i + 1] as Place, pixels));
      return calls;
    });
  });
  draft.phase(tasks);
}
