/**
 * Schedules: the course of one number over a run (beta of SignSwish, a learning rate) as a function of progress p, the
 * share of all steps that is done, in [0, 1]. Plain values, so that they go into a model file and to a worker.
 *
 *   constant       value
 *   linear         from + (to - from) p
 *   logLinear      from (to / from)^p; both positive
 *   cosine         p < warmup: from p / warmup; then to + (from - to)(1 + cos(pi q)) / 2, q = (p - warmup)/(1 - warmup)
 *   quarterCosine  from + (to - from)(1 - cos(pi p / 2)): slow first (o of ReSTE)
 *   logistic       from + (to - from)(s(0) - s(p))/(s(0) - s(1)), s(p) = 1/(1 + exp(steepness (p - center))) (PARQ)
 *   staircase      the whole number below from + (to - from) p (terms of FDA)
 *   step           value * factor^(how many of `at` are <= p)
 *   geometric      to + (from - to) factor^(whole steps that are done of `steps` in a run)
 *   accumulated    scale (initial + eta_0 + .. + eta_{t-1}) after t = p steps of `steps`, eta_s = of(s / steps) >= 0:
 *                  mu_t of ProxConnect for the learning rate `of`; linear between steps
 *   warmup         p < share: a straight line from `from` to of(0); then of((p - share)/(1 - share))
 *   window         of(0) before `start`, of(1) from `end` on, and in between its whole course
 *   sequence       between two neighbours of 0, `at`, 1 the whole course of one of `parts` (a learning rate that restarts)
 *
 * Learning rates and the parameters of quantizers are the same kind of value. The last four hold other schedules, three
 * deep at most.
 */
import { integerIn, listOf, numberIn, oneOf, plainObject, reject, type Subject } from "../base/checks.ts";
import type { Schedule } from "./quantizer.ts";
import { afterSteps, scheduleRange } from "./schedule-value.ts";

export { evaluateSchedule, scheduleRange } from "./schedule-value.ts";

/** Numbers go to the core as f32; beyond this a product of two of them would leave its range. */
const largest = 1e18;
/** Entries of `at`, and steps that are summed up. */
const mostEntries = 1000;
const mostSteps = 100_000;
const mostNested = 3;
const mostParts = 16;

const keysOfKind = {
  constant: ["kind", "value"],
  linear: ["kind", "from", "to"],
  logLinear: ["kind", "from", "to"],
  cosine: ["kind", "from", "to", "warmup"],
  step: ["kind", "value", "factor", "at"],
  quarterCosine: ["kind", "from", "to"],
  staircase: ["kind", "from", "to"],
  geometric: ["kind", "from", "to", "factor", "steps"],
  logistic: ["kind", "from", "to", "steepness", "center"],
  accumulated: ["kind", "of", "steps", "initial", "scale"],
  warmup: ["kind", "share", "from", "of"],
  window: ["kind", "start", "end", "of"],
  sequence: ["kind", "at", "parts"],
} as const;
const kinds = Object.keys(keysOfKind) as readonly Schedule["kind"][];
const allKeys = [...new Set(Object.values(keysOfKind).flat())];

/** A schedule out of a value of unknown origin: a fresh, frozen copy, or an error of `subject`'s code. */
export function checkSchedule(value: unknown, option: string, subject: Subject): Schedule {
  return checkNested(value, { code: subject.code, what: `${subject.what}: ${option}` }, 0);
}

