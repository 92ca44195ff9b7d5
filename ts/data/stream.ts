/**
 * Examples that are read while a network trains on them, because there are more than memory holds.
 *
 * A source answers numbers of examples, `{ count, read(indices) }`, or gives examples one after the other, as an async
 * iterable. The first is shuffled as a split is, so both train to the same bits. The second is shuffled through a
 * buffer: each example is drawn from the next `buffer` ones. Every draw follows from the run's seed and the epoch.
 */
import { integerIn, isList, plainObject, reject, type Subject } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { randomStream, shuffle } from "../nn/random.ts";
import type { Pass, PassOrder, Split, Stream } from "./dataset.ts";
import type { GivenLabels, GivenNumbers } from "./numbers.ts";
import { pieceOf, type SplitOptions } from "./split.ts";
import { concatenated, copied, picked, section } from "./subset.ts";

/** Some examples, as a source gives them: what `split` takes. */
export interface GivenExamples {
  /** Inputs, one after the other. */
  readonly images: GivenNumbers;
  readonly labels?: GivenLabels | null | undefined;
  readonly targets?: GivenNumbers | undefined;
  readonly sampleWeights?: GivenNumbers | undefined;
}

/** A source that gives the examples of these numbers, in this order; it may be asked ahead of time. */
export interface RandomSource {
  readonly count: number;
  readonly read: (indices: Uint32Array) => GivenExamples | Promise<GivenExamples>;
}

/** A source that gives one or more examples at a time; each call begins a pass over the same examples in the same order. */
export type OrderedSource = () => AsyncIterable<GivenExamples> | Iterable<GivenExamples>;

export interface StreamOptions extends Pick<SplitOptions, "scale" | "offset" | "classes"> {
  /** The shape of one input, as `split` takes it. */
  readonly shape: readonly number[];
  /** Examples of a pass; needed for an iterable, and part of a source that reads by number. */
  readonly count?: number | undefined;
  /** Examples among which the next one is drawn, where a source is an iterable: 1 for its own order. 1024 where absent. */
  readonly buffer?: number | undefined;
}

const DEFAULT_BUFFER = 1024;
const OPTIONS = ["shape", "count", "buffer", "scale", "offset", "classes"];
const MOST_EXAMPLES = 2 ** 32 - 1;

/** A copy of the examples that a source gave, checked as a split; errors say which. */
function examplesOf(given: unknown, options: StreamOptions, where: string): Split {
  const what = `the examples that the source gave for ${where}`;
  const {
    images,
    labels = null,
    targets,
    sampleWeights,
  } = plainObject(given, ["images", "labels", "targets", "sampleWeights", "count", "shape", "scale", "offset"], {
    code: "data",
    what,
  }) as unknown as GivenExamples;
  const { shape, scale, offset, classes } = options;
  try {
    const truth = labels?.length === 0 ? null : labels;
    // A source may fill the same memory anew when it is asked again, while these still wait.
    return copied(pieceOf(images, truth, shape, { scale, offset, classes, targets, sampleWeights }));
  } catch (error) {
    if (!(error instanceof ProxbitError)) throw error;
    throw new ProxbitError(error.code, `${what}: ${error.message}`, error.remedy, { cause: error });
  }
}

function byNumber(source: RandomSource, options: StreamOptions): Stream {
  const { count } = source;
  const read = async (indices: Uint32Array): Promise<Split> => {
    const where =
      indices.length === 1 ? `example ${indices[0]}` : `${indices.length} examples from number ${indices[0]}`;
    const examples = examplesOf(await source.read(indices.slice()), options, where);
    if (examples.count === indices.length) return examples;
    throw new ProxbitError(
      "data",
      `the source gave ${examples.count} examples for ${where}`,
      "Let read(indices) give one example for each index, in their order.",
    );
  };
  return {
    count,
    shape: options.shape,
    read,
    pass: (order, from = 0) => {
      const numbers =
        order === null ? Uint32Array.from({ length: count }, (_, i) => i) : shuffle(count, order.seed, order.epoch);
      let next = from;
      return {
        next: (wanted) => {
          const indices = numbers.subarray(next, next + wanted);
          next += indices.length;
          return read(indices);
        },
        end: async () => {},
      };
    },
  };
}

function iteratorOf(given: unknown): AsyncIterator<unknown> | Iterator<unknown> {
  const iterable: AsyncIterable<unknown> | Iterable<unknown> = Object(given);
  if (Symbol.asyncIterator in iterable) return iterable[Symbol.asyncIterator]();
  if (Symbol.iterator in iterable) return iterable[Symbol.iterator]();
  const what = given instanceof Promise ? "a promise" : describe(given);
  throw new ProxbitError(
    "data",
    `the source of a stream gave ${what}, which is no iterable`,
    "Give a generator, function* or async function*, or a function that returns an iterable and no promise of one.",
  );
}

