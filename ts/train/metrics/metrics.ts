/**
 * Metrics by name: numbers that say how good answers are, out of the network's outputs and the truth of the examples. All are
 * sums in f64 in the order of the examples.
 */
import { isArrayOf } from "../../base/arrays.ts";
import { integerIn, listOf, oneOf, reading, reject, type Subject } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import { type Answers, classesOf, firstMaximum, saysYes } from "./answers.ts";
import { addCounts, type Counts, noCounts } from "./counts.ts";

/**
 * - `accuracy`: the share of right answers, of examples with classes, else of all answers to several labels. Targets that are
 *   shares of 1 name the class of the largest one. No NaN is right
 * - `top2`, `top5`, ...: the share of examples whose class is among so many largest outputs
 * - `precision`, `recall`, `f1`: means over the classes that are true or answered somewhere, and over all of several labels
 *   (macro averages, as scikit-learn has them; a class without a denominator counts as 0)
 * - `meanSquaredError`, `meanAbsoluteError`: over all outputs, against targets
 */
export type MetricName =
  | "accuracy"
  | `top${number}`
  | "precision"
  | "recall"
  | "f1"
  | "meanSquaredError"
  | "meanAbsoluteError";

/** A metric at work: answers go in piece by piece, in their order. */
interface Sums {
  readonly add: (answers: Answers) => void;
  readonly value: () => number;
}

type Metric = () => Sums;

/** The mean over classes of a share of counts. */
const macro =
  (share: (counts: Counts) => number): Metric =>
  () => {
    let counts: readonly Counts[] = [];
    let isOfClasses = false;
    return {
      add: (answers) => {
        if (counts.length === 0) counts = noCounts(answers.size);
        isOfClasses = classesOf(answers) !== null;
        addCounts(counts, answers);
      },
      value: () => {
        const seen = counts.filter(({ right, missed, wrong }) => !isOfClasses || right + missed + wrong > 0);
        return seen.reduce((sum, own) => sum + share(own), 0) / seen.length;
      },
    };
  };

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The quotient of two sums, to each of which answers add their part. */
const quotient =
  (parts: (answers: Answers, sum: number) => readonly [sum: number, count: number]): Metric =>
  () => {
    let [sum, count] = [0, 0];
    return {
      add: (answers) => {
        const [larger, more] = parts(answers, sum);
        sum = larger;
        count += more;
      },
      value: () => sum / count,
    };
  };

/** The mean of `error` over all outputs. */
const meanError = (error: (difference: number) => number): Metric =>
  quotient(({ outputs, split }, before) => {
    const targets = split.targets as Float32Array;
    const sum = outputs.reduce((total, value, i) => total + error(value - (targets[i] as number)), before);
    return [sum, outputs.length];
  });

const fixed: Readonly<Record<Exclude<MetricName, `top${number}`>, Metric>> = {
  accuracy: quotient((answers, before) => {
    const { outputs, size, split } = answers;
    const { count, targets } = split;
    const classes = classesOf(answers);
    if (classes !== null) return [before + rightAmong(1, outputs, size, classes), count];
    const isAlike = (value: number, i: number): boolean =>
      !Number.isNaN(value) && value > 0 === saysYes(targets?.[i] ?? 0);
    return [outputs.reduce((sum, value, i) => sum + Number(isAlike(value, i)), before), count * size];
  }),
  precision: macro(({ right, wrong }) => ratio(right, right + wrong)),
  recall: macro(({ right, missed }) => ratio(right, right + missed)),
  f1: macro(({ right, missed, wrong }) => ratio(2 * right, 2 * right + missed + wrong)),
  meanSquaredError: meanError((difference) => difference * difference),
  meanAbsoluteError: meanError(Math.abs),
};

const topName = /^top([1-9]\d{0,6})$/;

/** The number of examples with fewer than `places` outputs in front of that of their class; of equal ones the first leads, no NaN. */
function rightAmong(places: number, outputs: Float32Array, size: number, labels: ArrayLike<number>): number {
  let right = 0;
  for (let example = 0; example < labels.length; example++) {
    const row = outputs.subarray(example * size, (example + 1) * size);
    const label = labels[example] as number;
    const own = row[label] as number;
    if (Number.isNaN(own)) continue;
    if (places === 1) {
      right += Number(firstMaximum(row) === label);
      continue;
    }
    const before = row.reduce((sum, value, i) => sum + Number(value > own || (value === own && i < label)), 0);
    right += Number(before < places);
  }
  return right;
}