function checkNested(value: unknown, inner: Subject, depth: number): Schedule {
  const kind = oneOf(plainObject(value, allKeys, inner).kind, kinds, "kind", inner);
  const given = plainObject(value, keysOfKind[kind], inner);
  const number = (key: string): number => numberIn(given[key], -largest, largest, key, inner);
  const positive = (key: string): number => numberIn(given[key], 1 / largest, largest, key, inner);
  const shareBelow1 = (key: string): number => {
    const share = numberIn(given[key], 0, 1, key, inner);
    if (share === 1) reject(inner, key, "below 1", share);
    return share;
  };
  const held = (value: unknown, key: string): Schedule => {
    if (depth === mostNested) reject(inner, key, `nested at most ${mostNested} deep`, value);
    return checkNested(value, { code: inner.code, what: `${inner.what} ${key}` }, depth + 1);
  };
  const of = (): Schedule => held(given.of, "of");
  const moments = (most: number): readonly number[] => {
    const at = listOf(given.at, 0, most, "at", inner).map((entry) => numberIn(entry, 0, 1, "at", inner));
    for (let index = 1; index < at.length; index += 1) {
      if ((at[index] ?? 0) < (at[index - 1] ?? 0)) reject(inner, "at", "a list in ascending order", given.at);
    }
    return Object.freeze(at);
  };
  switch (kind) {
    case "constant":
      return Object.freeze({ kind, value: number("value") });
    case "linear":
    case "quarterCosine":
    case "staircase":
      return Object.freeze({ kind, from: number("from"), to: number("to") });
    case "geometric": {
      const factor = numberIn(given.factor, 0, 1, "factor", inner);
      const steps = integerIn(given.steps, 1, mostSteps, "steps", inner);
      return Object.freeze({ kind, from: number("from"), to: number("to"), factor, steps });
    }
    case "logLinear":
      return Object.freeze({ kind, from: positive("from"), to: positive("to") });
    case "cosine":
      return Object.freeze({ kind, from: number("from"), to: number("to"), warmup: shareBelow1("warmup") });
    case "logistic": {
      // Beyond 300 the logistic function is 0 and 1 to the last bit but for one point, and below 1e-3 a straight line.
      const steepness = numberIn(given.steepness, 1e-3, 300, "steepness", inner);
      const center = numberIn(given.center, 0, 1, "center", inner);
      return Object.freeze({ kind, from: number("from"), to: number("to"), steepness, center });
    }
    case "step": {
      const at = moments(mostEntries);
      const schedule: Schedule = { kind, value: number("value"), factor: positive("factor"), at };
      numberIn(afterSteps(schedule.value, schedule.factor, at.length), -largest, largest, "its last value", inner);
      return Object.freeze(schedule);
    }
    case "accumulated": {
      const steps = integerIn(given.steps, 1, mostSteps, "steps", inner);
      const rate = of();
      numberIn(scheduleRange(rate)[0], 0, largest, "the smallest value of its rate", inner);
      const initial = numberIn(given.initial, 0, largest, "initial", inner);
      const schedule: Schedule = Object.freeze({ kind, of: rate, steps, initial, scale: positive("scale") });
      numberIn(scheduleRange(schedule)[1], 0, largest, "its largest value", inner);
      return schedule;
    }
    case "warmup":
      return Object.freeze({ kind, share: shareBelow1("share"), from: number("from"), of: of() });
    case "window": {
      const start = numberIn(given.start, 0, 1, "start", inner);
      const end = numberIn(given.end, 0, 1, "end", inner);
      if (end <= start) reject(inner, "end", `after its start, which is ${start}`, end);
      return Object.freeze({ kind, start, end, of: of() });
    }
    case "sequence": {
      const at = moments(mostParts - 1);
      if (new Set([0, ...at, 1]).size < at.length + 2) reject(inner, "at", "moments between 0 and 1, none twice", at);
      const parts = listOf(given.parts, at.length + 1, at.length + 1, "parts", inner);
      return Object.freeze({ kind, at, parts: Object.freeze(parts.map((part) => held(part, "parts"))) });
    }
  }
}

const maker = (kind: string): Subject => ({ code: "argument", what: `schedule ${kind}` });

function make(kind: Schedule["kind"], fields: Readonly<Record<string, unknown>>): Schedule {
  return checkSchedule({ kind, ...fields }, "options", maker(kind));
}

/** The same `value` throughout. */
export function constant(value: number): Schedule {
  return make("constant", { value });
}

/** A straight line `from` .. `to`. */
export function linear(from: number, to: number): Schedule {
  return make("linear", { from, to });
}

/** A straight line in the logarithm, `from` .. `to`, both positive. */
export function logLinear(from: number, to: number): Schedule {
  return make("logLinear", { from, to });
}

/** Half a cosine `from` .. `to`; before it, for the share `warmup` in [0, 1) of the run, a straight line 0 .. `from`. */
export function cosine(from: number, to = 0, warmup = 0): Schedule {
  return make("cosine", { from, to, warmup });
}

/** `value`, multiplied by `factor` > 0 at each progress in `at` (ascending, in [0, 1]). */
export function step(value: number, factor: number, at: readonly number[]): Schedule {
  return make("step", { value, factor, at });
}

/** The first quarter of a cosine, upside down: `from` .. `to`, slow first. ReSTE's o is quarterCosine(1, 3). */
export function quarterCosine(from: number, to: number): Schedule {
  return make("quarterCosine", { from, to });
}

/**
 * From `from` towards `to`, which it need not meet: the distance is multiplied by `factor` in [0, 1] after each of `steps` equal
 * shares of the run. A temperature that falls to 0.9 of itself in each of 30 epochs is geometric(1, 0, 0.9, 30).
 */
