/** A tensor of ours beside tfjs's: one row of the report. */

import type { Near } from "./maps.ts";
import type { Row } from "./report.ts";
import { FADED } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** The subject of a row. */
export type Label = Pick<Row, "subject" | "node" | "quantity"> & {
  /** Only equality will do. */
  readonly exact?: boolean;
  /** The place that the other number comes from; "in tfjs" where absent. */
  readonly other?: string;
};

/** Compares ours with other numbers, each with a tolerance of its own. What is not finite on a side agrees with nothing. */
export function compareNumbers(
  label: Label,
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  tolerances: ArrayLike<number>,
): Row {
  const { subject, node, quantity, exact = false, other = "in tfjs" } = label;
  const heading = { subject, node, quantity, elements: ours.length };
  if (ours.length !== theirs.length) {
    const wrong = { absolute: Number.POSITIVE_INFINITY, relative: Number.POSITIVE_INFINITY, tolerance: 0 };
    const detail = `${ours.length} elements, and ${theirs.length} ${other}`;
    return { ...heading, ...wrong, share: Number.POSITIVE_INFINITY, exact, verdict: "mismatch", detail };
  }
  let [absolute, largest, share, tolerance, worst] = [0, 0, 0, 0, -1];
  for (let i = 0; i < ours.length; i++) {
    const allowed = exact ? 0 : (tolerances[i] as number) + FADED;
    const difference = distanceOf(ours[i] as number, theirs[i] as number);
    absolute = Math.max(absolute, difference);
    largest = Math.max(largest, Math.abs(theirs[i] as number) || 0);
    const part = difference === 0 ? 0 : shareOf(difference, allowed);
    if (part > share) [share, tolerance, worst] = [part, allowed, i];
  }
  const relative = absolute === 0 ? 0 : absolute / largest;
  const verdict = absolute === 0 ? "equal" : share <= 1 ? "within" : "mismatch";
  const detail = worst < 0 ? "" : `element ${worst}: ${ours[worst]} here, ${theirs[worst]} ${other}`;
  return { ...heading, absolute, relative, tolerance, share, exact, verdict, detail };
}

/** A tolerance that is no finite number above 0 allows nothing. */
function shareOf(difference: number, allowed: number): number {
  return allowed > 0 && Number.isFinite(allowed) ? difference / allowed : Number.POSITIVE_INFINITY;
}

/** |a - b|, and infinity where one of them is no finite number. */
function distanceOf(a: number, b: number): number {
  const difference = Math.abs(a - b);
  return Number.isFinite(difference) ? difference : Number.POSITIVE_INFINITY;
}

/** Something of ours that is to be compared. */
interface Item {
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
    // A distance may be the very tensor that is the value.
    const made = tf.tidy(() =>
      make().map(({ value, distance }) => [tf.clone(value), tf.clone(asFor(tf, value, distance))] as const),
    );
    try {
      const read = await Promise.all(made.flat().map((tensor) => tensor.data()));
      return items.map(({ label, ours }, i) => {
        const [theirs, distances] = [read[2 * i] as Float32Array, read[2 * i + 1] as Float32Array];
        const isForAll = distances.length === 1 && theirs.length !== 1;
        return compareNumbers(label, ours, theirs, isForAll ? theirs.map(() => distances[0] as number) : distances);
      });
    } finally {
      tf.dispose(made);
    }
  } catch (error) {
    const detail = missingKernel(error);
    if (detail === null) throw error;
    return items.map(({ label, ours }) => unsupported(label, ours.length, detail));
  }
}

/** A distance for each number of `value`, or one for all. */
const asFor = (tf: TensorFlow, value: Tensor, distance: Tensor): Tensor =>
  distance.size === value.size || distance.size === 1 ? distance : tf.mul(distance, tf.onesLike(value));

/** The row of what the backend has no kernel for. */
export function unsupported({ subject, node, quantity, exact = false }: Label, elements: number, detail: string): Row {
  const zero = { absolute: 0, relative: 0, tolerance: 0, share: 0 };
  return { subject, node, quantity, elements, ...zero, exact, verdict: "unsupported", detail };
}

/** The words for the kernel that a backend lacks, or null for any other error. */
export function missingKernel(error: unknown): string | null {
  const message = error instanceof Error ? error.message : String(error);
  const found = /Kernel '([^']+)' not registered for backend '([^']+)'/.exec(message);
  return found === null ? null : lackText(found[2] as string, found[1] as string);
}

const lackText = (backend: string, kernel: string): string => `tfjs's ${backend} backend has no kernel ${kernel}`;

/** The words for a kernel that the backend in use lacks; null where it has it. */
export function lacksKernel(tf: TensorFlow, kernel: string): string | null {
  const backend = tf.getBackend();
  return tf.getKernel(kernel, backend) === undefined ? lackText(backend, kernel) : null;
}
