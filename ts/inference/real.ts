/**
 * Layers with f32 sums: real activations (`ff`), +-1 activations with real weights (`fb`), and sums of two +-1 operands that
 * leave as f32, whether exact or kept in 8 bits. What follows element by element is done while some rows are in the cache.
 */
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
import { type Follower, isAccumulated, isBinary, type ProductNode, type RowsGroup } from "./fuse.ts";
import { cut, cutByRows, outputSlice, type Range, type Slice } from "./slices.ts";

/** Bytes of a strip of rows that stays in the first caches until the next step has read it. */
const STRIP_BYTES = 32 << 10;

/** A step of the way from one piece of memory to another, of so many pixels. */
type Step = (from: Place, to: Place, pixels: number) => DraftCall;

export function emitRows(group: RowsGroup, context: Context): void {
  const { product, followers } = group;
  const steps = followers.map((node) => followerStep(node, context));
  const out = context.value((followers.at(-1) ?? product).name);
  if (isBinary(product)) emitBinary(product, steps, out, context);
  else if (isAccumulated(product)) emitAccumulated(product, steps, out, context);
  else if (product.attributes.activationQuantizer !== null) emitMixed(product, steps, out, context);
  else emitReal(product, steps, out, context);
}

/** What a layer that takes its elements one by one does to rows. */
export function followerStep(node: Follower, context: Context): Step {
  const channels = context.shapeOf(node.name).at(-1) as number;
  switch (node.op) {
    case "activation": {
      const kind = node.attributes.activation === "relu" ? 0 : 1;
      return (from, to, pixels) => call(node.name, "activation_forward", kind, from, to, pixels * channels);
    }
    case "batchNorm": {
      const { scale, shift } = context.fold(node);
      return (from, to, pixels) => call(node.name, "affine", from, pixels, channels, scale, shift, to);
    }
    case "shift":
      return shiftStep(node.name, "beta", channels, context);
    case "prelu": {
      const slopes = context.tensor(`${node.name}/alpha`);
      return (from, to, pixels) => call(node.name, "prelu_forward", from, pixels, channels, slopes, to);
    }
  }
}

/** Adds a parameter to every pixel. A product with 1 is exact. */
function shiftStep(name: string, parameter: "bias" | "beta", channels: number, context: Context): Step {
  const { constant, memo } = context.draft;
  const ones = memo(`ones ${channels}`, () => constant(new Uint8Array(new Float32Array(channels).fill(1).buffer)));
  const values = context.tensor(`${name}/${parameter}`);
  return (from, to, pixels) => call(name, "affine", from, pixels, channels, ones, values, to);
}

function emitBinary(node: ProductNode, steps: readonly Step[], out: Place, context: Context): void {
  const shape = context.windowOf(node);
  const all = node.attributes.useBias ? [shiftStep(node.name, "bias", shape.filters, context), ...steps] : steps;
  const sums = all.length === 0 ? out : context.draft.buffer(4 * outputPixels(shape) * shape.filters);
  emitSums(node, sums, context);
  if (all.length > 0) {
    const [first, ...rest] = all as readonly [Step, ...Step[]];
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
  draft.once(node.name, "pack_nibble_weights", draft.descriptor(shape), context.tensor(`${node.name}/kernel`), weights);
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const wraps = Number(node.attributes.accumulator?.overflow === "wrap");
  const all = node.attributes.useBias ? [shiftStep(node.name, "bias", shape.filters, context), ...steps] : steps;
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
  const weights = context.tensor(`${node.name}/kernel`);
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const all = node.attributes.useBias ? [shiftStep(node.name, "bias", shape.filters, context), ...steps] : steps;
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
  const isLatent = node.attributes.weightQuantizer !== null;
  const file = context.tensor(`${name}/kernel`);
  const weights = isLatent ? draft.allocate(4 * k * n) : file;
  if (isLatent) draft.once(name, "unpack_file_bits_real", file, k, n, weights);
  const panels = draft.allocate(4 * panelFloats(k, n));
  draft.once(name, "pack_panels", weights, k, n, panels);
  const bias = node.attributes.useBias ? context.tensor(`${name}/bias`) : 0;
  const x = paddedInput(node, shape, context);
  const rowBytes = 4 * shape.paddedWidth * shape.channels;
  const product = ({ shape: slice, paddedRow }: Slice, _rows: Range, to: Place): DraftCall =>
    call(name, "ff_conv", draft.descriptor(slice), at(x, paddedRow * rowBytes), panels, bias, to);
  emitStrips(shape, STRIP_BYTES, product, steps, out, context);
}

function paddedInput(node: ProductNode, shape: ConvShape, { draft, value }: Context): Place {
  const x = value(node.inputs[0]);
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
