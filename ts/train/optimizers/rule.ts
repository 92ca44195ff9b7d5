/**
 * An optimizer of single parameters is one record: the options of its plain value, the core's kernel that makes its step, the
 * tensors of state this keeps, and the numbers that it reads, which change from step to step.
 */
import type { KernelCall } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import { exactPower } from "../../quantizers/elementary.ts";

/** A piece of the weights with its gradient, and the numbers of the update, which every step is given. */
export interface Step {
  readonly weights: Place;
  readonly gradient: Place;
  readonly count: number;
  readonly hyper: Place;
}

/** The moment of an update. */
export interface UpdateMoment {
  /** Course of the run in [0, 1], for schedules. */
  readonly progress: number;
  /** The number of this update since the optimizer's state was zero, from 1. */
  readonly update: number;
  /** The bound on abs(w) after the update, 0 for none. */
  readonly clip: number;
  /** The origin of random numbers: the parameter's name, the seed of the run, and the number of a step's draws. */
  readonly draw: { readonly parameter: string; readonly seed: number; readonly number: number };
}

/** The members are methods, so that a rule can stand where the optimizer is not known. */
export interface Rule<Optimizer> {
  /** The keys of the optimizer's value, beside `kind`. */
  readonly keys: readonly string[];
  /** A checked copy of a value with these keys. @throws ProxbitError `argument` */
  check(given: Readonly<Record<string, unknown>>): Optimizer;
  /** The call that makes a step, over the tensors of state in the order of `slots`. */
  step(given: Step, state: readonly Place[]): KernelCall;
  /** The tensors of state, each as large as the parameter, as people call them. */
  readonly slots: readonly string[];
  /** Floats that the kernel reads for one parameter, and what they are at a moment. */
  readonly hyperFloats: number;
  numbers(optimizer: Optimizer, moment: UpdateMoment): readonly number[];
}

/** 1 - kept^update, for the f32 that the kernel counts with. */
export const correction = (kept: number, update: number): number => 1 - exactPower(kept, update);
