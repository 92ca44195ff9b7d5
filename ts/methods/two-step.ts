/**
 * Two-step training (Martinez et al., "Training Binary Neural Networks with Real-to-Binary Convolutions", ICLR 2020; Liu et al.,
 * "ReActNet", ECCV 2020; "How Do Adam and Training Strategies Help BNNs Optimization?", ICML 2021). Step one trains binary
 * activations with real weights. Step two makes the weights binary and goes on from there, without weight decay.
 *
 * Here both are one run. Before `share` of it F(w) = w, with latent weights clipped to [-1, 1], where the backward map of BNN
 * is 1. From then on F(w) = sign(w). So either step is a pair that theory covers: hardtanh and its slope, then BNN.
 */
import { ProxbitError } from "../base/errors.ts";
import { number, optional } from "../nn/fields.ts";
import { bnn } from "../quantizers/families.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { isReal, type Optimizer, type ParameterOptimizer } from "../train/optimizers/optimizers.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers } from "./graph.ts";

export interface TwoStepOptions {
  /** Share of the run that step one takes, in (0, 1); 0.5 where absent. */
  readonly share?: number | undefined;
}

const NAME = "two-step";

export const twoStepRecord: MethodRecord<TwoStepOptions> = {
  name: NAME,
  about: "binary activations with real weights first, then binary weights, without decay",
  source: "Martinez et al., ICLR 2020; Liu et al., ICML 2021",
  fields: { share: optional(number(0.01, 0.99), 0.5) },
  make: ({ share }) => ({
    excludes: { hardening: "both say when weights become binary" },
    graph: (graph) => {
      latentKernels(graph, NAME);
      return mapWeightQuantizers(graph, (quantizer, layer) => inTwoSteps(quantizer, layer, share));
    },
    optimizer: (optimizer) => undecayed(optimizer, share),
  }),
};

/** The method. @throws ProxbitError `argument` */
export const twoStep = makerOf(twoStepRecord);

function inTwoSteps(quantizer: Quantizer, layer: string, share: number): Quantizer {
  const { name, scale, standardize, hard, restart } = quantizer;
  if (scale === "none" && standardize === "none" && hard === "sign" && restart === "identity") {
    return { ...bnn({ name: `${name}-${NAME}` }), forward: "identity", hardenAt: share };
  }
  throw new ProxbitError(
    "argument",
    `the method "${NAME}" trains plain real weights first, and the quantizer "${name}" of layer "${layer}" scales, ` +
      "standardises or moves them, or keeps levels",
    'Take "bnn" as the weightQuantizer, on the command line --quantizer bnn.',
  );
}

/** Without decay in step two. */
function undecayed(optimizer: Optimizer, share: number): Optimizer {
  const one = <Own extends ParameterOptimizer>(own: Own): Own => {
    if (!isReal(own)) throw flips();
    return own.weightDecay === 0 ? own : { ...own, decayUntil: Math.min(share, own.decayUntil ?? 1) };
  };
  if (optimizer.kind !== "case") return one(optimizer);
  return { ...optimizer, binary: one(optimizer.binary), rest: one(optimizer.rest) };
}

const flips = (): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" trains real weights first, and Bop only flips signs`,
    "Take an optimizer of latent weights, such as optimizers.adam(), on the command line --optimizer adam.",
  );
