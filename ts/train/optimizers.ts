/**
 * Optimizers as plain values. The update itself runs in the core (`crates/kernels/src/optimizer.rs`); here stand the
 * options, their checks, and the numbers that change from step to step.
 */
import { booleanOf, numberIn, oneOf, plainObject, type Subject } from "../checks.ts";
import { exactPower } from "../quantizers/elementary.ts";
import type { Schedule } from "../quantizers/quantizer.ts";
import { evaluateSchedule, scheduleRange, toSchedule } from "../quantizers/schedule.ts";

/** SGD with momentum: g += weightDecay * w; v = momentum * v + g; w -= learningRate * v (or Nesterov's form). */
export interface Sgd {
  readonly kind: "sgd";
  readonly learningRate: Schedule;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** Adam (Kingma and Ba, 2015); `decoupled` weight decay makes it AdamW (Loshchilov and Hutter, 2019). */
export interface Adam {
  readonly kind: "adam";
  readonly learningRate: Schedule;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
}

export type Optimizer = Sgd | Adam;

/** A number, or its course over one call of `fit`. */
export type Rate = number | Schedule;

const subject: Subject = { code: "argument", what: "optimizer" };

function within(name: string, value: number, low: number, high: number): number {
  return numberIn(value, low, high, name, subject);
}

function rate(value: Rate): Schedule {
  const schedule = toSchedule(value, "learningRate", subject);
  for (const end of scheduleRange(schedule)) within("learningRate", end, 0, 1e30);
  return schedule;
}

const allowed = (options: object, keys: readonly string[]): void => {
  plainObject(options, keys, subject);
};

export interface SgdOptions {
  readonly learningRate?: Rate;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

export interface AdamOptions {
  readonly learningRate?: Rate;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

export interface AdamWOptions extends AdamOptions {
  readonly weightDecay?: number;
}

function adamOf(options: AdamWOptions, weightDecay: number, decoupled: boolean): Adam {
  return {
    kind: "adam",
    learningRate: rate(options.learningRate ?? 1e-3),
    beta1: within("beta1", options.beta1 ?? 0.9, 0, 0.999999),
    beta2: within("beta2", options.beta2 ?? 0.999, 0, 0.9999999),
    epsilon: within("epsilon", options.epsilon ?? 1e-7, 1e-20, 1),
    weightDecay: within("weightDecay", weightDecay, 0, 1),
    decoupled,
  };
}

/** The makers of optimizers; names and defaults are Keras's. @throws ProxbitError `argument` for options out of range. */
export const optimizers = {
  sgd: (options: SgdOptions = {}): Sgd => {
    allowed(options, ["learningRate", "momentum", "nesterov", "weightDecay"]);
    return {
      kind: "sgd",
      learningRate: rate(options.learningRate ?? 0.01),
      momentum: within("momentum", options.momentum ?? 0, 0, 1),
      nesterov: booleanOf(options.nesterov ?? false, "nesterov", subject),
      weightDecay: within("weightDecay", options.weightDecay ?? 0, 0, 1),
    };
  },
  adam: (options: AdamOptions = {}): Adam => {
    allowed(options, ["learningRate", "beta1", "beta2", "epsilon"]);
    return adamOf(options, 0, false);
  },
  adamw: (options: AdamWOptions = {}): Adam => {
    allowed(options, ["learningRate", "beta1", "beta2", "epsilon", "weightDecay"]);
    return adamOf(options, options.weightDecay ?? 4e-3, true);
  },
};

const sgdKeys = ["kind", "learningRate", "momentum", "nesterov", "weightDecay"];
const adamKeys = ["kind", "learningRate", "beta1", "beta2", "epsilon", "weightDecay", "decoupled"];

/** An optimizer out of a value of unknown origin: a fresh copy. @throws ProxbitError `argument` for anything else. */
export function checkOptimizer(value: unknown): Optimizer {
  const { kind } = plainObject(value, [...sgdKeys, ...adamKeys], subject);
  if (oneOf(kind, ["sgd", "adam"], "kind", subject) === "sgd") {
    const { kind: _, ...options } = plainObject(value, sgdKeys, subject);
    return optimizers.sgd(options);
  }
  const { kind: _, weightDecay, decoupled, ...options } = plainObject(value, adamKeys, subject);
  return adamOf(options, weightDecay as number, booleanOf(decoupled, "decoupled", subject));
}

/** Tensors of state that the optimizer keeps for each trained parameter. */
export const slotCount = (optimizer: Optimizer): number => (optimizer.kind === "sgd" ? 1 : 2);

/** Floats that the core reads for one update of one parameter. */
export const HYPER_FLOATS = 9;

/**
 * The numbers of one update, as the core's `sgd_step` and `adam_step` read them.
 *
 * @param progress course of the run in [0, 1], for the learning rate
 * @param update number of this update since the optimizer's state was zero, from 1
 * @param clip bound on abs(w) after the update, 0 for none
 */
export function hyperOf(optimizer: Optimizer, progress: number, update: number, clip: number): readonly number[] {
  const learningRate = evaluateSchedule(optimizer.learningRate, progress);
  if (optimizer.kind === "sgd") {
    return [learningRate, optimizer.momentum, optimizer.weightDecay, optimizer.nesterov ? 1 : 0, clip];
  }
  const { beta1, beta2, epsilon, weightDecay, decoupled } = optimizer;
  const correction = (beta: number): number => 1 - exactPower(Math.fround(beta), update);
  return [
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    decoupled ? 1 : 0,
    correction(beta1),
    correction(beta2),
    clip,
  ];
}
