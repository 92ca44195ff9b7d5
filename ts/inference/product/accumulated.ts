/** Both operands +-1, and sums in 8 bits, which nothing is fused behind. */
import { parameterName } from "../../nn/network.ts";
import { k } from "../../program/inference-call.ts";
import { nibbleWeightBytes } from "../../program/kernels.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { NIBBLES } from "../layout.ts";
import { emitStrips, STRIP_BYTES, type StripProduct } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { sumSteps } from "./packed-weights.ts";

export const accumulated: ProductForm = {
  layout: () => NIBBLES,
  weightBytes: nibbleWeightBytes,
  emit: (node, steps, out, context) => {
    const { draft } = context;
    const shape = context.network.windowOf(node);
    const { place } = context.bits.for(node);
    const weights = draft.allocate(nibbleWeightBytes(shape));
    const file = context.tensor(parameterName(node, "kernel"));
    draft.once(node.name, k.packNibbleWeights({ shape: draft.descriptor(shape), bits: file, out: weights }));
    const rowBytes = shape.paddedWidth * NIBBLES.pixelBytes(shape.channels);
    const wraps = node.attributes.accumulator?.overflow === "wrap";
    const product: StripProduct = {
      ...{ shape, stripBytes: STRIP_BYTES },
      call: ({ shape: slice, paddedRow }, _rows, to) => {
        const bits = at(place, paddedRow * rowBytes);
        const operands = { shape: draft.descriptor(slice), bits, weights, wraps };
        return call(node.name, k.bbAccumulate8Conv({ ...operands, out: to, first: 0, count: shape.filters }));
      },
    };
    emitStrips(product, [...sumSteps(node, shape, context), ...steps], out, context);
  },
};
