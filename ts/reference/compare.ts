/** A tensor of ours beside tfjs's: one row of the report. */

import type { Near } from "./maps.ts";
import type { Row } from "./report.ts";
import { FADED } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** What a row is about. */
export type Label = Pick<Row, "subject" | "node" | "quantity"> & {
  /** Only equality will do. */
  readonly exact?: boolean;
  /** Indices whose values are not compared. */
  readonly skip?: (index: number) => boolean;
};

/** Compares ours with numbers of the reference, each with its own tolerance. */
export function compareNumbers(
  label: Label,
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  tolerances: ArrayLike<number>,
): Row {
  const { subject, node, quantity, exact = false, skip } = label;
  let [absolute, largest, share, tolerance, worst] = [0, 0, 0, 0, -1];
  let equal = ours.length === theirs.length;
  for (let i = 0; i < ours.length; i++) {
    if (skip?.(i)) continue;
    const [a, b] = [ours[i] as number, theirs[i] as number];
    const difference = Math.abs(a - b);
    // Not `>`: what is no number on one side or both is a mismatch.
    const allowed = exact ? 0 : (tolerances[i] as number) + FADED;
    const part = difference === 0 ? 0 : allowed > 0 ? difference / allowed : Number.POSITIVE_INFINITY;
    if (difference !== 0) equal = false;
    absolute = difference <= absolute ? absolute : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    largest = Math.max(largest, Math.abs(b));
    if (!(part <= share)) [share, tolerance, worst] = [part, allowed, i];
    if (Number.isNaN(difference)) share = Number.POSITIVE_INFINITY;
  }
  if (ours.length !== theirs.length) share = Number.POSITIVE_INFINITY;
  const detail = worst < 0 ? "" : `element ${worst}: ${ours[worst]} and ${theirs[worst]} in tfjs`;
  const verdict = equal ? "equal" : share <= 1 ? "within" : "mismatch";
  const relative = largest === 0 ? (absolute === 0 ? 0 : Number.POSITIVE_INFINITY) : absolute / largest;
  return {
    ...{ subject, node, quantity, elements: ours.length, absolute, relative, tolerance, share, exact, verdict },
    detail: ours.length === theirs.length ? detail : `${ours.length} elements, and ${theirs.length} in tfjs`,
  };
}

/** Something of ours that is to be compared. */
export interface Item {
  readonly label: Label;
  readonly ours: ArrayLike<number>;
}

/** Compares ours with what `make` calculates, as `compareTogether` does. */
export async function compare(tf: TensorFlow, label: Label, ours: ArrayLike<number>, make: () => Near): Promise<Row> {
  return (await compareTogether(tf, [{ label, ours }], () => [make()]))[0] as Row;
}

/**
 * Compares each item with what `make` calculates for it, all at once; tensors are freed afterwards. A kernel that the backend
 * lacks gives rows "unsupported"; every other error is thrown.
 */
export async function compareTogether(
  tf: TensorFlow,
  items: readonly Item[],
  make: () => readonly Near[],
): Promise<readonly Row[]> {
  try {
    // A distance may be the same number for all, or the very tensor that is the value.
    const made = tf.tidy(() =>
      make().map(({ value, distance }) => [tf.clone(value), tf.mul(distance, tf.onesLike(value))] as Tensor[]),
    );
    try {
      const read = await Promise.all(made.flat().map((tensor) => tensor.data()));
      return items.map(({ label, ours }, i) =>
        compareNumbers(label, ours, read[2 * i] as Float32Array, read[2 * i + 1] as Float32Array),
      );
    } finally {
      tf.dispose(made);
    }
  } catch (error) {
    const detail = missingKernel(error);
    if (detail === null) throw error;
    return items.map(({ label, ours }) => unsupported(label, ours.length, detail));
  }
}

export function unsupported({ subject, node, quantity, exact = false }: Label, elements: number, detail: string): Row {
  const zero = { absolute: 0, relative: 0, tolerance: 0, share: 0 };
  return { subject, node, quantity, elements, ...zero, exact, verdict: "unsupported", detail };
}

/** What a backend says that lacks a kernel, or null for any other error. */
export function missingKernel(error: unknown): string | null {
  const message = error instanceof Error ? error.message : String(error);
  const found = /Kernel '([^']+)' not registered for backend '([^']+)'/.exec(message);
  return found === null ? null : `tfjs's ${found[2]} backend has no kernel ${found[1]}`;
}
