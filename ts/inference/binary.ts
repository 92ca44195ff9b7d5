/**
 * Layers whose operands are both +-1. The sums are whole numbers; what follows happens to them on the way out of the
 * product, with no pass over memory in between.
 */

import type { NodeOf } from "../nn/graph.ts";
import { parameterName } from "../nn/network.ts";
import type { ProductNode } from "../nn/nodes.ts";
import { borderPatterns, type ConvShape, reduction, startBytes, taps } from "../runtime/conv-shape.ts";
import type { Bits, Context } from "./context.ts";
import { at, call, type DraftCall, type Place, shapeKey } from "./draft.ts";
import { type BitsGroup, hasScale, type NormGroup } from "./fuse.ts";
import { cutByRows, cutEvenly, inputSlice, outputSlice, type Part } from "./slices.ts";
import { pixelShape, poolShape } from "./windows.ts";

/** A product's operands in memory. */
interface Operands {
  readonly shape: ConvShape;
  readonly bits: Place;
  readonly weights: number;
  /** Sums of the weights of every tap; zeros where no window misses one. */
  readonly correction: number;
}

/** A part of a product as its kernel takes it: the addresses that come first, and the range of filters that comes last. */
interface PartCall {
  readonly shape: ConvShape;
  readonly descriptor: number;
  readonly bits: Place;
  readonly starts: number;
  /** Pixels of the output before the part. */
  readonly pixel: number;
}

function operandsOf(node: ProductNode, context: Context): Operands {
  const { draft, kernel } = context;
  const { name } = node;
  const { place: bits } = context.bitsFor(node);
  const shape = context.windowOf(node);
  const descriptor = draft.descriptor(shape);
  const file = context.tensor(parameterName(node, "kernel"));
  const weights = draft.allocate(kernel.weightBytes(shape));
  const correction = draft.allocate(4 * taps(shape) * shape.filters);
  draft.once(name, kernel.packWeights, descriptor, file, weights);
  if (borderPatterns(shape) > 1) draft.once(name, "bb_correction", descriptor, file, correction);
  return { shape, bits, weights, correction };
}

function partCall(node: ProductNode, operands: Operands, part: Part, { draft, kernel }: Context): PartCall {
  const { shape: full, bits, correction } = operands;
  const { shape, paddedRow } = outputSlice(full, part.rows);
  const descriptor = draft.descriptor(shape);
  const starts = draft.memo(`starts ${node.name} ${shapeKey(shape)}`, () => {
    const address = draft.allocate(startBytes(shape));
    draft.once(node.name, "bb_starts", descriptor, correction, address);
    return address;
  });
  const rowBytes = full.paddedWidth * kernel.layout.pixelBytes(full.channels);
  const pixel = part.rows.first * full.outWidth;
  return { shape, descriptor, bits: at(bits, paddedRow * rowBytes), starts, pixel };
}

/** Where the bits of some rows of a value go in the padded buffer of their reader. */
function bitsRows(bits: Bits, part: Part, context: Context): { readonly descriptor: number; readonly place: Place } {
  const { shape, layout, place } = bits;
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  const descriptor = context.draft.descriptor(inputSlice(shape, part.rows));
  return { descriptor, place: at(place, part.rows.first * rowBytes) };
}

/** The sums as f32, `[pixels][filters]`. */
export function emitSums(node: ProductNode, out: Place, context: Context): void {
  const operands = operandsOf(node, context);
  const { shape, weights } = operands;
  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(node, operands, part, context);
    const { first, count } = part.filters;
    const to = at(out, 4 * pixel * shape.filters);
    return [call(node.name, context.kernel.convReal, descriptor, bits, weights, starts, to, first, count)];
  });
  context.draft.phase(tasks);
}

