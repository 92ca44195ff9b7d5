/** +-1 activations with real weights (`fb`). */
import { k } from "../../program/inference-call.ts";
import { fbForwardScratchBytes, terms } from "../../program/kernels.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { NIBBLES } from "../layout.ts";
import { emitStrips, type StripProduct } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { realKernel, sumSteps } from "./packed-weights.ts";

export const mixed: ProductForm = {
  layout: () => NIBBLES,
  weightBytes: (shape) => 4 * terms(shape) * shape.filters,
  emit: (node, steps, out, context) => {
    const { draft } = context;
    const shape = context.network.windowOf(node);
    const { place } = context.bits.for(node);
    const w = realKernel(node, [terms(shape), shape.filters], context);
    const rowBytes = shape.paddedWidth * NIBBLES.pixelBytes(shape.channels);
    const product: StripProduct = {
      shape,
      // The kernel makes tables of the weights in each call.
      stripBytes: Number.POSITIVE_INFINITY,
      call: ({ shape: slice, paddedRow }, _rows, to) => {
        const scratch = draft.buffer(fbForwardScratchBytes(slice));
        const bits = at(place, paddedRow * rowBytes);
        return call(node.name, k.fbConv({ shape: draft.descriptor(slice), bits, w, out: to, scratch }));
      },
    };
    emitStrips(product, [...sumSteps(node, shape, context), ...steps], out, context);
  },
};
