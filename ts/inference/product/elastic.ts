/** Activations that are bits of two learned values, -a and +a or 0 and a (`elastic-parts.ts`). */
import { parameterName } from "../../nn/network.ts";
import type { ProductNode } from "../../nn/nodes.ts";
import { elasticBits } from "../../nn/operands.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { k } from "../../program/inference-call.ts";
import { at, type Place } from "../../program/place.ts";
import { forwardMapNumbers } from "../../quantizers/maps.ts";
import type { Context } from "../context.ts";
import { filled } from "../draft.ts";
import { mapped } from "../quantized.ts";
import type { ElasticParts } from "./elastic-parts.ts";

type Given = Pick<Context, "draft" | "tensor">;

/** Larger than any offset, so that a map takes it to a. */
const LARGE = 3e38;

const signs = { proximal: forwardMapNumbers.identity, map: forwardMapNumbers.elasticSign, table: null };

const numberOf = (node: ProductNode, name: string): string =>
  parameterName(node, learnedKey("activationQuantizer", name));

/** The size a and the number at which bits begin, f32 [2]. Levels jump at offset + a / 2. */
function numbersOf(node: ProductNode, { draft, tensor }: Given): Place {
  if (elasticBits(node) === "signs") return tensor(numberOf(node, "alpha"), numberOf(node, "offset"));
  return draft.memo(`numbers of ${node.name}`, () => {
    const made = draft.allocate(8);
    const given = { parameters: tensor(numberOf(node, "alpha"), numberOf(node, "offset")), x: filled(LARGE, 1, draft) };
    draft.once(node.name, k.quantizeForward({ ...signs, ...given, y: made, count: 1 }));
    const middle = { scale: filled(0.5, 1, draft), shift: tensor(numberOf(node, "offset")), y: at(made, 4) };
    draft.once(node.name, k.affine({ x: made, rows: 1, channels: 1, ...middle }));
    return made;
  });
}

export const elastic: ElasticParts = {
  signed: (node, given, context) => {
    const { values, jobs } = mapped(node, { ...signs, parameters: numbersOf(node, context) }, given, context);
    context.draft.phase(jobs);
    return values;
  },
  scale: (node, scale, filters, context) => {
    const { draft } = context;
    return draft.memo(`scale of ${node.name}`, () => {
      const times = (a: Place, b: Place): Place => {
        const y = draft.allocate(4 * filters);
        draft.once(node.name, k.multiplyForward({ a, b, y, count: filters }));
        return y;
      };
      const size = draft.allocate(4 * filters);
      const given = { parameters: numbersOf(node, context), x: filled(LARGE, filters, draft), y: size };
      draft.once(node.name, k.quantizeForward({ ...signs, ...given, count: filters }));
      // Sums over levels are twice those over bits.
      const factors = elasticBits(node) === "levels" ? times(size, filled(0.5, filters, draft)) : size;
      return scale === null ? factors : times(scale, factors);
    });
  },
  middle: (node, context) => at(numbersOf(node, context), 4),
  starts: (node, given) => (elasticBits(node) === "levels" ? k.bbUnitStarts(given) : k.bbStarts(given)),
};
