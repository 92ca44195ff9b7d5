/** The operands of a +-1 by +-1 product with exact sums, and its parts as the kernels take them. */
import { parameterName } from "../../nn/network.ts";
import type { ProductNode } from "../../nn/nodes.ts";
import { activationsAreElastic } from "../../nn/operands.ts";
import { k } from "../../program/inference-call.ts";
import { borderPatterns, type ConvShape, startBytes, taps } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { shapeKey } from "../draft.ts";
import type { ProductKernel } from "../layout.ts";
import { outputSlice, type Part } from "../slices.ts";
import { elasticParts } from "./elastic-parts.ts";

/** A product's operands in memory. */
export interface Operands {
  readonly kernel: ProductKernel;
  readonly shape: ConvShape;
  readonly bits: Place;
  readonly weights: Place;
  /** Sums of the weights of every tap; zeros where no window misses one. */
  readonly correction: Place;
}

export function operandsOf(node: ProductNode, context: Context): Operands {
  const { draft } = context;
  const kernel = context.kernelOf(node);
  const { name } = node;
  const { place: bits } = context.bits.for(node);
  const shape = context.network.windowOf(node);
  const descriptor = draft.descriptor(shape);
  const file = context.tensor(parameterName(node, "kernel"));
  const weights = draft.allocate(kernel.weightBytes(shape));
  const correction = draft.allocate(4 * taps(shape) * shape.filters);
  draft.once(name, kernel.packWeights({ shape: descriptor, bits: file, out: weights }));
  if (borderPatterns(shape) > 1 || activationsAreElastic(node))
    draft.once(name, k.bbCorrection({ shape: descriptor, bits: file, out: correction }));
  return { kernel, shape, bits, weights, correction };
}

/** A part of a product as its kernel takes it, but for the range of filters. */
interface PartCall {
  readonly shape: ConvShape;
  readonly descriptor: Place;
  readonly bits: Place;
  readonly starts: Place;
  /** Pixels of the output before the part. */
  readonly pixel: number;
}

export function partCall(node: ProductNode, operands: Operands, part: Part, { draft }: Context): PartCall {
  const { kernel, shape: full, bits, correction } = operands;
  const { shape, paddedRow } = outputSlice(full, part.rows);
  const descriptor = draft.descriptor(shape);
  const starts = draft.memo(`starts ${node.name} ${shapeKey(shape)}`, () => {
    const made = draft.allocate(startBytes(shape));
    const given = { shape: descriptor, correction, starts: made };
    draft.once(node.name, activationsAreElastic(node) ? elasticParts().starts(node, given) : k.bbStarts(given));
    return made;
  });
  const rowBytes = full.paddedWidth * kernel.layout.pixelBytes(full.channels);
  const pixel = part.rows.first * full.outWidth;
  return { shape, descriptor, bits: at(bits, paddedRow * rowBytes), starts, pixel };
}
