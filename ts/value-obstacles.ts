/** What keeps products of two values, attention and matmul, from the fast path, in trainer and session. */
import type { NodeOf } from "./nn/graph.ts";
import { operandsOf } from "./nn/operands.ts";
import { attentionSizes, bitsOfAttention } from "./nn/ops/attention.ts";
import { matmulSizes } from "./nn/ops/matmul.ts";
import type { Operand } from "./nn/ops/op.ts";
import type { Shape } from "./nn/shapes.ts";
import type { Obstacle } from "./obstacles.ts";
import { MOST_KEYS, WIDEST_HEAD } from "./program/attention.ts";
import { MOST_TERMS } from "./program/matmul.ts";
import { endsAsSigns } from "./quantizers/weight-quantizers.ts";

/** Numbers whose signs the kernels look up together. */
const UNIT = 4;

/** The obstacles of attention over inputs of such shapes. */
export const attentionObstacles = (node: NodeOf<"attention">, inputs: readonly Shape[]): readonly Obstacle[] => [
  ...matrixObstacles(node),
  ...headObstacles(node, inputs),
];

/** An attention matrix that is real, so that what it takes of the values is no product over bits. */
export function matrixObstacles({ attributes }: NodeOf<"attention">): readonly Obstacle[] {
  if (attributes.matrix !== "softmax") return [];
  const reason = "softmax is kept: the attention matrix is real, and so is its product with the values";
  return [{ reason, remedy: 'Give the layer matrix: "threshold" or another one of bits, where accuracy allows it.' }];
}

/** Sizes of signs that the kernel over bits does not take, or that waste its units. */
function headObstacles({ attributes }: NodeOf<"attention">, inputs: readonly Shape[]): readonly Obstacle[] {
  const [queryBits, keyBits] = bitsOfAttention(attributes);
  if (!queryBits || !keyBits) return [];
  const { d, keys, heads } = attentionSizes(inputs, attributes.heads);
  if (d > WIDEST_HEAD) {
    const fewest = Math.ceil((heads * d) / WIDEST_HEAD);
    const reason = `${d} features of a head are more than the ${WIDEST_HEAD} whose signs are counted: a product of reals`;
    return [{ reason, remedy: `Give the layer at least ${fewest} heads, which divide its features.` }];
  }
  if (keys > MOST_KEYS) {
    const reason = `${keys} keys are more than the ${MOST_KEYS} that are counted: a product of reals`;
    return [{ reason, remedy: "Take larger patches, or pool the keys and values." }];
  }
  if (d % UNIT === 0) return [];
  const reason = `${d} features of a head are not a multiple of ${UNIT}: the last ${d % UNIT} cost as much as ${UNIT}`;
  return [{ reason, remedy: `Give heads of ${UNIT * Math.ceil(d / UNIT)} features.` }];
}

/** The obstacles of a product of two values of such shapes. */
export function matmulObstacles(node: NodeOf<"matmul">, inputs: readonly Shape[]): readonly Obstacle[] {
  const isSigns = ({ quantizer }: Operand): boolean => quantizer !== null && endsAsSigns(quantizer);
  const [own, ...others] = operandsOf(node).filter(isSigns);
  if (own === undefined) return [];
  if (others.length > 0) return termObstacles(matmulSizes(inputs, node.attributes.transposeSecond).terms);
  const reason = `only the ${own.plural} are +-1: signs are multiplied as reals where the other operand is not of signs`;
  const remedy = "Give both operands quantizers that end as signs, such as poly, where accuracy allows it.";
  return [{ reason, remedy }];
}

/** Terms of signs that the kernel over bits does not take, or that waste its units. */
function termObstacles(terms: number): readonly Obstacle[] {
  if (terms > MOST_TERMS) {
    const reason = `${terms} terms are more than the ${MOST_TERMS} whose signs are counted: a product of reals`;
    return [{ reason, remedy: "Cut the values into parts of fewer terms, and add the products of the parts." }];
  }
  if (terms % UNIT === 0) return [];
  const reason = `${terms} terms are not a multiple of ${UNIT}: the last ${terms % UNIT} cost as much as ${UNIT}`;
  return [{ reason, remedy: `Give both values ${UNIT * Math.ceil(terms / UNIT)} terms.` }];
}
