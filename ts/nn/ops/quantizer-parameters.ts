/**
 * Tensors that belong to a quantizer. Some are learned beside the layer's own, others a method sets between epochs. They are
 * parameters of the layer, so runs, checkpoints and tasks have them as they have all others. Packed files hold the weights that
 * were made with those of weights, and none of these tensors. They have those of activations.
 */

import { ProxbitError } from "../../base/errors.ts";
import { CODEWORDS, TAPS } from "../../quantizers/codebook.ts";
import { codewordCount, firstAngle, learnedNumbers, mappingUnits } from "../../quantizers/operand-kinds.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { rotationSides } from "../../quantizers/rotations.ts";
import { hasNineTaps, kernelMatrix, type Shape } from "../shapes.ts";
import type { Operand, ParameterSpec } from "./op.ts";

/** The key of a number that a layer learns for the operand whose quantizer is the option `option`: "activationAlpha". */
export function learnedKey(option: string, name: string): string {
  return `${option.replace(/Quantizer$/, "")}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/**
 * The numbers that a layer learns for the quantizers of its operands, by their keys, as tensors of one element. Those of an operand
 * are neighbours, in the order in which its maps read them. Files have those of activations; of weights they have the levels.
 */
export function learnedParameters(operands: readonly Operand[]): Readonly<Record<string, ParameterSpec>> {
  const specs: Record<string, ParameterSpec> = {};
  for (const { operand, option, quantizer } of operands) {
    for (const { name, initial } of quantizer === null ? [] : learnedNumbers(quantizer)) {
      specs[learnedKey(option, name)] = {
        ...{ role: "real", shape: [1], initializer: initial },
        ...(name === "alpha" ? { isNearStart: true } : {}),
        ...(operand === "weight" ? { ofQuantizer: true } : {}),
      };
    }
  }
  return specs;
}

/**
 * The tensors of `quantizer` over `kernel`, by their keys; none for most quantizers.
 *
 * @throws ProxbitError `graph` for codewords in the place of kernels that are not 3x3
 */
export function quantizerParameters(
  quantizer: Quantizer,
  kernel: Pick<ParameterSpec, "shape" | "filters">,
): Readonly<Record<string, ParameterSpec>> {
  const [rows, filters] = kernelMatrix(kernel);
  if (quantizer.standardize === "codebook") {
    if (!hasNineTaps(kernel.shape)) throw notNine(quantizer, kernel.shape);
    const words = [codewordCount(quantizer), TAPS] as const;
    return {
      codewords: { role: "kept", shape: words, initializer: "codewords", ofQuantizer: true },
      drift: { role: "real", shape: words, initializer: "zeros", isGathered: true, ofQuantizer: true },
      selection: { role: "kept", shape: [CODEWORDS, CODEWORDS], initializer: "zeros", ofQuantizer: true },
    };
  }
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

const notNine = ({ name }: Quantizer, shape: Shape): ProxbitError =>
  new ProxbitError(
    "graph",
    `the weights of the quantizer "${name}" are kernels of 3x3, and those of a layer are [${shape.join(", ")}]`,
    "Give it to convolutions with kernelSize 3, and another quantizer, such as bnn, to other layers.",
  );
