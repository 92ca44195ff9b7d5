/**
 * QP-SBGD (Krahn, Sasdelli, Yang, Golyanik, Kannala, Chin and Birdal, "Projected Stochastic Gradient Descent with Quantum
 * Annealed Binary Gradients", 2023), layer by layer: W <- W + learningRate V. The column of V of a neuron is the v of +-1
 * that maximises sum_i y_i sign(x_i . v) over a batch, with y = -dL/d(output) and x the signs that the layer reads. Up to 16
 * inputs all v are tried; beyond, v is annealed (`crates/kernels/src/sign_search.rs`).
 *
 * "Projected": W <- sign(W + learningRate V), so that weights are -1 and +1 themselves. They turn where the rate is above 1.
 */
import { booleanOf, integerIn } from "../../base/checks.ts";
import { randomStream } from "../../nn/random.ts";
import { k, lengthsOf } from "../../program/call.ts";
import type { Schedule } from "../../quantizers/quantizer.ts";
import { evaluateSchedule } from "../../quantizers/schedule.ts";
import { allowed, course, type Rate, subject } from "./checks.ts";
import type { Rule } from "./rule.ts";

export interface QpSbgd {
  readonly kind: "qpsbgd";
  readonly learningRate: Schedule;
  readonly sweeps: number;
  readonly projected: boolean;
}

export interface QpSbgdOptions {
  /** From 0; 0.01 where absent, and where projected a line from 2 to 0. It may follow a schedule. */
  readonly learningRate?: Rate;
  /** The passes of annealing over all inputs of a neuron, from 0, which keeps the start, to 1000; 5 where absent. */
  readonly sweeps?: number;
  /** True where the outcome of a step is projected onto -1 and +1; false where absent. */
  readonly projected?: boolean;
}

const keys = ["learningRate", "sweeps", "projected"] as const;

export function qpsbgd(options: QpSbgdOptions = {}): QpSbgd {
  allowed(options, keys);
  const projected = booleanOf(options.projected ?? false, "projected", subject);
  const usual: Rate = projected ? { kind: "linear", from: 2, to: 0 } : 0.01;
  return {
    kind: "qpsbgd",
    learningRate: course("learningRate", options.learningRate ?? usual, 0, 1e6),
    sweeps: integerIn(options.sweeps ?? 5, 0, 1000, "sweeps", subject),
    projected,
  };
}

/** Bytes in front of the search's draws among the numbers of an update. */
export const DRAWS_AT = 8;

export const qpsbgdRule: Rule<QpSbgd> = {
  keys,
  check: qpsbgd,
  step: ({ weights, gradient, count, hyper }) => k.directionStep({ weights, gradient, count, hyper }),
  slots: [],
  hyperFloats: lengthsOf("direction_step").hyper,
  numbers: ({ learningRate, projected }, { progress, clip, draw: { parameter, seed, number } }) => {
    const { next } = randomStream(seed, `qpsbgd/${parameter}`);
    const draws = [next() >>> 8, next() >>> 8, number % 2 ** 24];
    return [evaluateSchedule(learningRate, progress), projected ? 1 : 0, ...draws, clip];
  },
};
