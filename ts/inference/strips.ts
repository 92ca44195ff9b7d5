/**
 * Steps that work on rows, one behind the other while a strip of rows stays in the first caches. Two pieces of memory
 * hold a strip each.
 */
import type { Call } from "../program/inference-call.ts";
import { type ConvShape, outputPixels } from "../program/kernels.ts";
import { at, type Place } from "../program/place.ts";
import type { Context } from "./context.ts";
import { cut, cutByRows, outputSlice, type Slice, type Span } from "./slices.ts";

/** Bytes of a strip of rows that stays in the first caches until the next step has read it. */
export const STRIP_BYTES = 32 << 10;

/** A step of the way from one piece of memory to another, of so many rows of channels. */
export type Step = (from: Place, to: Place, rows: number) => Call;

/** A product over some rows of its output. */
export interface StripProduct {
  readonly shape: ConvShape;
  readonly call: (slice: Slice, rows: Span, to: Place) => Call;
  /** Bytes of a strip; infinite where a product is not worth cutting. */
  readonly stripBytes: number;
}

/** One phase: for every strip of rows the product, then the steps one after the other, into `out`. */
export function emitStrips(product: StripProduct, steps: readonly Step[], out: Place, context: Context): void {
  const { draft, parts } = context;
  const { shape, stripBytes } = product;
  const rowBytes = 4 * shape.outWidth * shape.filters;
  const jobs = cutByRows(shape, parts).map(({ rows: part }) => {
    const isCut = steps.length > 0 && shape.images === 1;
    const stripRows = isCut ? Math.min(part.count, Math.max(1, Math.floor(stripBytes / rowBytes))) : part.count;
    const spare = steps.slice(0, 2).map(() => draft.buffer(stripRows * shape.images * rowBytes));
    const strips = cut(part.count, Math.ceil(part.count / stripRows));
    return strips.flatMap(({ first, count }) => {
      const rows = { first: part.first + first, count };
      const slice = shape.images === 1 ? outputSlice(shape, rows) : { shape, paddedRow: 0, row: 0 };
      const places = [...steps.map((_, i) => spare[i % 2] as Place), at(out, rows.first * rowBytes)];
      const pixels = outputPixels(slice.shape);
      const calls = [product.call(slice, rows, places[0] as Place)];
      for (const [i, step] of steps.entries()) calls.push(step(places[i] as Place, places[i + 1] as Place, pixels));
      return calls;
    });
  });
  draft.phase(jobs);
}

/** The same behind sums that lie in memory: their parts may have been filters, which no strip of rows follows. */
export function emitBehind(sums: Place, shape: ConvShape, steps: readonly Step[], out: Place, context: Context): void {
  const [first, ...rest] = steps;
  if (first === undefined) return;
  const product: StripProduct = {
    ...{ shape, stripBytes: STRIP_BYTES },
    call: (slice, rows, to) =>
      first(at(sums, 4 * rows.first * shape.outWidth * shape.filters), to, outputPixels(slice.shape)),
  };
  emitStrips(product, rest, out, context);
}