/** Batch norm on the sums, the shortcut added where there is one; the result as f32 and as bits, as its readers want it. */
export function emitNorm(group: NormGroup, context: Context): void {
  const { product, norm, add } = group;
  const { draft, kernel } = context;
  const operands = operandsOf(product, context);
  const { shape, weights } = operands;
  const { scale, shift } = context.fold(norm);
  const last = add ?? norm;
  const shortcut = add === null ? null : (add.inputs.find((name) => name !== norm.name) as string);
  const residual = shortcut === null ? null : context.value(shortcut);

  const [reader] = context.signReaders(last.name);
  const next = reader === undefined ? null : context.putBits(last.name, context.windowOf(reader), kernel.layout);
  const members = new Set([product.name, norm.name, last.name]);
  // The sum may take the place of the shortcut where nobody reads that again.
  if (shortcut !== null && residual !== null && context.isLastUse(shortcut, members)) context.put(last.name, residual);
  const out = next === null || context.isWanted(last.name) ? context.value(last.name) : null;

  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(product, operands, part, context);
    const { first, count } = part.filters;
    const real = (place: Place | null): Place | 0 => (place === null ? 0 : at(place, 4 * pixel * shape.filters));
    const signs = next === null ? null : bitsRows(next, part, context);
    const target = [signs?.descriptor ?? 0, signs?.place ?? 0] as const;
    const constants = [weights, starts, scale, shift] as const;
    const args = [descriptor, bits, ...constants, real(residual), real(out), ...target, first, count] as const;
    return [call(product.name, kernel.convNorm, ...args)];
  });
  draft.phase(tasks);
}

/** Thresholds in place of batch norm and sign: the bits of the sums, pooled where there is a pool, and nothing else. */
export function emitBits(group: BitsGroup, context: Context): void {
  const { product, pool, norm } = group;
  const { draft, kernel, images, flipJobs } = context;
  const { layout } = kernel;
  const operands = operandsOf(product, context);
  const { shape, weights } = operands;
  const { filters } = shape;
  const { scale, shift } = context.fold(norm);
  const [thresholds, flips] = [draft.allocate(4 * filters), draft.allocate(filters)];
  const factors = hasScale(product) ? context.tensor(parameterName(product, "scale")) : 0;
  draft.once(norm.name, "fold_thresholds", scale, shift, filters, reduction(shape), thresholds, flips, factors);
  const mask = draft.allocate(layout.pixelBytes(filters));
  flipJobs.push({ flips, channels: filters, mask, layout });

  const targets = context
    .signReaders(norm.name)
    .map((reader) => context.putBits(norm.name, context.windowOf(reader), layout));
  const [only] = targets;
  const isDirect = pool === null && only !== undefined && targets.length === 1;
  const pixels = pixelShape(images, [shape.outHeight, shape.outWidth, filters]);
  const target = isDirect ? only : context.bitsBuffer(product.name, pixels, layout);
  const flipped = isDirect ? mask : draft.allocate(layout.pixelBytes(filters));

  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { shape: slice, descriptor, bits, starts } = partCall(product, operands, part, context);
    const { first, count } = part.filters;
    const limits = draft.memo(`limits ${product.name} ${shapeKey(slice)}`, () => {
      const address = draft.allocate(startBytes(slice));
      draft.once(norm.name, "bb_limits", descriptor, starts, thresholds, address);
      return address;
    });
    const { descriptor: to, place } = bitsRows(target, part, context);
    return [call(product.name, kernel.convBits, descriptor, bits, weights, limits, flipped, to, place, first, count)];
  });
  draft.phase(tasks);
  if (!isDirect) {
    const window = pool === null ? pixels : poolShape(pool, images, context.shapeOf(product.name));
    for (const bits of targets) draft.phase(poolTasks(pool ?? norm, window, target, mask, bits, context));
  }
}

/** Max-pool on bits, also of single pixels: what copies bits into another padded buffer. */
function poolTasks(
  node: NodeOf<"maxPool2d"> | NodeOf<"batchNorm">,
  window: ConvShape,
  from: Bits,
  mask: number,
  to: Bits,
  context: Context,
): readonly (readonly DraftCall[])[] {
  const { layout } = from;
  return cutByRows(window, context.parts).map((part) => {
    const { shape, row } = outputSlice(window, part.rows);
    const source = at(from.place, row * window.width * layout.pixelBytes(window.channels));
    const { descriptor, place } = bitsRows(to, part, context);
    return [call(node.name, layout.maxPool, context.draft.descriptor(shape), source, mask, descriptor, place)];
  });
}
