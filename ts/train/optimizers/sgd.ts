/** SGD with momentum, in PyTorch's form: g += weightDecay * w; v = momentum * v + g; w -= learningRate * v. */
import { booleanOf } from "../../base/checks.ts";
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
  subject,
  within,
} from "./checks.ts";
import type { Rule } from "./rule.ts";

/** SGD with momentum. With `nesterov` the step is g + momentum * v in place of v (Sutskever et al., ICML 2013). */
export interface Sgd extends Decay, Clipping {
  readonly kind: "sgd";
  readonly learningRate: Schedule;
  readonly momentum: number;
  readonly nesterov: boolean;
}

export interface SgdOptions extends CommonOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

const keys = ["learningRate", "momentum", "nesterov", ...decayKeys, ...clippingKeys] as const;

export function sgd(options: SgdOptions = {}): Sgd {
  allowed(options, keys);
  return {
    kind: "sgd",
    learningRate: rate(options.learningRate ?? 0.01),
    momentum: within("momentum", options.momentum ?? 0, 0, 1),
    nesterov: booleanOf(options.nesterov ?? false, "nesterov", subject),
    ...decayOf(options, 0),
    ...clippingOf(options),
  };
}

export const sgdRule: Rule<Sgd> = {
  keys,
  check: sgd,
  step: (given, [velocity]) => k.sgdStep({ ...given, velocity: velocity as Place }),
  slots: ["velocity"],
  hyperFloats: lengthsOf("sgd_step").hyper,
  numbers: ({ learningRate, momentum, nesterov, ...decay }, { progress, clip }) => [
    evaluateSchedule(learningRate, progress),
    momentum,
    decayAt(decay, progress),
    nesterov ? 1 : 0,
    clip,
  ],
};
