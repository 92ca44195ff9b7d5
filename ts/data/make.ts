/** A data set of one's own examples, and examples held out of it. */
import { isList, numberIn, plainObject, reading, reject, type Subject } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { shuffle } from "../nn/random.ts";
import { augmented } from "./augmented.ts";
import { type Dataset, type Examples, isStream, type Stream } from "./dataset.ts";
import { picked } from "./subset.ts";

export interface DatasetParts<Part extends Examples> {
  /** A name for files and messages; "data" where absent. */
  readonly name?: string | undefined;
  /** The classes by number. Where absent, they are called by their numbers, of which splits know the largest. */
  readonly classes?: readonly string[] | undefined;
  readonly train: Part;
  /** Examples to test on. Give these or `validation`. */
  readonly test?: Part | undefined;
  /** The share of `train` that is held out to test on, in (0, 1). */
  readonly validation?: number | undefined;
  /** Draws the examples that are held out; a whole number in [0, 2^32), 0 where absent. */
  readonly seed?: number | undefined;
}

/** A part of a stream, whose examples have numbers of their own. */
function partOf(stream: Stream, read: NonNullable<Stream["read"]>, numbers: Uint32Array): Stream {
  const count = numbers.length;
  const readPart = (indices: Uint32Array): ReturnType<typeof read> =>
    read(indices.map((index) => numbers[index] as number));
  return {
    ...stream,
    count,
    read: readPart,
    pass: (order, from = 0) => {
      const places = order === null ? null : shuffle(count, order.seed, order.epoch);
      let next = from;
      return {
        next: (wanted) => {
          const first = next;
          next = Math.min(count, next + wanted);
          return readPart(
            places?.slice(first, next) ?? Uint32Array.from({ length: next - first }, (_, i) => first + i),
          );
        },
        end: async () => {},
      };
    },
  };
}

/**
 * Parts `examples` in two: those to train on, and a share that is held out. Which ones is drawn by `seed`. Splits are copied,
 * streams are not. Examples that are varied (`augmented`) stay so in the first part; those that are held out are plain.
 *
 * @throws ProxbitError "argument" for a share that leaves nothing on one side, and for a stream of an iterable.
 */
export const holdOut = <Part extends Examples>(
  examples: Part,
  share: number,
  seed = 0,
): readonly [train: Part, test: Part] =>
  reading("holdOut", "a split or a stream, and a share", () => parted(examples, share, seed));

function parted<Part extends Examples>(
  examples: Part,
  share: number,
  seed: number,
): readonly [train: Part, test: Part] {
  if (isStream(examples) && examples.varied !== undefined) {
    const { plain, variations } = examples.varied;
    const [train, test] = parted(plain, share, seed);
    return [augmented(train, variations), test] as readonly Examples[] as readonly [Part, Part];
  }
  const held = Math.round(examples.count * share);
  if (!(share > 0 && share < 1) || held < 1 || held >= examples.count) {
    throw new ProxbitError(
      "argument",
      `a share of ${describe(share)} of ${examples.count} examples leaves none on one side`,
      "Give a share between 0 and 1 that leaves at least one example on each side.",
    );
  }
  const order = shuffle(examples.count, seed, HELD_OUT_EPOCH);
  // Whoever reads in the order of the data does so within the parts, too.
  const [train, test] = [order.slice(held).sort(), order.slice(0, held).sort()];
  if (!isStream(examples)) {
    return [picked(examples, train), picked(examples, test)] as readonly Examples[] as readonly [Part, Part];
  }
  const { read } = examples;
  if (read === null) {
    throw new ProxbitError(
      "argument",
      "examples of an iterable have no numbers, so none can be held out",
      "Give a stream of its own as test, or a source { count, read(indices) }.",
    );
  }
  return [partOf(examples, read, train), partOf(examples, read, test)] as readonly Examples[] as readonly [Part, Part];
}

/** Keeps the draw apart from that of any epoch. */
const HELD_OUT_EPOCH = 0xfffffffe;

const PARTS = ["name", "classes", "train", "test", "validation", "seed"];

/** The classes of labels that have no names: their numbers. */
function numbered(parts: readonly Examples[]): readonly string[] {
  let classes = 0;
  for (const part of parts) {
    if (isStream(part)) continue;
    for (const label of part.labels) if (label >= classes) classes = label + 1;
  }
  return Array.from({ length: classes }, (_, number) => String(number));
}

/**
 * A data set of one's own examples: with those to test on, or with a share of the others held out.
 *
 * @throws ProxbitError "argument" for neither or both of test and validation, and for options of the wrong kind.
 * @example
 * const data = makeDataset({ classes: ["cat", "dog"], train: split(pixels, labels, [32, 32, 3]), validation: 0.1 });
 */
export function makeDataset<Part extends Examples>(parts: DatasetParts<Part>): Dataset<Part> {
  const subject: Subject = { code: "argument", what: "makeDataset" };
  plainObject(parts, PARTS, subject);
  const { name = "data", classes, train, test, validation, seed = 0 } = parts;
  if (typeof name !== "string" || name === "") reject(subject, "name", "a text", name);
  if (classes !== undefined && !(isList(classes) && classes.every((word) => typeof word === "string"))) {
    reject(subject, "classes", "a list of texts", classes);
  }
  if (typeof train !== "object" || train === null) reject(subject, "train", "a split or a stream", train);
  if ((test === undefined) === (validation === undefined)) {
    throw new ProxbitError(
      "argument",
      `makeDataset: ${test === undefined ? "neither test nor validation is" : "test and validation are both"} given`,
      "Give the examples to test on, or the share of the others to hold out, as in validation: 0.1.",
    );
  }
  if (test !== undefined) return { name, classes: classes ?? numbered([train, test]), train, test };
  const share = numberIn(validation, 0, 1, "validation", subject);
  const [kept, held] = holdOut(train, share, seed);
  return { name, classes: classes ?? numbered([train]), train: kept, test: held };
}
