/** Real activations (`ff`), which a quantizer may have put on levels. */
import { parameterName } from "../../nn/network.ts";
import type { KernelNode } from "../../nn/nodes.ts";
import { isUnpadded } from "../../program/conv-shape.ts";
import { k } from "../../program/inference-call.ts";
import { type ConvShape, inputPixels, paddedPixels, panelFloats, terms } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { hasScale } from "../forms.ts";
import { quantized } from "../quantized.ts";
import { emitStrips, STRIP_BYTES, type StripProduct } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { realKernel, sumSteps } from "./packed-weights.ts";

/** The real operand before padding: the input, or where it has a quantizer, the levels or signs that this ends at. */
function realOperand(node: KernelNode, shape: ConvShape, context: Context): Place {
  const x = context.values.of(node.inputs[0]);
  const { activationQuantizer } = node.attributes;
  if (activationQuantizer === null) return x;
  const parts = shape.images > 1 ? 1 : context.parts;
  const { levels, jobs } = quantized(
    node.name,
    activationQuantizer,
    { x, elements: inputPixels(shape) * shape.channels, parts },
    context,
  );
  context.draft.phase(jobs);
  return levels;
}

/** The real operand as the windows of `shape` read it. */
export function paddedInput(node: KernelNode, shape: ConvShape, context: Context): Place {
  const { draft } = context;
  const x = realOperand(node, shape, context);
  if (isUnpadded(shape)) return x;
  const padded = draft.buffer(4 * paddedPixels(shape) * shape.channels);
  draft.phase([[call(node.name, k.padReal({ shape: draft.descriptor(shape), x, out: padded }))]]);
  return padded;
}

export const real: ProductForm = {
  layout: () => null,
  weightBytes: (shape) => 4 * panelFloats(terms(shape), shape.filters),
  emit: (node, steps, out, context) => {
    const { draft, network, tensor } = context;
    const { name } = node;
    const shape = network.windowOf(node);
    const [rows, n] = [terms(shape), shape.filters];
    const panels = draft.allocate(4 * panelFloats(rows, n));
    draft.once(name, k.packPanels({ w: realKernel(node, [rows, n], context), k: rows, n, out: panels }));
    // The kernel adds a bias by itself, but behind a scale.
    const isScaled = hasScale(node);
    const all = isScaled ? [...sumSteps(node, shape, context), ...steps] : steps;
    const bias = node.attributes.useBias && !isScaled ? tensor(parameterName(node, "bias")) : null;
    const x = paddedInput(node, shape, context);
    const rowBytes = 4 * shape.paddedWidth * shape.channels;
    const product: StripProduct = {
      ...{ shape, stripBytes: STRIP_BYTES },
      call: ({ shape: slice, paddedRow }, _rows, to) =>
        call(name, k.ffConv({ shape: draft.descriptor(slice), x: at(x, paddedRow * rowBytes), panels, bias, out: to })),
    };
    emitStrips(product, all, out, context);
  },
};
