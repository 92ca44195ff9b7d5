/**
 * The check of schedules, as far as it is known. Constant, linear and log-linear ones that are sound are known from the start.
 * Whatever checks others, or has to say what is wrong with one, takes in the whole check (`schedule.ts`) first.
 */
import type { Subject } from "../base/checks.ts";
import type { Schedule } from "./quantizer.ts";

interface Schedules {
  /** A number stands for the constant schedule. Throws an error of `subject`'s code for anything that is no schedule. */
  readonly toSchedule: (value: unknown, option: string, subject: Subject) => Schedule;
  /** The smallest and the largest value that a schedule takes. */
  readonly scheduleRange: (schedule: Schedule) => readonly [minimum: number, maximum: number];
}

/** The least and the largest number of each key by the kind; those of `schedule.ts`. */
const LARGEST = 1e18;
const finite = [-LARGEST, LARGEST] as const;
const positive = [1 / LARGEST, LARGEST] as const;
const plainKinds: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>> = {
  constant: { value: finite },
  linear: { from: finite, to: finite },
  logLinear: { from: positive, to: positive },
};

/** The copy of a schedule that is sound and of a kind that is known from the start; undefined for all else. */
function plain(value: unknown): Schedule | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value)) return undefined;
  const { kind, ...numbers } = value as Readonly<Record<string, unknown>>;
  const keys = typeof kind === "string" && Object.hasOwn(plainKinds, kind) ? plainKinds[kind] : undefined;
  if (keys === undefined || Object.keys(numbers).length !== Object.keys(keys).length) return undefined;
  const isSound = Object.entries(keys).every(([key, [least, most]]) => {
    const number = numbers[key];
    return typeof number === "number" && number >= least && number <= most;
  });
  if (!isSound) return undefined;
  return Object.freeze({
    kind,
    // 0 for -0, which JSON cannot keep.
    ...Object.fromEntries(Object.keys(keys).map((key) => [key, (numbers[key] as number) + 0])),
  }) as Schedule;
}

let known: Schedules = {
  toSchedule: (value) => {
    const schedule = plain(value);
    if (schedule === undefined) throw new Error("the check of schedules was not taken in");
    return schedule;
  },
  scheduleRange: (schedule) => {
    const ends = Object.values(schedule).filter((value) => typeof value === "number");
    return [Math.min(...ends), Math.max(...ends)];
  },
};

let isWhole = false;

/** Takes in the whole check. */
export function takeSchedules(all: Schedules): void {
  known = all;
  isWhole = true;
}

/** True where the check of `value` is known: of a schedule in a file, or of anything once the whole check is there. */
export const isKnownSchedule = (value: unknown): boolean => isWhole || plain(value) !== undefined;

export const toSchedule: Schedules["toSchedule"] = (value, option, subject) => known.toSchedule(value, option, subject);
export const scheduleRange: Schedules["scheduleRange"] = (schedule) => known.scheduleRange(schedule);
