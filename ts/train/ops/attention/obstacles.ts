/** The obstacles of attention in the trainer, whose steps multiply bits where all three operands are signs. */
import type { NodeOf } from "../../../nn/graph.ts";
import { operandsOf } from "../../../nn/operands.ts";
import type { Operand } from "../../../nn/ops/op.ts";
import type { Shape } from "../../../nn/shapes.ts";
import type { Obstacle } from "../../../obstacles.ts";
import { endsAsSizedSigns } from "../../../quantizers/operand-kinds.ts";
import { attentionObstacles, matrixObstacles } from "../../../value-obstacles.ts";

const pluralsOf = (operands: readonly Operand[]): string => operands.map(({ plural }) => plural).join(" and ");

/** The obstacles of attention over inputs of such shapes. */
export function trainedObstacles(node: NodeOf<"attention">, inputs: readonly Shape[]): readonly Obstacle[] {
  const isSigns = ({ quantizer }: Operand): boolean => quantizer !== null && endsAsSizedSigns(quantizer);
  const signs = operandsOf(node).filter(isSigns);
  const others = operandsOf(node).filter((own) => !isSigns(own));
  if (signs.length === 0 || others.length === 0) return attentionObstacles(node, inputs);
  const reason = `only the ${pluralsOf(signs)} are signs: a step multiplies all as reals where the ${pluralsOf(others)} are not signs too`;
  const remedy = "Give all three operands quantizers that end as signs, such as poly, where accuracy allows it.";
  return [...matrixObstacles(node), { reason, remedy }];
}
