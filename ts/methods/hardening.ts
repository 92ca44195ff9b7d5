/**
 * BNext's geometric hardening (Guo et al., "Join the High Accuracy Club on ImageNet with A Binary Neural Network Ticket", 2022).
 * Weights are clamp(w / T, -1, 1) with a temperature T, which is multiplied by 0.9 after each epoch. Below 1e-7 they are sign(w).
 * Latent weights are clipped at 1.5. The clamp is L of ProxConnect with rho = 1 - T and varrho = 0.
 *
 * In a run with few epochs T does not become so small. There `hardenAt` says when weights become signs.
 */
import { ProxbitError } from "../base/errors.ts";
import { integer, number, optional } from "../nn/fields.ts";
import { exactPower } from "../quantizers/elementary.ts";
import { pc } from "../quantizers/families.ts";
import { closesAt } from "../quantizers/make.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { geometric } from "../quantizers/schedule.ts";
import { type Checked, type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers } from "./graph.ts";

export interface HardeningOptions {
  /** The epochs of the run, which `fit` must make. */
  readonly epochs: number;
  /** T after an epoch over T before it, in (0, 1); 0.9 where absent. */
  readonly factor?: number | undefined;
  /** Share of the run after which weights are signs whatever T is; 0.5 where absent, as in pc. */
  readonly hardenAt?: number | undefined;
  /** The bound on the magnitude of latent weights; 1.5 where absent. */
  readonly clip?: number | undefined;
}

const NAME = "hardening";
/** T below which weights count as signs. */
const COLD = 1e-7;

export const hardeningRecord: MethodRecord<HardeningOptions> = {
  name: NAME,
  about: "weights clamp(w / T, -1, 1), T falling by a factor in each epoch (BNext)",
  source: "Guo et al., 2022",
  fields: {
    epochs: integer(1, 100_000),
    factor: optional(number(1e-3, 0.9999), 0.9),
    hardenAt: optional(number(0, 1), closesAt),
    clip: optional(number(1, 100), 1.5),
  },
  make: (options) => ({
    graph: (graph) => {
      latentKernels(graph, NAME);
      return mapWeightQuantizers(graph, (quantizer, layer) => hardened(quantizer, layer, options));
    },
    fit: ({ epochs }) => {
      if (epochs !== options.epochs) throw otherEpochs(options.epochs, epochs);
      return {};
    },
  }),
};

/** The method. @throws ProxbitError `argument` */
export const hardening = makerOf(hardeningRecord);

/** The share of a run of `epochs` after which T lies below `COLD`; 1 where it never does. */
function coldAt(factor: number, epochs: number): number {
  for (let epoch = 1; epoch < epochs; epoch++) if (exactPower(factor, epoch) < COLD) return epoch / epochs;
  return 1;
}

function hardened(quantizer: Quantizer, layer: string, options: Checked<HardeningOptions>): Quantizer {
  const { name, scale, standardize, hard, restart } = quantizer;
  const { epochs, factor, clip: clipLatent } = options;
  if (standardize !== "none" || hard !== "sign" || restart !== "identity") {
    throw new ProxbitError(
      "argument",
      `the method "${NAME}" clamps latent weights themselves, and the quantizer "${name}" of layer "${layer}" standardises ` +
        "or moves them, or keeps levels",
      'Take "pc" or "bnn" as the weightQuantizer, on the command line --quantizer pc.',
    );
  }
  const rho = geometric(0, 1, factor, epochs);
  const hardenAt = Math.min(options.hardenAt, coldAt(factor, epochs));
  return pc({ name: `${name}-${NAME}`, rho, varrho: 0, hardenAt, clipLatent, scale });
}

const otherEpochs = (made: number, asked: number): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" was made for ${made} epochs, and fit makes ${asked}`,
    `Give methods.hardening({ epochs: ${asked} }), on the command line --method ${NAME}:epochs=${asked}.`,
  );
