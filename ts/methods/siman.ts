/**
 * SiMaN (Lin, Ji, Xu, Chao, Wu, Tian, Liu and Lin, "SiMaN: Sign-to-Magnitude Network Binarization", TPAMI 2022). A binary weight
 * is +1 where its distance from the mean of its filter belongs to the larger half, else -1. The percentile that distances are
 * clipped to falls to 0 in a line over the run. These weights do not decay, because a decay pulls all magnitudes together.
 *
 * The quantizer "siman" has the formulas (`ts/quantizers/magnitudes.ts`). Files hold plain signs.
 */
import { number, optional } from "../nn/fields.ts";
import { linear } from "../quantizers/schedule.ts";
import { siman as simanQuantizer } from "../quantizers/weight-families.ts";
import { type MethodRecord, makerOf } from "./define.ts";
import { latentKernels, mapWeightQuantizers } from "./graph.ts";
import { withoutDecay } from "./optimizer.ts";

export interface SimanMethodOptions {
  /** Per cent of a filter's magnitudes that are clipped at either end as the run begins, from 0 to 25; 15 where absent. */
  readonly percentile?: number | undefined;
}

const NAME = "siman";
const SAME = "both say what the weights are";

export const simanRecord: MethodRecord<SimanMethodOptions> = {
  name: NAME,
  about: "weights are +1 where their magnitude is in the larger half of their filter; they do not decay",
  source: "Lin et al., TPAMI 2022",
  fields: { percentile: optional(number(0, 25), 15) },
  make: ({ percentile }) => ({
    excludes: { rbnn: SAME, biper: SAME, "two-step": SAME, hardening: SAME },
    graph: (graph) => {
      latentKernels(graph, NAME);
      return mapWeightQuantizers(graph, () => simanQuantizer({ percentile: linear(percentile, 0) }));
    },
    optimizer: (optimizer, graph) => withoutDecay(optimizer, latentKernels(graph, NAME)),
  }),
};

/** The method. @throws ProxbitError `argument` */
export const siman = makerOf(simanRecord);
