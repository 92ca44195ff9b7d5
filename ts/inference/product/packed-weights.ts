/** The numbers of a product that are not bits: real kernels, scales and biases. */
import { parameterName } from "../../nn/network.ts";
import type { KernelNode } from "../../nn/nodes.ts";
import { k } from "../../program/inference-call.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call, filled } from "../draft.ts";
import { hasScale } from "../forms.ts";
import type { Step } from "../strips.ts";

/** The steps of sums of bits, or of any with a scale: the scale, then the bias. */
export function sumSteps(node: KernelNode, { filters }: ConvShape, { draft, tensor }: Context): readonly Step[] {
  const [isScaled, { useBias }] = [hasScale(node), node.attributes];
  if (!isScaled && !useBias) return [];
  const scale = isScaled ? tensor(parameterName(node, "scale")) : filled(1, filters, draft);
  const shift = useBias ? tensor(parameterName(node, "bias")) : filled(0, filters, draft);
  return [(x, y, rows) => call(node.name, k.affine({ x, rows, channels: filters, scale, shift, y }))];
}

/** True where the file has the kernel as numbers, and not as signs. */
export const hasRealKernel = ({ attributes: { weightQuantizer } }: KernelNode): boolean =>
  weightQuantizer === null || weightQuantizer.hard === "levels";

/** The weights of a product of reals, or of bits and reals, `[rows][n]`: as the file has them, or made from its signs. */
export function realKernel(node: KernelNode, [rows, n]: readonly [number, number], given: Context): Place {
  const { draft, tensor } = given;
  const { name } = node;
  const { weightQuantizer } = node.attributes;
  const file = tensor(parameterName(node, "kernel"));
  if (hasRealKernel(node)) return file;
  const signs = draft.allocate(4 * rows * n);
  draft.once(name, k.unpackFileBitsReal({ bits: file, k: rows, n, out: signs }));
  if (weightQuantizer?.standardize !== "adabin") return signs;
  const weights = draft.allocate(4 * rows * n);
  const [scale, shift] = [tensor(parameterName(node, "scale")), tensor(parameterName(node, "shift"))];
  draft.once(name, k.affine({ x: signs, rows, channels: n, scale, shift, y: weights }));
  return weights;
}
