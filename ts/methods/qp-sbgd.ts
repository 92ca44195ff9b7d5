/**
 * QP-SBGD as a method: binary weights go along directions of signs (`optimizers.qpsbgd` has formula and source), all other
 * parameters follow the optimizer that is given. Binary layers are dense and read signs; files hold plain signs.
 */
import { ProxbitError } from "../base/errors.ts";
import { boolean, integer, number, optional } from "../nn/fields.ts";
import { linear } from "../quantizers/schedule.ts";
import {
  caseOptimizer,
  isReal,
  type Optimizer,
  optimizerName,
  optimizers,
  type RealOptimizer,
} from "../train/optimizers/optimizers.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels } from "./graph.ts";

export interface QpSbgdMethodOptions {
  /** The step size as the run begins, from which it falls to 0 in a line; 0.02 where absent. */
  readonly learningRate?: number | undefined;
  /** The passes of annealing over all inputs of a neuron, beyond 16 of them, from 0 to 1000; 5 where absent. */
  readonly sweeps?: number | undefined;
  /** True where weights are projected onto -1 and +1 after each step, which takes a learningRate above 1; false where absent. */
  readonly projected?: boolean | undefined;
}

const NAME = "qp-sbgd";

export const qpSbgdRecord: MethodRecord<QpSbgdMethodOptions> = {
  name: NAME,
  about: "weights of dense layers go along the direction of signs that a search over the batch finds",
  source: "Krahn et al., 2023",
  fields: {
    learningRate: optional(number(0, 1e6), 0.02),
    sweeps: optional(integer(0, 1000), 5),
    projected: optional(boolean(), false),
  },
  make: ({ learningRate, sweeps, projected }) => {
    if (projected && learningRate <= 1) throw neverTurning(learningRate);
    return {
      excludes: {
        rbnn: "it trains rotated weights, and qp-sbgd signs",
        siman: "it trains magnitudes, and qp-sbgd signs",
        biper: "it trains sines, and qp-sbgd signs",
        "two-step": "it trains real weights first",
        hardening: "it trains real weights first",
      },
      optimizer: (optimizer, graph) => {
        latentKernels(graph, NAME);
        const binary = optimizers.qpsbgd({ learningRate: linear(learningRate, 0), sweeps, projected });
        return caseOptimizer({ binary, rest: realOf(optimizer) });
      },
    };
  },
};

/** The method. @throws ProxbitError `argument` */
export const qpSbgd = makerOf(qpSbgdRecord);

/** The optimizer of all that is not binary. */
function realOf(optimizer: Optimizer): RealOptimizer {
  if (optimizer.kind === "case" && isReal(optimizer.binary)) return optimizer.rest;
  if (optimizer.kind === "case") throw twoOfBinary(optimizerName(optimizer.binary));
  if (isReal(optimizer)) return optimizer;
  throw new ProxbitError(
    "argument",
    `the method "${NAME}" leaves real parameters to the optimizer, and ${optimizerName(optimizer)} cannot move them`,
    "Take an optimizer of real numbers, such as optimizers.adam(), on the command line --optimizer adam.",
  );
}

const twoOfBinary = (other: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" moves the binary weights, and so does ${other}`,
    "Leave the optimizer of binary weights out, on the command line --binary-optimizer, or leave the method out.",
  );

const neverTurning = (rate: number): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" projects weights onto -1 and +1, which turn where the rate is above 1, and its rate is ${rate}`,
    `Give methods.qpSbgd({ projected: true, learningRate: 2 }), on the command line --method ${NAME}:projected=true,learning-rate=2.`,
  );
