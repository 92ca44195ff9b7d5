/** Adam (Kingma and Ba, 2015), and AdamW, whose weight decay is decoupled (Loshchilov and Hutter, 2019). */
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
import { correction, type Rule } from "./rule.ts";

/** Adam; `decoupled` weight decay makes it AdamW. */
export interface Adam extends Decay, Clipping {
  readonly kind: "adam";
  readonly learningRate: Schedule;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decoupled: boolean;
}

export interface AdamOptions extends Omit<CommonOptions, keyof Decay> {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

export interface AdamWOptions extends AdamOptions, Partial<Decay> {}

const keys = ["learningRate", "beta1", "beta2", "epsilon", ...clippingKeys] as const;
const decaying = [...keys, ...decayKeys] as const;

function adamOf(options: AdamWOptions, usualDecay: number, decoupled: boolean): Adam {
  const { weightDecay, ...decay } = decayOf(options, usualDecay);
  return {
    kind: "adam",
    learningRate: rate(options.learningRate ?? 1e-3),
    beta1: within("beta1", options.beta1 ?? 0.9, 0, 0.999999),
    beta2: within("beta2", options.beta2 ?? 0.999, 0, 0.9999999),
    epsilon: within("epsilon", options.epsilon ?? 1e-7, 1e-20, 1),
    weightDecay,
    decoupled,
    ...decay,
    ...clippingOf(options),
  };
}

export function adam(options: AdamOptions = {}): Adam {
  allowed(options, keys);
  return adamOf(options, 0, false);
}

export function adamw(options: AdamWOptions = {}): Adam {
  allowed(options, decaying);
  return adamOf(options, 4e-3, true);
}

export const adamRule: Rule<Adam> = {
  keys: [...decaying, "decoupled"],
  check: ({ decoupled, ...options }) =>
    adamOf(options as AdamWOptions, Number.NaN, booleanOf(decoupled, "decoupled", subject)),
  step: (given, [mean, square]) => k.adamStep({ ...given, mean: mean as Place, square: square as Place }),
  slots: ["first moment", "second moment"],
  hyperFloats: lengthsOf("adam_step").hyper,
  numbers: (own, { progress, update, clip }) => {
    const { learningRate, beta1, beta2, epsilon, decoupled } = own;
    const corrections = [beta1, beta2].map((beta) => correction(Math.fround(beta), update));
    const now = evaluateSchedule(learningRate, progress);
    return [now, beta1, beta2, epsilon, decayAt(own, progress), decoupled ? 1 : 0, ...corrections, clip];
  },
};
