/**
 * Parts of a layer: rows of its output, or a range of its filters. A part is a window over a part of the same buffers, so
 * the same kernels run it, at other addresses; and it computes the same numbers as the whole would.
 */
import { type ConvShape, extentHeight } from "../program/kernels.ts";

/** `count` of something from `first` on. */
export interface Span {
  readonly first: number;
  readonly count: number;
}

/** Cuts `total` into at most `parts` ranges whose sizes differ by at most 1, none of them empty. */
export function cut(total: number, parts: number): readonly Span[] {
  const count = Math.min(total, parts);
  const bound = (part: number): number => Math.floor((part * total) / count);
  return Array.from({ length: count }, (_, part) => ({ first: bound(part), count: bound(part + 1) - bound(part) }));
}

/** The same for vectors of four elements, which stay whole; the last range may end between them. */
export const cutFours = (total: number, parts: number): readonly Span[] =>
  cut(Math.ceil(total / 4), parts).map(({ first, count }) => ({
    first: 4 * first,
    count: Math.min(4 * count, total - 4 * first),
  }));

/** A window over some rows: it starts at this row of the padded buffer and this row of the image. */
export interface Slice {
  readonly shape: ConvShape;
  readonly paddedRow: number;
  readonly row: number;
}

/** The window of `shape`, of one image, that gives the rows `rows` of the output. */
export function outputSlice(shape: ConvShape, rows: Span): Slice {
  if (rows.count === shape.outHeight) return { shape, paddedRow: 0, row: 0 };
  const from = rows.first * shape.strideHeight;
  const paddedHeight = (rows.count - 1) * shape.strideHeight + extentHeight(shape);
  const row = Math.min(shape.height, Math.max(0, from - shape.padTop));
  const end = Math.min(shape.height, Math.max(0, from + paddedHeight - shape.padTop));
  const padTop = Math.min(paddedHeight, Math.max(0, shape.padTop - from));
  const slice = { ...shape, height: end - row, padTop, paddedHeight, outHeight: rows.count };
  return { shape: slice, paddedRow: from, row };
}

/**
 * The window of `shape`, of one image, whose input is `rows` of the image: for what writes the padded buffer. It starts
 * `rows.first` rows down in the padded buffer; its own kernel says nothing.
 */
export function inputSlice(shape: ConvShape, rows: Span): ConvShape {
  if (rows.count === shape.height) return shape;
  const window = { kernelHeight: 1, strideHeight: 1, outHeight: 1 };
  return { ...shape, ...window, height: rows.count, paddedHeight: shape.padTop + rows.count };
}

/** Filters that a kernel of the +-1 by +-1 product takes together; a range of filters starts at a multiple. */
const FILTER_BLOCK = 32;

/** A part of a convolution: rows of its output and a range of its filters. */
export interface Part {
  readonly rows: Span;
  readonly filters: Span;
}

const wholeOf = (shape: ConvShape): Part => ({
  rows: { first: 0, count: shape.outHeight },
  filters: { first: 0, count: shape.filters },
});

/** Cuts the input of a window into rows, where it is one image. */
export const cutHeight = ({ images, height }: ConvShape, parts: number): readonly Span[] =>
  images > 1 ? [{ first: 0, count: height }] : cut(height, parts);

/** Cuts a convolution of one image into parts of whole rows. */
export function cutByRows(shape: ConvShape, parts: number): readonly Part[] {
  if (shape.images > 1) return [wholeOf(shape)];
  return cut(shape.outHeight, parts).map((rows) => ({ ...wholeOf(shape), rows }));
}

/** Cuts a convolution of one image into rows or into ranges of filters, whichever gives the more even parts. */
export function cutEvenly(shape: ConvShape, parts: number): readonly Part[] {
  if (shape.images > 1) return [wholeOf(shape)];
  const blocks = Math.ceil(shape.filters / FILTER_BLOCK);
  const shareOfRows = Math.ceil(shape.outHeight / parts) / shape.outHeight;
  const shareOfFilters = (Math.ceil(blocks / parts) * FILTER_BLOCK) / shape.filters;
  if (shareOfRows <= shareOfFilters) return cutByRows(shape, parts);
  return cut(blocks, parts).map((range) => {
    const first = range.first * FILTER_BLOCK;
    const count = Math.min(range.count * FILTER_BLOCK, shape.filters - first);
    return { ...wholeOf(shape), filters: { first, count } };
  });
}