/** Examples of an iterable, cut into pieces of the sizes that are asked for. */
function inOrder(source: OrderedSource, options: StreamOptions, count: number): Pass {
  const iterator = iteratorOf(source());
  let rest: Split | null = null;
  let done = 0;
  const more = async (): Promise<Split> => {
    const { value, done: ended } = await iterator.next();
    if (ended) throw tooShort(done, count);
    return examplesOf(value, options, `place ${done}`);
  };
  return {
    next: async (wanted) => {
      const parts: Split[] = [];
      for (let missing = Math.min(wanted, count - done); missing > 0; ) {
        const there: Split = rest ?? (await more());
        const used = Math.min(missing, there.count);
        parts.push(section(there, 0, used));
        rest = used === there.count ? null : section(there, used, there.count);
        missing -= used;
        done += used;
      }
      return concatenated(parts as [Split, ...Split[]]);
    },
    end: async () => {
      await iterator.return?.();
    },
  };
}

const tooShort = (given: number, count: number): ProxbitError =>
  new ProxbitError(
    "data",
    `the source ended after ${given} examples, and the stream was said to have ${count}`,
    "Give stream() the count of examples that every pass yields.",
  );

/** Draws each example of a pass from a buffer that the pass fills up again. */
function shuffled(pass: Pass, { seed, epoch }: NonNullable<PassOrder>, size: number, count: number): Pass {
  const random = randomStream(seed, `stream/${epoch}`);
  const held: Split[] = [];
  let drawn = 0;
  let taken = 0;
  const fill = async (): Promise<void> => {
    const wanted = Math.min(size - held.length, count - taken);
    if (wanted <= 0) return;
    const more = await pass.next(wanted);
    taken += wanted;
    // Copies: a view would keep all that came with it.
    for (let i = 0; i < wanted; i++) held.push(picked(more, [i]));
  };
  return {
    next: async (wanted) => {
      const parts: Split[] = [];
      for (const asked = Math.min(wanted, count - drawn); parts.length < asked; ) {
        await fill();
        const place = random.below(held.length);
        parts.push(held[place] as Split);
        held[place] = held.at(-1) as Split;
        held.pop();
      }
      drawn += parts.length;
      return concatenated(parts as [Split, ...Split[]]);
    },
    end: pass.end,
  };
}

/** Skips the examples in front of a place, as a run does that goes on within an epoch. */
function skipping(pass: Pass, from: number): Pass {
  let left = from;
  return {
    next: async (wanted) => {
      for (; left > 0; left -= Math.min(left, DEFAULT_BUFFER)) await pass.next(Math.min(left, DEFAULT_BUFFER));
      return pass.next(wanted);
    },
    end: pass.end,
  };
}

function oneAfterTheOther(source: OrderedSource, options: StreamOptions, count: number, buffer: number): Stream {
  return {
    count,
    shape: options.shape,
    read: null,
    pass: (order, from = 0) => {
      const whole = inOrder(source, options, count);
      return skipping(order === null || buffer === 1 ? whole : shuffled(whole, order, buffer, count), from);
    },
  };
}

/**
 * A data set that is read while a network trains on it; `fit` and `evaluate` take it in place of a split.
 *
 * Batches are read ahead: while the workers are at one, the source is asked for the next. Memory holds a few of them,
 * however many examples there are.
 *
 * @param source `{ count, read(indices) }`, or a function that begins a pass and returns an iterable, async or not. A source
 * gives the same examples in every pass; then a run is a function of source and seed.
 * @throws ProxbitError "argument" for a source or an option of the wrong kind. Reading throws "data" and "shape" for examples
 * that do not fit, and what the source throws.
 * @example
 * const train = stream({ count: 1e7, read: (indices) => readRows(table, indices) }, { shape: [28, 28, 1] });
 */
export function stream(source: RandomSource | OrderedSource, options: StreamOptions): Stream {
  const subject: Subject = { code: "argument", what: "stream" };
  plainObject(options, OPTIONS, subject);
  const countOf = (value: unknown): number => integerIn(value, 1, MOST_EXAMPLES, "count", subject);
  const { shape } = options;
  if (!isList(shape)) reject(subject, "shape", "a list of 1 to 4 sizes", shape);
  if (typeof source === "function") {
    const buffer = integerIn(options.buffer ?? DEFAULT_BUFFER, 1, 2 ** 24, "buffer", subject);
    return oneAfterTheOther(source, options, countOf(options.count), buffer);
  }
  if (typeof source !== "object" || source === null || typeof source.read !== "function") {
    throw new ProxbitError(
      "argument",
      `the source of a stream must have count and read(indices), or be a function, not ${describe(source)}`,
      "Give { count, read: (indices) => ({ images, labels }) }, or () => an iterable of such examples.",
    );
  }
  for (const key of ["count", "buffer"] as const) {
    if (options[key] !== undefined) reject(subject, key, "absent where the source reads by number", options[key]);
  }
  return byNumber({ count: countOf(source.count), read: (indices) => source.read(indices) }, options);
}
