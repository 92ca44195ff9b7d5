/**
 * Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, algorithm 2), whose steps have one size:
 * w -= learningRate * (sign(beta1 m + (1 - beta1) g) + weightDecay * w); m = beta2 m + (1 - beta2) g. Good rates are three to
 * ten times smaller than Adam's.
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

export interface Lion extends Decay, Clipping {
  readonly kind: "lion";
  readonly learningRate: Schedule;
  readonly beta1: number;
  readonly beta2: number;
}

export interface LionOptions extends CommonOptions {
  readonly beta1?: number;
  readonly beta2?: number;
}

const keys = ["learningRate", "beta1", "beta2", ...decayKeys, ...clippingKeys] as const;

export function lion(options: LionOptions = {}): Lion {
  allowed(options, keys);
  return {
    kind: "lion",
    learningRate: rate(options.learningRate ?? 1e-3),
    beta1: within("beta1", options.beta1 ?? 0.9, 0, 0.999999),
    beta2: within("beta2", options.beta2 ?? 0.99, 0, 0.999999),
    ...decayOf(options, 0),
    ...clippingOf(options),
  };
}

export const lionRule: Rule<Lion> = {
  keys,
  check: lion,
  step: (given, [mean]) => k.lionStep({ ...given, mean: mean as Place }),
  slots: ["mean gradient"],
  hyperFloats: lengthsOf("lion_step").hyper,
  numbers: ({ learningRate, beta1, beta2, ...decay }, { progress, clip }) => [
    evaluateSchedule(learningRate, progress),
    beta1,
    beta2,
    decayAt(decay, progress),
    clip,
  ],
};
