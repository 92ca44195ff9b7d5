/**
 * What a parameter's optimizer is to the core: the kernel that makes its step, the tensors of state this keeps, and the
 * numbers it reads, which change from step to step. And whether an optimizer suits a network at all.
 */
import { ProxbitError } from "../../base/errors.ts";
import type { Graph, Parameter } from "../../nn/graph.ts";
import { networkOf } from "../../nn/network.ts";
import { type KernelCall, k, lengthsOf } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import { exactPower } from "../../quantizers/elementary.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { evaluateSchedule } from "../../quantizers/schedule.ts";
import { isBop, type Optimizer, optimizerFor, optimizerName, type ParameterOptimizer } from "./optimizers.ts";

/** What every step is given: a piece of the weights with its gradient, and the numbers of the update. */
interface Step {
  readonly weights: Place;
  readonly gradient: Place;
  readonly count: number;
  readonly hyper: Place;
}

interface Update {
  /** The call that makes a step, over the tensors of state in the order of `slots`. */
  readonly step: (given: Step, state: readonly Place[]) => KernelCall;
  /** The tensors of state, each as large as the parameter, as people call them. */
  readonly slots: readonly string[];
  /** Floats that the kernel reads for one parameter. */
  readonly hyperFloats: number;
}

const updates: Readonly<Record<ParameterOptimizer["kind"], Update>> = {
  sgd: {
    step: (given, [velocity]) => k.sgdStep({ ...given, velocity: velocity as Place }),
    slots: ["velocity"],
    hyperFloats: lengthsOf("sgd_step").hyper,
  },
  adam: {
    step: (given, [mean, square]) => k.adamStep({ ...given, mean: mean as Place, square: square as Place }),
    slots: ["first moment", "second moment"],
    hyperFloats: lengthsOf("adam_step").hyper,
  },
  bop: {
    step: (given, [mean]) => k.bopStep({ ...given, mean: mean as Place }),
    slots: ["mean gradient"],
    hyperFloats: lengthsOf("bop_step").hyper,
  },
  bop2: {
    step: (given, [mean, square]) => k.bopSecondStep({ ...given, mean: mean as Place, square: square as Place }),
    slots: ["mean gradient", "mean square"],
    hyperFloats: lengthsOf("bop_second_step").hyper,
  },
};

/** What the core needs to know of an optimizer. */
export const updateOf = (optimizer: ParameterOptimizer): Update => updates[optimizer.kind];

/**
 * The numbers of one update, as the core's kernel reads them.
 *
 * @param progress course of the run in [0, 1], for schedules
 * @param update number of this update since the optimizer's state was zero, from 1
 * @param clip bound on abs(w) after the update, 0 for none; Bop's weights need none
 */
export function hyperOf(
  optimizer: ParameterOptimizer,
  progress: number,
  update: number,
  clip: number,
): readonly number[] {
  /** 1 - kept^t, for the f32 that the kernel counts with. */
  const correction = (kept: number): number => 1 - exactPower(kept, update);
  switch (optimizer.kind) {
    case "sgd": {
      const { momentum, weightDecay, nesterov } = optimizer;
      return [evaluateSchedule(optimizer.learningRate, progress), momentum, weightDecay, nesterov ? 1 : 0, clip];
    }
    case "adam": {
      const { beta1, beta2, epsilon, weightDecay, decoupled } = optimizer;
      const corrections = [beta1, beta2].map((beta) => correction(Math.fround(beta)));
      const learningRate = evaluateSchedule(optimizer.learningRate, progress);
      return [learningRate, beta1, beta2, epsilon, weightDecay, decoupled ? 1 : 0, ...corrections, clip];
    }
    case "bop":
      return [evaluateSchedule(optimizer.gamma, progress), evaluateSchedule(optimizer.threshold, progress)];
    case "bop2": {
      const { sigma, epsilon, unbiased } = optimizer;
      const [gamma, threshold] = [optimizer.gamma, optimizer.threshold].map((s) => evaluateSchedule(s, progress)) as [
        number,
        number,
      ];
      const corrections = [gamma, sigma].map((rate) => (unbiased ? correction(1 - Math.fround(rate)) : 1));
      return [gamma, sigma, threshold, epsilon, ...corrections];
    }
  }
}

/**
 * That `optimizer` has a rule for every trained parameter of `graph`.
 *
 * @throws ProxbitError `argument` for a Bop that is to train real parameters, or binary weights whose quantizer is made for
 * latent ones.
 */
export function checkFits(graph: Graph, optimizer: Optimizer): void {
  const { parameters, quantizers } = networkOf(graph);
  for (const parameter of parameters) {
    const own = optimizerFor(optimizer, parameter.role);
    if (parameter.role === "statistic" || !isBop(own)) continue;
    if (parameter.role !== "latent") throw needsCase(parameter, own);
    const quantizer = quantizers.get(parameter.name);
    if (quantizer !== undefined && !keepsSigns(quantizer)) throw needsPlainSign(parameter, own, quantizer);
  }
}

/** Whether a weight of -1 or +1 passes as it is, and its gradient too: BNN's box holds both ends. */
const keepsSigns = ({ proximal, restart, forward, backward, standardize }: Quantizer): boolean =>
  [proximal, restart].every((map) => map === "identity") &&
  forward === "sign" &&
  (backward === "one" || backward === "box") &&
  standardize === "none";

function needsCase({ name }: Parameter, optimizer: ParameterOptimizer): ProxbitError {
  const kind = optimizerName(optimizer);
  return new ProxbitError(
    "argument",
    `${kind} flips binary weights, and "${name}" is real`,
    `Use caseOptimizer({ binary: optimizers.${kind}(), rest: optimizers.adam() }), on the command line ` +
      `--binary-optimizer ${kind} beside --optimizer.`,
  );
}

function needsPlainSign({ name }: Parameter, optimizer: ParameterOptimizer, quantizer: Quantizer): ProxbitError {
  return new ProxbitError(
    "argument",
    `${optimizerName(optimizer)} has no latent weights, and the quantizer "${quantizer.name}" of "${name}" is made for them`,
    'Take "bc" (sign forward, the gradient as it is back) as the layer\'s weightQuantizer, or another optimizer.',
  );
}
