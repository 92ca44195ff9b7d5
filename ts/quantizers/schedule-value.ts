/**
 * The values of schedules: at one progress, and the ends of what they take over a whole run. Bits are the same in every
 * engine: only + - * / and the functions of `elementary.ts` are used.
 */
import { numberIn } from "../base/checks.ts";
import { exactCosPi, exactExp, exactLog, exactPower } from "./elementary.ts";
import type { Schedule } from "./quantizer.ts";

/** The progress e / E at the end of an epoch is rounded, and times E it may be a little less than e. */
const A_STEP_ROUNDED = 1e-9;

type Accumulated = Extract<Schedule, { kind: "accumulated" }>;

/** value * factor^count, by multiplications. */
export function afterSteps(value: number, factor: number, count: number): number {
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
    case "quarterCosine":
      return between(schedule.from, schedule.to, 1 - exactCosPi(progress / 2));
    case "staircase":
      return Math.floor(between(schedule.from, schedule.to, progress));
    case "geometric": {
      const { from, to, factor, steps } = schedule;
      return clampBetween(
        from,
        to,
        to + (from - to) * exactPower(factor, Math.floor(progress * steps + A_STEP_ROUNDED)),
      );
    }
    case "logistic":
      return between(schedule.from, schedule.to, risen(schedule.steepness, schedule.center, progress));
    case "accumulated":
      return accumulatedAt(schedule, progress);
    case "warmup": {
      const { share, from, of } = schedule;
      if (progress < share) return between(from, evaluateSchedule(of, 0), progress / share);
      return evaluateSchedule(of, (progress - share) / (1 - share));
    }
    case "window": {
      const { start, end, of } = schedule;
      return evaluateSchedule(of, Math.max(0, Math.min(1, (progress - start) / (end - start))));
    }
    case "sequence": {
      const { at, parts } = schedule;
      const part = at.filter((moment) => moment <= progress).length;
      const [start, end] = [at[part - 1] ?? 0, at[part] ?? 1];
      return evaluateSchedule(parts[part] as Schedule, (progress - start) / (end - start));
    }
  }
}

/** 1 minus PARQ's inverse slope: (s(0) - s(p)) / (s(0) - s(1)) with s(p) = 1 / (1 + exp(steepness (p - center))). */
function risen(steepness: number, center: number, progress: number): number {
  if (progress === 0) return 0;
  if (progress === 1) return 1;
  const s = (p: number): number => 1 / (1 + exactExp(steepness * (p - center)));
  return (s(0) - s(progress)) / (s(0) - s(1));
}

/**
 * Sums cost a pass over all steps, and a run asks for its schedules at every step. Graphs hold many copies of one schedule:
 * those with the same rates share their sums, of which the last few are found again by content.
 */
const sumsOf = new WeakMap<Schedule, Float64Array>();
const sumsByContent = new Map<string, Float64Array>();
const mostByContent = 8;

/** initial, initial + eta_0, initial + eta_0 + eta_1 and so on: `steps` + 1 numbers. */
function sums(schedule: Accumulated): Float64Array {
  const known = sumsOf.get(schedule);
  if (known !== undefined) return known;
  const { of, steps, initial } = schedule;
  const content = JSON.stringify([of, steps, initial]);
  const made = sumsByContent.get(content) ?? sumUp(schedule);
  sumsByContent.delete(content);
  sumsByContent.set(content, made);
  const [oldest] = sumsByContent.keys();
  if (sumsByContent.size > mostByContent && oldest !== undefined) sumsByContent.delete(oldest);
  sumsOf.set(schedule, made);
  return made;
}

function sumUp({ of, steps, initial }: Accumulated): Float64Array {
  const made = new Float64Array(steps + 1);
  made[0] = initial;
  for (let step = 0; step < steps; step += 1) made[step + 1] = (made[step] ?? 0) + evaluateSchedule(of, step / steps);
  return made;
}

function accumulatedAt(schedule: Accumulated, progress: number): number {
  const all = sums(schedule);
  const position = progress * schedule.steps;
  const before = Math.min(schedule.steps - 1, Math.floor(position));
  const [low, high] = [all[before] ?? 0, all[before + 1] ?? 0];
  const value = schedule.scale * between(low, high, position - before);
  // Sums of a constant rate may round to a little more than the bound, which is one product.
  return Math.min(accumulatedBound(schedule), value);
}

/** What no sum exceeds: the largest rate at every step. Known without summing up, so that checking a file costs nothing. */
const accumulatedBound = ({ of, steps, initial, scale }: Accumulated): number =>
  scale * (initial + steps * scheduleRange(of)[1]);

function between(from: number, to: number, share: number): number {
  return share === 1 ? to : clampBetween(from, to, from + (to - from) * share);
}

/** Rounding must not carry a value past its ends, for these are what has been checked against a parameter's domain. */
function clampBetween(from: number, to: number, value: number): number {
  return Math.max(Math.min(from, to), Math.min(Math.max(from, to), value));
}

/**
 * The smallest and the largest value that a schedule takes anywhere in [0, 1]; of an accumulated one a bound in place of the
 * largest: what it would be if the largest rate were that of every step.
 */
export function scheduleRange(schedule: Schedule): readonly [minimum: number, maximum: number] {
  const values = ((): readonly number[] => {
    switch (schedule.kind) {
      case "constant":
        return [schedule.value];
      case "linear":
      case "logLinear":
      case "quarterCosine":
      case "logistic":
      case "geometric":
        return [schedule.from, schedule.to];
      case "staircase":
        return [Math.floor(schedule.from), Math.floor(schedule.to)];
      case "cosine":
        return schedule.warmup > 0 ? [0, schedule.from, schedule.to] : [schedule.from, schedule.to];
      case "step":
        return [schedule.value, afterSteps(schedule.value, schedule.factor, schedule.at.length)];
      case "accumulated":
        return [schedule.scale * schedule.initial, accumulatedBound(schedule)];
      case "warmup":
        return schedule.share > 0 ? [schedule.from, ...scheduleRange(schedule.of)] : scheduleRange(schedule.of);
      case "window":
        return scheduleRange(schedule.of);
      case "sequence":
        return schedule.parts.flatMap(scheduleRange);
    }
  })();
  return [Math.min(...values), Math.max(...values)];
}
