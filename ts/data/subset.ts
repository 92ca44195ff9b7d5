/** Examples taken out of a split, and several splits as one. */
import { ProxbitError } from "../base/errors.ts";
import type { ClassNumbers, Numbers, Split } from "./dataset.ts";

type AnyArray = Numbers | ClassNumbers;

/** A new array of the kind of `like`. */
function sameKind<A extends AnyArray>(like: A, length: number): A {
  return new (like.constructor as new (length: number) => A)(length);
}

/** Rows of `array`, of which `count` have it all, in the order of `indices`. */
function rowsOf<A extends AnyArray>(array: A, count: number, indices: ArrayLike<number>): A {
  const row = array.length / count;
  const made = sameKind(array, row * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const from = (indices[i] as number) * row;
    made.set(array.subarray(from, from + row), i * row);
  }
  return made;
}

/** `count` examples, whose arrays `cut` makes out of those of `whole`. */
export function withArrays<Examples extends Split>(
  whole: Examples,
  count: number,
  cut: <A extends AnyArray>(array: A) => A,
): Examples {
  const { images, labels, targets, sampleWeights } = whole;
  return {
    ...whole,
    ...{ count, images: cut(images), labels: cut(labels) },
    ...(targets === undefined ? {} : { targets: cut(targets) }),
    ...(sampleWeights === undefined ? {} : { sampleWeights: cut(sampleWeights) }),
  };
}

/** The examples of `whole` with these numbers, in their order; a copy. */
export const picked = <Examples extends Split>(whole: Examples, indices: ArrayLike<number>): Examples =>
  withArrays(whole, indices.length, (array) => rowsOf(array, whole.count, indices));

/** `whole` in memory of its own. */
export const copied = <Examples extends Split>(whole: Examples): Examples =>
  withArrays(whole, whole.count, <A extends AnyArray>(array: A): A => array.slice() as A);

/** The examples of `whole` from one place to another; a view. */
export const section = <Examples extends Split>(whole: Examples, from: number, to: number): Examples =>
  withArrays(whole, to - from, <A extends AnyArray>(array: A): A => {
    const row = array.length / whole.count;
    return array.subarray(from * row, to * row) as A;
  });

/** All examples of `parts`, one after the other. Class numbers take 32 bits where those of some part do. */
export function concatenated(parts: readonly [Split, ...Split[]]): Split {
  const [first] = parts;
  if (parts.length === 1) return first;
  for (const part of parts) if (!isAlike(first, part)) throw unlike();
  const joined = <A extends AnyArray>(arrays: readonly A[]): A => {
    const widest = arrays.reduce((a, b) => (b.BYTES_PER_ELEMENT > a.BYTES_PER_ELEMENT ? b : a));
    const made = sameKind(
      widest,
      arrays.reduce((sum, { length }) => sum + length, 0),
    );
    let at = 0;
    for (const array of arrays) {
      made.set(array, at);
      at += array.length;
    }
    return made;
  };
  const optional = (key: "targets" | "sampleWeights"): Partial<Split> =>
    first[key] === undefined ? {} : { [key]: joined(parts.map((part) => part[key] as Float32Array)) };
  return {
    ...first,
    count: parts.reduce((sum, { count }) => sum + count, 0),
    images: joined(parts.map(({ images }) => images)),
    labels: joined(parts.map(({ labels }) => labels)),
    ...optional("targets"),
    ...optional("sampleWeights"),
  };
}

/** True where two parts hold the same kinds of numbers. */
export const isAlike = (a: Split, b: Split): boolean =>
  a.images.constructor === b.images.constructor &&
  a.labels.length > 0 === b.labels.length > 0 &&
  (a.targets?.length ?? 0) / a.count === (b.targets?.length ?? 0) / b.count &&
  (a.sampleWeights === undefined) === (b.sampleWeights === undefined);

export const unlike = (): ProxbitError =>
  new ProxbitError(
    "data",
    "a stream's examples are of several kinds of numbers, or some lack labels, targets or weights that others have",
    "Give the same kind of array for all examples of a stream.",
  );
