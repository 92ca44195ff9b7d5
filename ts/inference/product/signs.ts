/**
 * Real activations with weights of +-1 (`fb`), by tables of the activations. Strides, borders of ones and few pixels make it a
 * product of reals.
 */
import { flattened, suitsSigns } from "../../program/conv-shape.ts";
import { k } from "../../program/inference-call.ts";
import { fbSignScratchBytes, fbSignWeightBytes, terms } from "../../program/kernels.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { emitStrips, type StripProduct } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { levels, operandOf } from "./levels.ts";
import { realKernel } from "./packed-weights.ts";
import { realSums } from "./real.ts";

export const signs: ProductForm = {
  layout: () => null,
  weightBytes: (shape, kernel, images) =>
    suitsSigns(shape, images) ? fbSignWeightBytes(shape) : levels.weightBytes(shape, kernel, images),
  emit: (node, steps, out, context) => {
    const { draft, network } = context;
    const { name } = node;
    const shape = network.windowOf(node);
    if (!suitsSigns(shape, network.images)) {
      levels.emit(node, steps, out, context);
      return;
    }
    const weights = draft.allocate(fbSignWeightBytes(shape));
    const kernel = realKernel(node, [terms(shape), shape.filters], context);
    draft.once(name, k.packFbSignWeights({ shape: draft.descriptor(shape), kernel, weights }));
    const { bias, all } = realSums(node, shape, steps, context);
    const x = operandOf(node, shape, context);
    const rowBytes = 4 * shape.width * shape.channels;
    const product: StripProduct = {
      shape,
      // The kernel makes tables of its rows, and of those beside them, in each call.
      stripBytes: Number.POSITIVE_INFINITY,
      call: ({ shape: rows, row }, _rows, to) => {
        const slice = flattened(rows);
        const scratch = draft.buffer(fbSignScratchBytes(slice));
        const given = { shape: draft.descriptor(slice), x: at(x, row * rowBytes), weights, bias };
        return call(name, k.fbSignConv({ ...given, out: to, scratch }));
      },
    };
    emitStrips(product, all, out, context);
  },
};
