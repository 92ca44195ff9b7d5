/**
 * Metrics by name: numbers that say how good answers are, out of the network's outputs and the truth of the examples. All are
 * sums in f64 in the order of the examples.
 */
import { listOf, reading, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Answers } from "./answers.ts";
import { type Counts, countsOf, firstMaximum } from "./counts.ts";

/**
 * - `accuracy`: the share of right answers, of examples with classes, else of all answers to several labels
 * - `top2`, `top5`, ...: the share of examples whose class is among so many largest outputs
 * - `precision`, `recall`, `f1`: means over the classes that are true or answered somewhere (macro averages, as scikit-learn
 *   has them; a class without a denominator counts as 0)
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

type Metric = (answers: Answers) => number;

/** The mean over classes of a share of counts. */
const macro =
  (share: (counts: Counts) => number): Metric =>
  (answers) => {
    const seen = countsOf(answers).filter(({ right, missed, wrong }) => right + missed + wrong > 0);
    return seen.reduce((sum, counts) => sum + share(counts), 0) / seen.length;
  };

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The mean of `error` over all outputs. */
const meanError =
  (error: (difference: number) => number): Metric =>
  ({ outputs, split }) => {
    const targets = split.targets as Float32Array;
    return outputs.reduce((sum, value, i) => sum + error(value - (targets[i] as number)), 0) / outputs.length;
  };

const fixed: Readonly<Record<Exclude<MetricName, `top${number}`>, Metric>> = {
  accuracy: ({ outputs, size, split: { count, labels, targets } }) => {
    if (labels.length > 0) return rightAmong(1, outputs, size, labels);
    const isAlike = (value: number, i: number): boolean => value > 0 === (targets?.[i] ?? 0) > 0;
    return outputs.reduce((sum, value, i) => sum + Number(isAlike(value, i)), 0) / (count * size);
  },
  precision: macro(({ right, wrong }) => ratio(right, right + wrong)),
  recall: macro(({ right, missed }) => ratio(right, right + missed)),
  f1: macro(({ right, missed, wrong }) => ratio(2 * right, 2 * right + missed + wrong)),
  meanSquaredError: meanError((difference) => difference * difference),
  meanAbsoluteError: meanError(Math.abs),
};

const topName = /^top([1-9]\d{0,6})$/;

/** The share of examples with fewer than `places` outputs in front of that of their class; of equal ones the first leads. */
function rightAmong(places: number, outputs: Float32Array, size: number, labels: ArrayLike<number>): number {
  let right = 0;
  for (let example = 0; example < labels.length; example++) {
    const row = outputs.subarray(example * size, (example + 1) * size);
    if (places === 1) {
      right += Number(firstMaximum(row) === labels[example]);
      continue;
    }
    const label = labels[example] as number;
    const own = row[label] as number;
    const before = row.reduce((sum, value, i) => sum + Number(value > own || (value === own && i < label)), 0);
    right += Number(before < places);
  }
  return right / labels.length;
}

function metricOf(name: string): { readonly of: Metric; readonly reads: "labels" | "targets" | "either" } {
  if (Object.hasOwn(fixed, name)) {
    return { of: fixed[name as keyof typeof fixed], reads: name.startsWith("mean") ? "targets" : "either" };
  }
  const places = topName.exec(name)?.[1];
  if (places !== undefined) {
    const of: Metric = ({ outputs, size, split }) => rightAmong(Number(places), outputs, size, split.labels);
    return { of, reads: "labels" };
  }
  throw new ProxbitError(
    "unknown-name",
    `there is no metric "${name}"`,
    `Metrics are ${Object.keys(fixed).join(", ")}, and top2, top5 and the like.`,
  );
}

/** The metrics called `names`. @throws ProxbitError `unknown-name`; `data` where the examples lack the truth for one */
export const measure = (names: readonly MetricName[], answers: Answers): Readonly<Record<string, number>> =>
  reading("measure", "a list of names, and the answers to examples", () => measured(names, answers));

function measured(names: readonly MetricName[], answers: Answers): Readonly<Record<string, number>> {
  const { labels, targets } = answers.split;
  return Object.fromEntries(
    names.map((name) => {
      const { of, reads } = metricOf(name);
      const has = { labels: labels.length > 0, targets: targets !== undefined };
      if (reads === "either" ? !(has.labels || has.targets) : !has[reads]) throw lacks(name, reads);
      return [name, of(answers)];
    }),
  );
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
