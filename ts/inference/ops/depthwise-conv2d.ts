/** Depthwise convolution over reals. Weights of -1 and +1 are unpacked at set-up, and activations written as such. */
import { parameterName } from "../../nn/network.ts";
import { k } from "../../program/inference-call.ts";
import { at } from "../../program/place.ts";
import { call } from "../draft.ts";
import { weightsHaveScale } from "../forms.ts";
import { paddedInput } from "../product/levels.ts";
import { realKernel, sumSteps } from "../product/packed-weights.ts";
import { emitStrips, STRIP_BYTES, type StripProduct } from "../strips.ts";
import { windowOver } from "../windows.ts";
import type { InferenceOp } from "./op.ts";

export const depthwiseConv2d = {
  kind: "whole",
  emit: (node, context) => {
    const { draft, images, network, tensor, values } = context;
    const { kernelSize, dilationRate, useBias } = node.attributes;
    const shape = windowOver(node, images, network.shapeOf(node.inputs[0]));
    const w = realKernel(node, [kernelSize[0] * kernelSize[1], shape.filters], context);
    // The kernel adds a bias by itself, but behind a scale.
    const isScaled = weightsHaveScale(node);
    const bias = useBias && !isScaled ? tensor(parameterName(node, "bias")) : null;
    const x = paddedInput(node, shape, context);
    const rowBytes = 4 * shape.paddedWidth * shape.channels;
    const fixed = { dilationHeight: dilationRate[0], dilationWidth: dilationRate[1], w, bias };
    const product: StripProduct = {
      ...{ shape, stripBytes: STRIP_BYTES },
      call: ({ shape: slice, paddedRow }, _rows, out) => {
        const places = { shape: draft.descriptor(slice), x: at(x, paddedRow * rowBytes), out };
        return call(node.name, k.depthwiseConv({ ...fixed, ...places }));
      },
    };
    emitStrips(product, isScaled ? sumSteps(node, shape, context) : [], values.of(node.name), context);
  },
  weightBytes: ({ name, attributes: { kernelSize } }, { network }) =>
    4 * kernelSize[0] * kernelSize[1] * network.channelsOf(name),
} satisfies InferenceOp<"depthwiseConv2d">;
