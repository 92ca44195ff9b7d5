/** Numbers that a caller gives for examples, checked and brought into the form that a split keeps. */

import { arrayTag, bytesOf, isBuffer } from "../base/arrays.ts";
import { isList } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { ClassNumbers, Numbers } from "./dataset.ts";

/** Inputs: a typed array of any kind but those of bigints, bytes in a buffer, or lists of numbers, nested as one likes. */
export type GivenNumbers = ArrayBufferView | ArrayBufferLike | ArrayLike<number> | readonly (readonly unknown[])[];

/** Class numbers: a typed array of integers, or a list. */
export type GivenLabels = ArrayLike<number> | ArrayLike<bigint>;

/** Classes that a split may have at most; each class number is exact in 32 bits, as an integer and as a real. */
export const MOST_CLASSES = 2 ** 24;

function wrongNumbers(what: string, value: unknown): ProxbitError {
  return new ProxbitError(
    "argument",
    `${what} must be a typed array or a list of numbers, not ${describe(value)}`,
    "Give a Uint8Array, Int8Array, Uint16Array or Float32Array, or lists of numbers.",
  );
}

/** The place of the first number that is not finite, or -1. */
export function firstNotFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/** The distance from 1 that the sum of a distribution over classes may have. */
const SHARES_WITHIN = 1e-3;

/** The first example whose `size` targets are no shares of 1, which are not negative and add up to 1; or -1. */
export function firstWithoutShares(targets: Float32Array, size: number): number {
  for (let first = 0; first < targets.length; first += size) {
    const own = targets.subarray(first, first + size);
    const sum = own.reduce((total, share) => (share >= 0 ? total + share : Number.NaN), 0);
    if (!(Math.abs(sum - 1) <= SHARES_WITHIN)) return first / size;
  }
  return -1;
}

function finite(what: string, values: Float32Array, given: ArrayLike<unknown>): Float32Array {
  const place = firstNotFinite(values);
  if (place < 0) return values;
  throw new ProxbitError(
    "data",
    `number ${place} of ${what} is ${describe(given[place])}`,
    "Give finite numbers within the range of 32-bit floats; leave out or replace what is missing.",
  );
}

/** Throws where lists that stand in one list have several lengths: numbers would move from one example to the next. */
function checkRows(what: string, list: readonly unknown[]): void {
  for (let rows: readonly unknown[] = list; rows.some(isList); rows = rows.flat()) {
    const lengthOf = (row: unknown): number => (isList(row) ? row.length : 1);
    const odd = rows.findIndex((row) => lengthOf(row) !== lengthOf(rows[0]));
    if (odd < 0) continue;
    throw new ProxbitError(
      "shape",
      `list ${odd} of ${what} has ${lengthOf(rows[odd])} numbers, and list 0 has ${lengthOf(rows[0])}`,
      "Give lists of one length.",
    );
  }
}

/** A list, or nested lists, as one list. Anything in it but a number becomes NaN, which is refused. */
function flattened(what: string, list: readonly unknown[]): Float32Array {
  checkRows(what, list);
  const flat: readonly unknown[] = list.flat(8);
  const numbers = Float32Array.from(flat, (value) => (typeof value === "number" ? value : Number.NaN));
  return finite(what, numbers, flat);
}

/**
 * Inputs as a split keeps them: bytes, signed bytes and 16 bits as they are, all else as 32-bit floats. Views, where the
 * numbers need no other form.
 *
 * @throws ProxbitError "argument" for what holds no numbers, "data" for a number that is not finite, "shape" for lists of several
 * lengths in a list.
 */
export function numbersOf(what: string, value: unknown): Numbers {
  if (isList(value)) return flattened(what, value);
  if (isBuffer(value)) return bytesOf(value);
  switch (arrayTag(value)) {
    case "Uint8Array":
    case "Uint8ClampedArray":
      return bytesOf(value as Uint8Array);
    case "Int8Array":
    case "Uint16Array": {
      const array = value as Int8Array | Uint16Array;
      const { buffer, byteOffset, length } = array;
      return array.BYTES_PER_ELEMENT === 1
        ? new Int8Array(buffer, byteOffset, length)
        : new Uint16Array(buffer, byteOffset, length);
    }
    case undefined:
    case "BigInt64Array":
    case "BigUint64Array":
      throw wrongNumbers(what, value);
    default:
      return realsOf(what, value);
  }
}

/**
 * Numbers as 32-bit floats: a view of such, a copy of others.
 *
 * @throws ProxbitError "argument" for what holds no numbers, "data" for a number that is not finite.
 */
export function realsOf(what: string, value: unknown): Float32Array {
  if (isList(value)) return flattened(what, value);
  const tag = arrayTag(value);
  if (tag === undefined || tag === "BigInt64Array" || tag === "BigUint64Array") throw wrongNumbers(what, value);
  const array = value as Float32Array;
  const reals =
    tag === "Float32Array"
      ? new Float32Array(array.buffer, array.byteOffset, array.length)
      : Float32Array.from(array as ArrayLike<number>);
  return finite(what, reals, array);
}

/**
 * Class numbers below `classes`, copied; as bytes where they fit.
 *
 * @throws ProxbitError "argument" for what is no list, "data" for a label that is no class.
 */
export function labelsOf(value: unknown, classes: number): ClassNumbers {
  if (!isList(value) && arrayTag(value) === undefined) {
    throw new ProxbitError(
      "argument",
      `the labels must be a list of class numbers, not ${describe(value)}`,
      "Give one whole number for each example, or null and options.targets where examples have no classes.",
    );
  }
  const given = value as ArrayLike<unknown>;
  const labels = new Uint32Array(given.length);
  let largest = 0;
  for (let index = 0; index < given.length; index++) {
    const label = typeof given[index] === "bigint" ? Number(given[index]) : given[index];
    if (typeof label !== "number" || !Number.isInteger(label) || label < 0 || label >= classes) {
      throw new ProxbitError(
        "data",
        `the label of image ${index} is ${describe(given[index])}; there are ${classes} classes`,
        `Number the classes from 0 to ${classes - 1}.`,
      );
    }
    labels[index] = label;
    if (label > largest) largest = label;
  }
  return largest < 256 ? Uint8Array.from(labels) : labels;
}
