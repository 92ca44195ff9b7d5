/** Activations of -a and +a about an offset, both learned (`elastic-parts.ts`). */
import { parameterName } from "../../nn/network.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { k } from "../../program/inference-call.ts";
import { filled } from "../draft.ts";
import { mapsAt, quantized } from "../quantized.ts";
import type { ElasticParts } from "./elastic-parts.ts";

/** Larger than any offset, so that the map takes it to a. */
const LARGE = 3e38;

export const elastic: ElasticParts = {
  values: (node, given, context) => {
    const { levels, jobs } = quantized(node, 0, given, context);
    context.draft.phase(jobs);
    return levels;
  },
  scale: (node, scale, filters, context) => {
    const { draft } = context;
    return draft.memo(`scale of ${node.name}`, () => {
      const factors = draft.allocate(4 * filters);
      const large = filled(LARGE, filters, draft);
      draft.once(node.name, k.quantizeForward({ ...mapsAt(node, 0, context), x: large, y: factors, count: filters }));
      if (scale === null) return factors;
      const whole = draft.allocate(4 * filters);
      draft.once(node.name, k.multiplyForward({ a: scale, b: factors, y: whole, count: filters }));
      return whole;
    });
  },
  middle: (node, { tensor }) => tensor(parameterName(node, learnedKey("activationQuantizer", "offset"))),
};