export function geometric(from: number, to: number, factor: number, steps: number): Schedule {
  return make("geometric", { from, to, factor, steps });
}

/** The whole numbers from `from` on, each for an equal share, and `to` at the end. FDA's number of terms is staircase(9, 18). */
export function staircase(from: number, to: number): Schedule {
  return make("staircase", { from, to });
}

/**
 * A logistic function `from` .. `to`, stretched so that it meets both; steepest at `center` in [0, 1]. `steepness` from
 * 1e-3 to 300. 1 - logistic(0, 1) is PARQ's inverse slope, whose normalisation is that of center 1/2; here the ends are
 * met for any center.
 */
export function logistic(from: number, to: number, steepness = 10, center = 0.5): Schedule {
  return make("logistic", { from, to, steepness, center });
}

/**
 * scale (initial + the sum of all learning rates of the steps before), for a run of `steps` steps (to 100,000) with the
 * learning rate `of`: mu_t of ProxConnect is accumulated(learningRate, steps). No rate may be negative, and the parameter's
 * domain must hold scale (initial + steps times the largest rate), which bounds it.
 */
export function accumulated(of: Schedule | number, steps: number, options: AccumulatedOptions = {}): Schedule {
  const { initial = 1, scale = 1 } = plainObject(options, ["initial", "scale"], maker("accumulated"));
  return make("accumulated", { of: toSchedule(of, "of", maker("accumulated")), steps, initial, scale });
}

/** `initial` >= 0 is the value before the first step (1); `scale` > 0 multiplies everything (1). */
export interface AccumulatedOptions {
  readonly initial?: number | undefined;
  readonly scale?: number | undefined;
}

/** `of`, after a straight line `from` .. of(0) over the share `share` in [0, 1) of the run. */
export function warmup(share: number, of: Schedule | number, from = 0): Schedule {
  return make("warmup", { share, from, of: toSchedule(of, "of", maker("warmup")) });
}

/** The whole course of `of` between `start` and `end`, 0 <= start < end <= 1; its ends before and after. */
export function window(start: number, end: number, of: Schedule | number): Schedule {
  return make("window", { start, end, of: toSchedule(of, "of", maker("window")) });
}

/**
 * One schedule after the other, each with its whole course: `parts[i]` from `at[i - 1]` to `at[i]`, the first from 0 and the
 * last to 1. `at` ascends within (0, 1) and is one shorter than `parts`, which are at most 16. A learning rate that starts
 * again where a quantizer hardens is sequence([0.5], [cosine(3e-3), cosine(3e-3)]) (warm restarts, SGDR, arXiv 1608.03983).
 */
export function sequence(at: readonly number[], parts: readonly (Schedule | number)[]): Schedule {
  const subject = maker("sequence");
  const own = listOf(parts, 1, mostParts, "parts", subject);
  return make("sequence", { at, parts: own.map((part) => toSchedule(part, "parts", subject)) });
}

/** `start` and `end`: shares of the run, t1 and t2 (0 and 1); `steepness` s (10), `center` c (0.5). */
export interface InverseSlopeOptions {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly steepness?: number | undefined;
  readonly center?: number | undefined;
}

const inverseSlopeKeys = ["start", "end", "steepness", "center"];

function hardening(name: string, from: number, to: number, options: InverseSlopeOptions): Schedule {
  plainObject(options, inverseSlopeKeys, maker(name));
  const { start = 0, end = 1, steepness, center } = options;
  return window(start, end, logistic(from, to, steepness, center));
}

/** PARQ's inverse slope: 1 until `start`, then a logistic course to 0 at `end`, the hard sign. */
export function inverseSlope(options: InverseSlopeOptions = {}): Schedule {
  return hardening("inverseSlope", 1, 0, options);
}

/** 1 minus PARQ's inverse slope: rho of L (with varrho 0), whose steps grow from nothing to the sign. */
export function parqRho(options: InverseSlopeOptions = {}): Schedule {
  return hardening("parqRho", 0, 1, options);
}

/** A number stands for the constant schedule. Throws an error of `subject`'s code for anything that is no schedule. */
export function toSchedule(value: unknown, option: string, subject: Subject): Schedule {
  if (typeof value !== "number") return checkSchedule(value, option, subject);
  return checkSchedule({ kind: "constant", value }, option, subject);
}

/** The makers under one name, for callers who write `schedules.cosine(1e-3)`. */
export const schedules = Object.freeze({
  constant,
  linear,
  logLinear,
  cosine,
  step,
  quarterCosine,
  staircase,
  geometric,
  logistic,
  accumulated,
  warmup,
  window,
  sequence,
  inverseSlope,
  parqRho,
});
