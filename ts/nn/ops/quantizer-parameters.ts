/**
 * Tensors that belong to a quantizer of weights. Some are learned beside the kernel, others a method sets between epochs. They
 * are parameters of the layer, so runs, checkpoints and tasks have them as they have all others. Packed files hold the weights
 * that were made with them, and none of these tensors.
 */

import { firstAngle, mappingUnits } from "../../quantizers/operand-kinds.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { rotationSides } from "../../quantizers/rotations.ts";
import type { ParameterSpec } from "./op.ts";

/** The tensors of `quantizer` over a kernel of `[K, filters]`, by their keys; none for most quantizers. */
export function quantizerParameters(
  quantizer: Quantizer,
  [rows, filters]: readonly [number, number],
): Readonly<Record<string, ParameterSpec>> {
  if (quantizer.standardize === "mapping") {
    const shape = [mappingUnits(quantizer), 2 * rows + 1] as const;
    return { mapping: { role: "real", shape, initializer: "filterMap", ofQuantizer: true } };
  }
  if (quantizer.standardize !== "rotation") return {};
  const [a, b] = rotationSides(rows);
  const square = (side: number): ParameterSpec => ({
    ...{ role: "kept", shape: [side, side], initializer: "rotation", ofQuantizer: true },
  });
  return {
    angle: { role: "real", shape: [filters], initializer: firstAngle(quantizer), isNearStart: true, ofQuantizer: true },
    left: square(a),
    right: square(b),
  };
}
