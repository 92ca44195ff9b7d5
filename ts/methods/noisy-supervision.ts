/**
 * Noisy supervision (Han, Wang, Xu, Xu, Wu and Xu, "Training Binary Neural Networks through Learning with Noisy Supervision", ICML
 * 2020), for the fine-tuning of a binary network. A small network of each layer maps the latent weights of a filter together to the
 * weights whose signs count (`ts/quantizers/filter-map.ts`). The signs of the latent weights are labels of that network, of which a
 * share is wrong, so its loss is unbiased (`ts/train/losses/noisy-signs.ts`).
 *
 * At first the map is the identity, so training goes on from the network that it starts from. Files hold the signs of the mapped
 * weights, and no network.
 */
import { integer, number, optional } from "../nn/fields.ts";
import { bnn } from "../quantizers/families.ts";
import { noisy } from "../quantizers/weight-families.ts";
import { noisySigns } from "../train/losses/noisy-signs.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers } from "./graph.ts";

export interface NoisySupervisionOptions {
  /** lambda, the term's weight in the loss, from 0; 0.1 where absent, which is ours. */
  readonly factor?: number | undefined;
  /** The share of weights that should be +1 and have the label -1, from 0 to 0.49; 0.1 where absent, which is ours. */
  readonly plus?: number | undefined;
  /** The share of weights that should be -1 and have the label +1, from 0 to 0.49; 0.1 where absent, which is ours. */
  readonly minus?: number | undefined;
  /** The hidden units of a layer's network, from 1 to 256; 8 where absent, which is ours. */
  readonly units?: number | undefined;
}

const NAME = "noisy-supervision";
const SAME = "both say what the weights are";

export const noisySupervisionRecord: MethodRecord<NoisySupervisionOptions> = {
  name: NAME,
  about:
    "a small network maps each filter to its signs, and learns from those of the latent weights, some of them wrong",
  source: "Han et al., ICML 2020",
  fields: {
    factor: optional(number(0, 1e6), 0.1),
    plus: optional(number(0, 0.49), 0.1),
    minus: optional(number(0, 0.49), 0.1),
    units: optional(integer(1, 256), 8),
  },
  make: ({ factor, plus, minus, units }) => ({
    excludes: {
      ...{ siman: SAME, biper: SAME, rbnn: SAME, "two-step": SAME, hardening: SAME },
      "qp-sbgd": "it moves signs by a search, and noisy-supervision by their gradient",
    },
    graph: (graph) => {
      latentKernels(graph, NAME);
      return mapWeightQuantizers(graph, () => noisy({ units }));
    },
    packed: (graph) =>
      mapWeightQuantizers(graph, (quantizer) => (quantizer.standardize === "mapping" ? bnn() : quantizer)),
    objective: (objective) => [...objective, noisySigns({ factor, plus, minus, name: NAME })],
  }),
};

/** The method. @throws ProxbitError `argument` */
export const noisySupervision = makerOf(noisySupervisionRecord);
