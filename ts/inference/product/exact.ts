/** Both operands +-1: whole numbers, which leave as f32 where no group takes them on the way out. */
import type { ProductNode } from "../../nn/nodes.ts";
import { outputPixels } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { cutEvenly } from "../slices.ts";
import { emitBehind } from "../strips.ts";
import { operandsOf, partCall } from "./binary.ts";
import type { ProductForm } from "./form.ts";
import { sumSteps } from "./packed-weights.ts";

/** The sums as f32, `[pixels][filters]`. */
function emitSums(node: ProductNode, out: Place, context: Context): void {
  const operands = operandsOf(node, context);
  const { kernel, shape, weights } = operands;
  const jobs = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(node, operands, part, context);
    const given = { shape: descriptor, bits, weights, starts, ...part.filters };
    return [call(node.name, kernel.convReal({ ...given, out: at(out, 4 * pixel * shape.filters) }))];
  });
  context.draft.phase(jobs);
}

export const exact: ProductForm = {
  layout: ({ layout }) => layout,
  weightBytes: (shape, kernel) => kernel.weightBytes(shape),
  emit: (node, steps, out, context) => {
    const shape = context.network.windowOf(node);
    const all = [...sumSteps(node, shape, context), ...steps];
    const sums = all.length === 0 ? out : context.draft.buffer(4 * outputPixels(shape) * shape.filters);
    emitSums(node, sums, context);
    emitBehind(sums, shape, all, out, context);
  },
};
