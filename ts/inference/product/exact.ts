/** Both operands +-1: whole numbers, which leave as f32 where no group takes them on the way out. */
import type { ProductNode } from "../../nn/nodes.ts";
import { outputPixels } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { cutEvenly } from "../slices.ts";
import { emitStrips, STRIP_BYTES, type StripProduct } from "../strips.ts";
import { operandsOf, partCall } from "./binary.ts";
import type { ProductForm } from "./form.ts";
import { sumSteps } from "./packed-weights.ts";

/** The sums as f32, `[pixels][filters]`. */
function emitSums(node: ProductNode, out: Place, context: Context): void {
  const operands = operandsOf(node, context);
  const { shape, weights } = operands;
  const tasks = cutEvenly(shape, context.parts).map((part) => {
    const { descriptor, bits, starts, pixel } = partCall(node, operands, part, context);
    const given = { shape: descriptor, bits, weights, starts, ...part.filters };
    return [call(node.name, context.kernel.convReal({ ...given, out: at(out, 4 * pixel * shape.filters) }))];
  });
  context.draft.phase(tasks);
}

export const exact: ProductForm = {
  layout: ({ layout }) => layout,
  weightBytes: (shape, kernel) => kernel.weightBytes(shape),
  emit: (node, steps, out, context) => {
    const shape = context.network.windowOf(node);
    const [first, ...rest] = [...sumSteps(node, shape, context), ...steps];
    if (first === undefined) {
      emitSums(node, out, context);
      return;
    }
    const sums = context.draft.buffer(4 * outputPixels(shape) * shape.filters);
    emitSums(node, sums, context);
    // Parts of the product may be filters, which no strip of rows follows, so that the first step reads all sums.
    const product: StripProduct = {
      ...{ shape, stripBytes: STRIP_BYTES },
      call: (slice, rows, to) =>
        first(at(sums, 4 * rows.first * shape.outWidth * shape.filters), to, outputPixels(slice.shape)),
    };
    emitStrips(product, rest, out, context);
  },
};
