/** Comparisons that throw with the first element that differs. NaN equals NaN; -0 and 0 differ only where bits count. */
import type { Numbers } from "./bench.ts";

/** Half a unit in the last place of an f32 between 1 and 2: the relative error of one rounding. */
export const unit = 2 ** -24;

/** Bound on the relative error of `n` roundings in any order (Higham, Accuracy and Stability, section 3.1). */
export const gamma = (n: number): number => (n * unit) / (1 - n * unit);

/** That all elements have the same bits. */
export function sameBits<T extends Numbers>(what: string, actual: T, expected: T): void {
  sameLength(what, actual, expected);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) throw differs(what, i, actual[i], expected[i], "");
  }
}

/** That all elements are equal numbers. */
export function sameNumbers(what: string, actual: Numbers, expected: ArrayLike<number>): void {
  sameLength(what, actual, expected);
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] !== expected[i]) throw differs(what, i, actual[i], expected[i], "");
  }
}

/** That every element is at most `bound(i)` from what is expected, and finite. */
export function within(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: (i: number) => number,
): void {
  sameLength(what, actual, expected);
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i]! - expected[i]!);
    if (!(distance <= bound(i))) throw differs(what, i, actual[i], expected[i], ` by ${distance} > ${bound(i)}`);
  }
}

/** That a kernel returned the status wanted. */
export function status(what: string, actual: number, expected: 0 | 1): void {
  if (actual !== expected) throw new Error(`${what}: status ${actual}, not ${expected}`);
}

function sameLength(what: string, actual: { length: number }, expected: { length: number }): void {
  if (actual.length !== expected.length) {
    throw new Error(`${what}: ${actual.length} elements, not ${expected.length}`);
  }
}

function differs(what: string, i: number, actual: unknown, expected: unknown, more: string): Error {
  return new Error(`${what}[${i}] is ${String(actual)}, not ${String(expected)}${more}`);
}
