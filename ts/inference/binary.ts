/**
 * Layers whose operands are both +-1. The sums are whole numbers; what follows happens to them on the way out of the
 * product, with no pass over memory in between.
 */

import type { NodeOf } from "../nn/graph.ts";
import { parameterName } from "../nn/network.ts";
import type { ProductNode } from "../nn/nodes.ts";
import { k } from "../program/call.ts";
import { borderPatterns, type ConvShape, startBytes, taps, terms } from "../program/kernels.ts";
import { at, type Place } from "../program/place.ts";
import type { Phase } from "../program/program.ts";
import type { Bits, Context } from "./context.ts";
import { call, shapeKey } from "./draft.ts";
import { type BitsGroup, hasScale, type NormGroup } from "./fuse.ts";
import { cutByRows, cutEvenly, inputSlice, outputSlice, type Part } from "./slices.ts";
import { pixelShape, poolShape } from "./windows.ts";

/** A product's operands in memory. */
interface Operands {
  readonly shape: ConvShape;
  readonly bits: Place;
  readonly weights: Place;
  /** Sums of the weights of every tap; zeros where no window misses one. */
  readonly correction: Place;
}

/** A part of a product as its kernel takes it, but for the range of filters. */
interface PartCall {
  readonly shape: ConvShape;
  readonly descriptor: Place;
  readonly bits: Place;
  readonly starts: Place;
  /** Pixels of the output before the part. */
  readonly pixel: number;
}

function operandsOf(node: ProductNode, context: Context): Operands {
  const { draft, kernel } = context;
  const { name } = node;
  const { place: bits } = context.bits.for(node);
  const shape = context.network.windowOf(node);
  const descriptor = draft.descriptor(shape);
  const file = context.weights.tensor(parameterName(node, "kernel"));
  const weights = draft.allocate(kernel.weightBytes(shape));
  const correction = draft.allocate(4 * taps(shape) * shape.filters);
  draft.once(name, kernel.packWeights({ shape: descriptor, bits: file, out: weights }));
  if (borderPatterns(shape) > 1) draft.once(name, k.bbCorrection({ shape: descriptor, bits: file, out: correction }));
  return { shape, bits, weights, correction };
}

function partCall(node: ProductNode, operands: Operands, part: Part, { draft, kernel }: Context): PartCall {
  const { shape: full, bits, correction } = operands;
  const { shape, paddedRow } = outputSlice(full, part.rows);
  const descriptor = draft.descriptor(shape);
  const starts = draft.memo(`starts ${node.name} ${shapeKey(shape)}`, () => {
    const made = draft.allocate(startBytes(shape));
    draft.once(node.name, k.bbStarts({ shape: descriptor, correction, starts: made }));
    return made;
  });
  const rowBytes = full.paddedWidth * kernel.layout.pixelBytes(full.channels);
  const pixel = part.rows.first * full.outWidth;
  return { shape, descriptor, bits: at(bits, paddedRow * rowBytes), starts, pixel };
}

/** Where the bits of some rows of a value go in the padded buffer of their reader. */
function bitsRows(bits: Bits, part: Part, context: Context): { readonly next: Place; readonly nextBits: Place } {
  const { shape, layout, place } = bits;
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const next = context.draft.descriptor(inputSlice(shape, part.rows));
  return { next, nextBits: at(place, part.rows.first * rowBytes) };
}

/** The sums as f32, `[pixels][filters]`. */
export function emitSums(node: ProductNode, out: Place, context: Context): void {
  const operands = operandsOf(node, context);
  const { shape, weights } = operands;
  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(node, operands, part, context);
    const given = { shape: descriptor, bits, weights, starts, ...part.filters };
    return [call(node.name, context.kernel.convReal({ ...given, out: at(out, 4 * pixel * shape.filters) }))];
  });
  context.draft.phase(tasks);
}

