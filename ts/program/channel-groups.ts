/**
 * Matrices in groups of columns. Split, they lie group by group, each of them contiguous; joined, they are one matrix again.
 */
import { type KernelCall, k } from "./inference-call.ts";
import type { ConvShape } from "./kernels.ts";
import { at, type Place } from "./place.ts";

/** A matrix f32 [rows][columns], and groups of equally many columns. */
export interface GroupedMatrix {
  readonly groups: number;
  readonly rows: number;
  readonly columns: number;
}

/** `count` groups or rows from `first` on. */
interface Part {
  readonly first: number;
  readonly count: number;
}

interface Split extends GroupedMatrix {
  readonly from: Place;
  readonly to: Place;
  /** The groups to copy; all where absent. */
  readonly part?: Part;
}

/** Copies groups of [rows][columns] to [groups][rows][columns / groups]. */
export function split(given: Split): KernelCall {
  const { groups, rows, columns, from, to, part = { first: 0, count: groups } } = given;
  const own = columns / groups;
  const sizes = { images: 1, size0: 1, size1: part.count, size2: rows, size3: own };
  const strides = { stride0: 1, stride1: own, stride2: columns, stride3: 1 };
  const [x, y] = [at(from, 4 * part.first * own), at(to, 4 * part.first * rows * own)];
  return k.permute({ x, ...sizes, ...strides, accumulate: false, y });
}

interface Join extends GroupedMatrix {
  readonly from: Place;
  readonly to: Place;
  /** Adds to what is there; false where absent. */
  readonly accumulate?: boolean;
  /** The rows to copy; all where absent. */
  readonly part?: Part;
}

/** Copies rows of [groups][rows][columns / groups] to [rows][columns]. */
export function join(given: Join): KernelCall {
  const { groups, rows, columns, from, to, accumulate = false, part = { first: 0, count: rows } } = given;
  const own = columns / groups;
  const sizes = { images: 1, size0: 1, size1: part.count, size2: groups, size3: own };
  const strides = { stride0: 1, stride1: own, stride2: rows * own, stride3: 1 };
  const [x, y] = [at(from, 4 * part.first * own), at(to, 4 * part.first * columns)];
  return k.permute({ x, ...sizes, ...strides, accumulate, y });
}

/** The window of one of `groups` groups over contiguous copies of its channels and filters. */
export const groupShape = (shape: ConvShape, groups: number): ConvShape => ({
  ...shape,
  ...{ channels: shape.channels / groups, filters: shape.filters / groups },
});
