/** The numbers of a product that are not bits: real kernels, scales and biases. */
import { parameterName } from "../../nn/network.ts";
import { isProduct, type KernelNode } from "../../nn/nodes.ts";
import { activationsAreElastic } from "../../nn/operands.ts";
import { k } from "../../program/inference-call.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call, filled } from "../draft.ts";
import { hasScale, weightsHaveScale } from "../forms.ts";
import type { Step } from "../strips.ts";
import { elasticParts } from "./elastic-parts.ts";

/** The numbers that the sums of a layer with a scale are multiplied by, f32 `[filters]`; ones where it has none. */
export function scaleOf(node: KernelNode, filters: number, context: Context): Place {
  const own = weightsHaveScale(node) ? context.tensor(parameterName(node, "scale")) : null;
  if (isProduct(node) && activationsAreElastic(node)) return elasticParts().scale(node, own, filters, context);
  return own ?? filled(1, filters, context.draft);
}

/** The steps of sums of bits, or of any with a scale: the scale, then the bias. */
export function sumSteps(node: KernelNode, { filters }: ConvShape, context: Context): readonly Step[] {
  const { draft, tensor } = context;
  const { useBias } = node.attributes;
  if (!hasScale(node) && !useBias) return [];
  const scale = scaleOf(node, filters, context);
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
