/** Rows of bits, and the kernels that write them from f32 and from other bits. */
import type { ConvShape } from "../program/kernels.ts";
import { at, type Place } from "../program/place.ts";
import type { Phase } from "../program/program.ts";
import type { Bits, Context } from "./context.ts";
import { call, type Draft } from "./draft.ts";
import { cutByRows, inputSlice, outputSlice, type Span } from "./slices.ts";

/** The way of some rows of a value into the padded buffer of their reader. */
export interface BitsTarget {
  readonly next: Place;
  readonly nextBits: Place;
}

export function bitsRows({ shape, layout, place }: Bits, rows: Span, draft: Draft): BitsTarget {
  const rowBytes = shape.paddedWidth * layout.pixelBytes(shape.channels);
  return { next: draft.descriptor(inputSlice(shape, rows)), nextBits: at(place, rows.first * rowBytes) };
}

/** Bits on the way from one buffer to another. */
export interface BitsGiven {
  readonly from: Bits;
  /** Flips the channels whose sign falls as the number grows. */
  readonly mask: Place;
  readonly to: Bits;
}

/** The maximum of each window over bits. A window of one pixel copies it. */
export function maxOfBits(node: string, window: ConvShape, { from, mask, to }: BitsGiven, context: Context): Phase {
  const { layout } = from;
  return cutByRows(window, context.parts).map(({ rows }) => {
    const { shape, row } = outputSlice(window, rows);
    const bits = at(from.place, row * window.width * layout.pixelBytes(window.channels));
    const { next: consumer, nextBits: out } = bitsRows(to, rows, context.draft);
    const pool = context.draft.descriptor(shape);
    return [call(node, layout.maxPool({ pool, bits, mask, consumer, out }))];
  });
}
