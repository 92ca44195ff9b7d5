/**
 * Schedules: the course of one number over a run (beta of SignSwish, a learning rate) as a function of progress p, the
 * share of all steps that is done, in [0, 1]. Plain values, so that they go into a model file and to a worker.
 *
 *   constant   value
 *   linear     from + (to - from) p
 *   logLinear  from (to / from)^p; both positive
 *   cosine     p < warmup: from p / warmup; then to + (from - to)(1 + cos(pi q)) / 2, q = (p - warmup)/(1 - warmup)
 *   step       value * factor^(how many of `at` are <= p)
 */
import { listOf, numberIn, oneOf, plainObject, reject, type Subject } from "../checks.ts";
import { exactCosPi, exactExp, exactLog } from "./elementary.ts";
import type { Schedule } from "./quantizer.ts";

/** Numbers go to the core as f32; beyond this a product of two of them would leave its range. */
const largest = 1e18;
const mostSteps = 1000;

const kinds = ["constant", "linear", "logLinear", "cosine", "step"] as const;
const keysOfKind = {
  constant: ["kind", "value"],
  linear: ["kind", "from", "to"],
  logLinear: ["kind", "from", "to"],
  cosine: ["kind", "from", "to", "warmup"],
  step: ["kind", "value", "factor", "at"],
} as const;
const allKeys = ["kind", "value", "from", "to", "warmup", "factor", "at"];

/** A schedule out of a value of unknown origin: a fresh, frozen copy, or an error of `subject`'s code. */
export function checkSchedule(value: unknown, option: string, subject: Subject): Schedule {
  const inner: Subject = { code: subject.code, what: `${subject.what}: ${option}` };
  const kind = oneOf(plainObject(value, allKeys, inner).kind, kinds, "kind", inner);
  const given = plainObject(value, keysOfKind[kind], inner);
  const number = (key: string): number => numberIn(given[key], -largest, largest, key, inner);
  const positive = (key: string): number => numberIn(given[key], 1 / largest, largest, key, inner);
  switch (kind) {
    case "constant":
      return Object.freeze({ kind, value: number("value") });
    case "linear":
      return Object.freeze({ kind, from: number("from"), to: number("to") });
    case "logLinear":
      return Object.freeze({ kind, from: positive("from"), to: positive("to") });
    case "cosine": {
      const warmup = numberIn(given.warmup, 0, 1, "warmup", inner);
      if (warmup === 1) reject(inner, "warmup", "below 1", warmup);
      return Object.freeze({ kind, from: number("from"), to: number("to"), warmup });
    }
    case "step": {
      const at = listOf(given.at, 0, mostSteps, "at", inner).map((entry) => numberIn(entry, 0, 1, "at", inner));
      for (let index = 1; index < at.length; index += 1) {
        if ((at[index] ?? 0) < (at[index - 1] ?? 0)) reject(inner, "at", "a list in ascending order", given.at);
      }
      const schedule: Schedule = { kind, value: number("value"), factor: positive("factor"), at: Object.freeze(at) };
      numberIn(afterSteps(schedule.value, schedule.factor, at.length), -largest, largest, "its last value", inner);
      return Object.freeze(schedule);
    }
  }
}

const maker = (kind: string): Subject => ({ code: "argument", what: `schedule ${kind}` });

function make(kind: string, fields: Readonly<Record<string, unknown>>): Schedule {
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

/** A number stands for the constant schedule. Throws an error of `subject`'s code for anything that is no schedule. */
export function toSchedule(value: unknown, option: string, subject: Subject): Schedule {
  if (typeof value !== "number") return checkSchedule(value, option, subject);
  return checkSchedule({ kind: "constant", value }, option, subject);
}

function afterSteps(value: number, factor: number, count: number): number {
  let result = value;
  for (let index = 0; index < count; index += 1) result *= factor;
  return result;
}

/**
 * The schedule's value at `progress` in [0, 1]. Ends are met exactly; the bits are the same in every engine. Throws
 * "argument" for a progress outside [0, 1].
 */
export function evaluateSchedule(schedule: Schedule, progress: number): number {
  numberIn(progress, 0, 1, "progress", { code: "argument", what: "evaluateSchedule" });
  switch (schedule.kind) {
    case "constant":
      return schedule.value;
    case "linear":
      return between(schedule.from, schedule.to, progress);
    case "logLinear": {
      const { from, to } = schedule;
      if (progress === 0) return from;
      if (progress === 1) return to;
      return clampBetween(from, to, from * exactExp(progress * exactLog(to / from)));
    }
    case "cosine": {
      const { from, to, warmup } = schedule;
      if (progress < warmup) return (from * progress) / warmup;
      const share = (1 - exactCosPi((progress - warmup) / (1 - warmup))) / 2;
      return between(from, to, share);
    }
    case "step":
      return afterSteps(schedule.value, schedule.factor, schedule.at.filter((at) => at <= progress).length);
  }
}

function between(from: number, to: number, share: number): number {
  return share === 1 ? to : clampBetween(from, to, from + (to - from) * share);
}

/** Rounding must not carry a value past its ends, for these are what has been checked against a parameter's domain. */
function clampBetween(from: number, to: number, value: number): number {
  return Math.max(Math.min(from, to), Math.min(Math.max(from, to), value));
}

/** The smallest and the largest value that a schedule takes anywhere in [0, 1]. */
export function scheduleRange(schedule: Schedule): readonly [minimum: number, maximum: number] {
  const values = ((): readonly number[] => {
    switch (schedule.kind) {
      case "constant":
        return [schedule.value];
      case "linear":
      case "logLinear":
        return [schedule.from, schedule.to];
      case "cosine":
        return schedule.warmup > 0 ? [0, schedule.from, schedule.to] : [schedule.from, schedule.to];
      case "step":
        return [schedule.value, afterSteps(schedule.value, schedule.factor, schedule.at.length)];
    }
  })();
  return [Math.min(...values), Math.max(...values)];
}

/** The makers under one name, for callers who write `schedules.cosine(1e-3)`. */
export const schedules = Object.freeze({ constant, linear, logLinear, cosine, step });
