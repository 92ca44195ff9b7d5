/**
 * Bop (Helwegen et al., "Latent Weights Do Not Exist", NeurIPS 2019, algorithm 1), and its second order (Suarez-Ramirez et al.,
 * "A Bop and Beyond", 2021). A binary weight has no latent one behind it: an update flips it or leaves it.
 */
import { booleanOf, reject } from "../../base/checks.ts";
import { k, lengthsOf } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import type { Schedule } from "../../quantizers/quantizer.ts";
import { evaluateSchedule } from "../../quantizers/schedule.ts";
import { allowed, course, type Rate, subject, within } from "./checks.ts";
import { correction, type Rule } from "./rule.ts";

/** m = (1 - gamma) m + gamma g; w is flipped where w m > threshold, strictly. */
export interface Bop {
  readonly kind: "bop";
  readonly gamma: Schedule;
  readonly threshold: Schedule;
}

/**
 * v = (1 - sigma) v + sigma g^2 beside Bop's m; w is flipped where w m / (sqrt(v) + epsilon) > threshold. `unbiased`: m and v
 * are divided by 1 - (1 - gamma)^t and 1 - (1 - sigma)^t first, as in Adam.
 */
export interface Bop2 {
  readonly kind: "bop2";
  readonly gamma: Schedule;
  readonly sigma: number;
  readonly threshold: Schedule;
  readonly epsilon: number;
  readonly unbiased: boolean;
}

/** `gamma` in (0, 1], how fast the mean follows the gradients; `threshold` from 0. Either may follow a schedule. */
export interface BopOptions {
  readonly gamma?: Rate;
  readonly threshold?: Rate;
}

/** Beside Bop's options `sigma` in (0, 1] and `epsilon` > 0. `unbiased` takes a gamma that stays the same. */
export interface Bop2Options extends BopOptions {
  readonly sigma?: number;
  readonly epsilon?: number;
  readonly unbiased?: boolean;
}

/** The least rate of a mean: f32 holds it exactly enough, and no gradient vanishes in it. */
const SLOWEST = 1e-12;
const LARGEST_THRESHOLD = 1e18;

const keys = ["gamma", "threshold"] as const;
const secondKeys = ["gamma", "sigma", "threshold", "epsilon", "unbiased"] as const;

export function bop(options: BopOptions = {}): Bop {
  allowed(options, keys);
  return {
    kind: "bop",
    gamma: course("gamma", options.gamma ?? 1e-4, SLOWEST, 1),
    threshold: course("threshold", options.threshold ?? 1e-8, 0, LARGEST_THRESHOLD),
  };
}

export function bop2(options: Bop2Options = {}): Bop2 {
  allowed(options, secondKeys);
  const gamma = course("gamma", options.gamma ?? 1e-7, SLOWEST, 1);
  const unbiased = booleanOf(options.unbiased ?? false, "unbiased", subject);
  if (unbiased && gamma.kind !== "constant") {
    reject(subject, "gamma", "one number where bop2 is unbiased, for its correction is 1 - (1 - gamma)^t", gamma.kind);
  }
  return {
    kind: "bop2",
    gamma,
    sigma: within("sigma", options.sigma ?? 1e-3, SLOWEST, 1),
    threshold: course("threshold", options.threshold ?? 1e-6, 0, LARGEST_THRESHOLD),
    epsilon: within("epsilon", options.epsilon ?? 1e-10, 1e-20, 1),
    unbiased,
  };
}

export const bopRule: Rule<Bop> = {
  keys,
  check: bop,
  step: (given, [mean]) => k.bopStep({ ...given, mean: mean as Place }),
  slots: ["mean gradient"],
  hyperFloats: lengthsOf("bop_step").hyper,
  numbers: ({ gamma, threshold }, { progress }) => [
    evaluateSchedule(gamma, progress),
    evaluateSchedule(threshold, progress),
  ],
};

export const bop2Rule: Rule<Bop2> = {
  keys: secondKeys,
  check: bop2,
  step: (given, [mean, square]) => k.bopSecondStep({ ...given, mean: mean as Place, square: square as Place }),
  slots: ["mean gradient", "mean square"],
  hyperFloats: lengthsOf("bop_second_step").hyper,
  numbers: ({ gamma, sigma, threshold, epsilon, unbiased }, { progress, update }) => {
    const [now, tau] = [evaluateSchedule(gamma, progress), evaluateSchedule(threshold, progress)];
    const corrections = [now, sigma].map((rate) => (unbiased ? correction(1 - Math.fround(rate), update) : 1));
    return [now, sigma, tau, epsilon, ...corrections];
  },
};
