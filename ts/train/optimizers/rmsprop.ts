/**
 * RMSprop (Tieleman and Hinton, "Lecture 6.5", Coursera 2012), in PyTorch's form: g += weightDecay * w;
 * v = rho * v + (1 - rho) g^2; b = momentum * b + g / (sqrt(v) + epsilon); w -= learningRate * b.
 */
import { k, lengthsOf } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import type { Schedule } from "../../quantizers/quantizer.ts";
import { evaluateSchedule } from "../../quantizers/schedule.ts";
import {
  allowed,
  type Clipping,
  type CommonOptions,
  clippingKeys,
  clippingOf,
  type Decay,
  decayAt,
  decayKeys,
  decayOf,
  rate,
  within,
} from "./checks.ts";
import type { Rule } from "./rule.ts";

export interface RmsProp extends Decay, Clipping {
  readonly kind: "rmsprop";
  readonly learningRate: Schedule;
  readonly rho: number;
  readonly momentum: number;
  readonly epsilon: number;
}

/** `rho` in [0, 1), how slowly the mean square follows; 0.9 where absent. */
export interface RmsPropOptions extends CommonOptions {
  readonly rho?: number;
  readonly momentum?: number;
  readonly epsilon?: number;
}

const keys = ["learningRate", "rho", "momentum", "epsilon", ...decayKeys, ...clippingKeys] as const;

export function rmsprop(options: RmsPropOptions = {}): RmsProp {
  allowed(options, keys);
  return {
    kind: "rmsprop",
    learningRate: rate(options.learningRate ?? 1e-3),
    rho: within("rho", options.rho ?? 0.9, 0, 0.9999999),
    momentum: within("momentum", options.momentum ?? 0, 0, 1),
    epsilon: within("epsilon", options.epsilon ?? 1e-7, 1e-20, 1),
    ...decayOf(options, 0),
    ...clippingOf(options),
  };
}

export const rmspropRule: Rule<RmsProp> = {
  keys,
  check: rmsprop,
  step: (given, [square, velocity]) =>
    k.rmspropStep({ ...given, square: square as Place, velocity: velocity as Place }),
  slots: ["mean square", "velocity"],
  hyperFloats: lengthsOf("rmsprop_step").hyper,
  numbers: ({ learningRate, rho, momentum, epsilon, ...decay }, { progress, clip }) => [
    evaluateSchedule(learningRate, progress),
    rho,
    momentum,
    epsilon,
    decayAt(decay, progress),
    clip,
  ],
};