function metricOf(name: string): { readonly of: Metric; readonly reads: "labels" | "targets" | "either" } {
  if (Object.hasOwn(fixed, name)) {
    return { of: fixed[name as keyof typeof fixed], reads: name.startsWith("mean") ? "targets" : "either" };
  }
  const places = topName.exec(name)?.[1];
  if (places !== undefined) {
    const of = quotient(({ outputs, size, split: { labels } }, before) => [
      before + rightAmong(Number(places), outputs, size, labels),
      labels.length,
    ]);
    return { of, reads: "labels" };
  }
  throw new ProxbitError(
    "unknown-name",
    `there is no metric "${name}"`,
    `Metrics are ${Object.keys(fixed).join(", ")}, and top2, top5 and the like.`,
  );
}

/** Metrics of answers that come piece by piece. */
export interface MetricMeter {
  /** Adds the next answers. @throws ProxbitError `data` where the examples lack the truth for a metric. */
  readonly add: (answers: Answers) => void;
  readonly values: () => Readonly<Record<string, number>>;
}

/** The metrics called `names`, of no answer yet. Throws "unknown-name". */
export function metricMeter(names: readonly MetricName[]): MetricMeter {
  const metrics = names.map((name) => {
    return { name, sums: metricOf(name).of() };
  });
  return {
    add: (answers) => {
      checkTruth(names, answers.split);
      for (const { sums } of metrics) sums.add(answers);
    },
    values: () => Object.fromEntries(metrics.map(({ name, sums }) => [name, sums.value()])),
  };
}

/** @throws ProxbitError `data` where the examples lack the truth for one of the metrics */
export function checkTruth(names: readonly MetricName[], { labels, targets }: Omit<Answers["split"], "count">): void {
  const has = { labels: labels.length > 0, targets: targets !== undefined };
  for (const name of names) {
    const { reads } = metricOf(name);
    if (reads === "either" ? !(has.labels || has.targets) : !has[reads]) throw lacks(name, reads);
  }
}

/**
 * The metrics called `names`.
 *
 * @throws ProxbitError `unknown-name`; `data` where the examples lack the truth for one, and for classes past the outputs;
 * `shape` where outputs and truth are not of as many examples; `argument` for anything else
 */
export function measure(names: readonly MetricName[], answers: Answers): Readonly<Record<string, number>> {
  const subject: Subject = { code: "argument", what: "measure" };
  const meter = metricMeter(checkMetrics(names, subject));
  meter.add(checkedAnswers(answers, subject));
  return meter.values();
}

function checkedAnswers(answers: Answers, subject: Subject): Answers {
  const { outputs, size, count, labels, targets, given } = reading(
    "measure",
    "the outputs, their size and the split",
    () => ({
      ...{ outputs: answers.outputs, size: answers.size, count: answers.split.count, given: answers.meaning },
      labels: answers.split.labels,
      targets: answers.split.targets,
    }),
  );
  if (!isArrayOf(outputs, "Float32Array")) reject(subject, "outputs", "a Float32Array", outputs);
  integerIn(size, 1, 2 ** 31, "size", subject);
  integerIn(count, 1, 2 ** 32, "count", subject);
  if (!isArrayOf(labels, "Uint8Array", "Uint16Array", "Uint32Array")) {
    reject(subject, "labels", "the class numbers of a split, perhaps none", labels);
  }
  if (targets !== undefined && !isArrayOf(targets, "Float32Array")) {
    reject(subject, "targets", "a Float32Array", targets);
  }
  const isWhole =
    outputs.length === size * count &&
    (labels.length === 0 || labels.length === count) &&
    (targets === undefined || targets.length === outputs.length);
  if (!isWhole) {
    throw new ProxbitError(
      "shape",
      `measure: ${outputs.length} outputs of ${size} an example, ${labels.length} labels and ${targets?.length ?? 0} targets ` +
        `are not those of ${describe(count)} examples`,
      "Give the outputs for all examples of the split, as trainer.predict returns them.",
    );
  }
  const beyond = labels.find((label) => label >= size);
  if (beyond !== undefined) {
    throw new ProxbitError(
      "data",
      `measure: a label is ${beyond}, and there are ${size} outputs`,
      "Give a label below.",
    );
  }
  const meaning = given === undefined ? given : oneOf(given, ["classes", "sides"] as const, "meaning", subject);
  return { outputs, size, split: { count, labels, ...(targets === undefined ? {} : { targets }) }, meaning };
}

/** The names of an option, checked. Throws "unknown-name", or an error of `subject`'s code. */
export function checkMetrics(value: unknown, subject: Subject): readonly MetricName[] {
  return listOf(value, 0, 256, "metrics", subject).map((name) => {
    if (typeof name !== "string") reject(subject, "metrics", "a list of names", name);
    metricOf(name);
    return name as MetricName;
  });
}

const lacks = (name: string, reads: string): ProxbitError =>
  new ProxbitError(
    "data",
    `the metric "${name}" compares with ${reads === "either" ? "labels or targets" : reads}, and the examples have none`,
    "Give them to split(), or leave the metric out.",
  );