/** Batch norm on the sums, the shortcut added where there is one; the result as f32 and as bits, as its readers want it. */
export function emitNorm(group: NormGroup, context: Context): void {
  const { product, norm, add } = group;
  const { draft, kernel } = context;
  const operands = operandsOf(product, context);
  const { shape, weights } = operands;
  const { scale, shift } = context.weights.fold(norm);
  const last = add ?? norm;
  const shortcut = add === null ? null : (add.inputs.find((name) => name !== norm.name) as string);
  const residual = shortcut === null ? null : context.values.of(shortcut);

  const [reader] = context.bits.readers(last.name);
  const next =
    reader === undefined ? null : context.bits.put(last.name, context.network.windowOf(reader), kernel.layout);
  const members = new Set([product.name, norm.name, last.name]);
  // The sum may take the place of the shortcut where nobody reads that again.
  if (shortcut !== null && residual !== null && context.values.isLastUse(shortcut, members))
    context.values.put(last.name, residual);
  const out = next === null || context.values.isWanted(last.name) ? context.values.of(last.name) : null;

  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(product, operands, part, context);
    const real = (place: Place | null): Place | null => (place === null ? null : at(place, 4 * pixel * shape.filters));
    const signs = next === null ? { next: null, nextBits: null } : bitsRows(next, part, context);
    const given = { shape: descriptor, bits, weights, starts, scale, shift, ...part.filters };
    return [call(product.name, kernel.convNorm({ ...given, residual: real(residual), out: real(out), ...signs }))];
  });
  draft.phase(tasks);
}

/** Thresholds in place of batch norm and sign: the bits of the sums, pooled where there is a pool, and nothing else. */
export function emitBits(group: BitsGroup, context: Context): void {
  const { product, pool, norm } = group;
  const { draft, kernel, images } = context;
  const { layout } = kernel;
  const operands = operandsOf(product, context);
  const { shape, weights } = operands;
  const { filters } = shape;
  const { scale, shift } = context.weights.fold(norm);
  const [thresholds, flips] = [draft.allocate(4 * filters), draft.allocate(filters)];
  const factors = hasScale(product) ? context.weights.tensor(parameterName(product, "scale")) : null;
  const sums = { channels: filters, bound: terms(shape), factors };
  draft.once(norm.name, k.foldThresholds({ scale, shift, ...sums, thresholds, flips }));
  const mask = draft.allocate(layout.pixelBytes(filters));
  draft.once(norm.name, layout.packFlips({ flips, channels: filters, out: mask }));

  const targets = context.bits
    .readers(norm.name)
    .map((reader) => context.bits.put(norm.name, context.network.windowOf(reader), layout));
  const [only] = targets;
  const isDirect = pool === null && only !== undefined && targets.length === 1;
  const pixels = pixelShape(images, [shape.outHeight, shape.outWidth, filters]);
  const target = isDirect ? only : context.bits.buffer(product.name, pixels, layout);
  const flipped = isDirect ? mask : draft.allocate(layout.pixelBytes(filters));

  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { shape: slice, descriptor, bits, starts } = partCall(product, operands, part, context);
    const limits = draft.memo(`limits ${product.name} ${shapeKey(slice)}`, () => {
      const made = draft.allocate(startBytes(slice));
      draft.once(norm.name, k.bbLimits({ shape: descriptor, starts, thresholds, limits: made }));
      return made;
    });
    const given = { shape: descriptor, bits, weights, limits, mask: flipped, ...part.filters };
    return [call(product.name, kernel.convBits({ ...given, ...bitsRows(target, part, context) }))];
  });
  draft.phase(tasks);
  if (!isDirect) {
    const window = pool === null ? pixels : poolShape(pool, images, context.network.shapeOf(product.name));
    for (const bits of targets) draft.phase(poolTasks(pool ?? norm, window, target, mask, bits, context));
  }
}

/** Max-pool on bits, also of single pixels: what copies bits into another padded buffer. */
function poolTasks(
  node: NodeOf<"maxPool2d"> | NodeOf<"batchNorm">,
  window: ConvShape,
  from: Bits,
  mask: Place,
  to: Bits,
  context: Context,
): Phase {
  const { layout } = from;
  return cutByRows(window, context.parts).map((part) => {
    const { shape, row } = outputSlice(window, part.rows);
    const source = at(from.place, row * window.width * layout.pixelBytes(window.channels));
    const { next: consumer, nextBits: out } = bitsRows(to, part, context);
    const pool = context.draft.descriptor(shape);
    return [call(node.name, layout.maxPool({ pool, bits: source, mask, consumer, out }))];
  });
}
