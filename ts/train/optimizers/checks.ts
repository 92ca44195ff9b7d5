/** Checks that the makers of optimizers share. */
import { listOf, numberIn, plainObject, reject, type Subject } from "../../base/checks.ts";
import type { Schedule } from "../../quantizers/quantizer.ts";
import { scheduleRange, toSchedule } from "../../quantizers/schedule.ts";

/** A number, or its course over one call of `fit`. */
export type Rate = number | Schedule;

/** Weight decay of a real optimizer, and who is left out of it. */
export interface Decay {
  readonly weightDecay: number;
  /**
   * Parameters that do not decay: by name (`dense/bias`), all of a layer (`dense`), or all of one key (`bias`, `gamma`). Absent
   * where all decay.
   */
  readonly noDecay?: readonly string[] | undefined;
  /** Share of the run, in [0, 1], from which on no weight decays; absent where they decay to the end. */
  readonly decayUntil?: number | undefined;
}

/** Bounds on the gradients that a real optimizer reads; at most one of both. */
export interface Clipping {
  /**
   * The largest norm of the gradients of all parameters that this optimizer trains, taken together: they are scaled down to it
   * (Pascanu et al., ICML 2013). Absent for no bound.
   */
  readonly clipNorm?: number | undefined;
  /** The largest magnitude of a gradient's element. Absent for no bound. */
  readonly clipValue?: number | undefined;
}

/** The options that all real optimizers have beside their own. */
export interface CommonOptions extends Partial<Decay>, Clipping {
  readonly learningRate?: Rate;
}

export const subject: Subject = { code: "argument", what: "optimizer" };

export function within(name: string, value: number, low: number, high: number): number {
  return numberIn(value, low, high, name, subject);
}

/** A number or schedule that stays in [low, high]. */
export function course(name: string, value: Rate, low: number, high: number): Schedule {
  const schedule = toSchedule(value, name, subject);
  for (const end of scheduleRange(schedule)) within(name, end, low, high);
  return schedule;
}

export const rate = (value: Rate): Schedule => course("learningRate", value, 0, 1e30);

export const allowed = (options: object, keys: readonly string[]): void => {
  plainObject(options, keys, subject);
};

/** The keys of {@link Clipping}. */
export const clippingKeys = ["clipNorm", "clipValue"] as const;

/** The bounds out of their options, left away where there are none, so that records stay as they were. */
export function clippingOf({ clipNorm, clipValue }: Clipping): Clipping {
  if (clipNorm === undefined && clipValue === undefined) return {};
  if (clipNorm !== undefined && clipValue !== undefined) {
    reject(subject, "clipValue", "left out where clipNorm is given", clipValue);
  }
  return clipNorm === undefined
    ? { clipValue: within("clipValue", clipValue as number, 1e-30, 1e30) }
    : { clipNorm: within("clipNorm", clipNorm, 1e-30, 1e30) };
}

/** The keys of {@link Decay}. */
export const decayKeys = ["weightDecay", "noDecay", "decayUntil"] as const;

/** The decay of a step at `progress`. */
export const decayAt = ({ weightDecay, decayUntil = Number.POSITIVE_INFINITY }: Decay, progress: number): number =>
  progress < decayUntil ? weightDecay : 0;

/** The decay out of its options. What is not given is left away, so that records stay as they were. */
export function decayOf({ weightDecay, noDecay, decayUntil }: Partial<Decay>, usual: number): Decay {
  const decay = {
    weightDecay: within("weightDecay", weightDecay ?? usual, 0, 1),
    ...(decayUntil === undefined ? {} : { decayUntil: within("decayUntil", decayUntil, 0, 1) }),
  };
  if (noDecay === undefined) return decay;
  const names = listOf(noDecay, 1, 65536, "noDecay", subject).map((name) => {
    if (typeof name !== "string" || name === "") reject(subject, "noDecay", "a list of names", name);
    return name;
  });
  return { ...decay, noDecay: Object.freeze(names) };
}

/** True where `entry` of `noDecay` means the parameter called `name`: itself, its layer, or its key. */
export const means = (entry: string, name: string): boolean =>
  entry === name || name.startsWith(`${entry}/`) || name.endsWith(`/${entry}`);
