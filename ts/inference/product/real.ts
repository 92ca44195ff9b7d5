/** Real activations (`ff`). */
import { parameterName } from "../../nn/network.ts";
import type { KernelNode } from "../../nn/nodes.ts";
import { isUnpadded } from "../../program/conv-shape.ts";
import { k } from "../../program/inference-call.ts";
import { type ConvShape, paddedPixels, panelFloats, terms } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { hasScale } from "../forms.ts";
import { emitStrips, STRIP_BYTES, type Step, type StripProduct } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { realKernel, sumSteps } from "./packed-weights.ts";

/** The value `x` as the windows of `shape` read it. */
export function padded(node: string, x: Place, shape: ConvShape, { draft }: Context): Place {
  if (isUnpadded(shape)) return x;
  const out = draft.buffer(4 * paddedPixels(shape) * shape.channels);
  draft.phase([[call(node, k.padReal({ shape: draft.descriptor(shape), x, out }))]]);
  return out;
}

/** The bias that a kernel adds by itself, which none does in front of a scale, and all steps behind the kernel. */
export function realSums(
  node: KernelNode,
  shape: ConvShape,
  steps: readonly Step[],
  context: Context,
): { readonly bias: Place | null; readonly all: readonly Step[] } {
  if (hasScale(node)) return { bias: null, all: [...sumSteps(node, shape, context), ...steps] };
  return { bias: node.attributes.useBias ? context.tensor(parameterName(node, "bias")) : null, all: steps };
}

/** The operand that a layer multiplies, as its windows read it. */
type OperandOf = (node: KernelNode, shape: ConvShape, context: Context) => Place;

/** The form of a product whose real operand is what `operandOf` writes. */
export const realForm = (operandOf: OperandOf): ProductForm => ({
  layout: () => null,
  weightBytes: (shape) => 4 * panelFloats(terms(shape), shape.filters),
  emit: (node, steps, out, context) => {
    const { draft, network } = context;
    const { name } = node;
    const shape = network.windowOf(node);
    const [rows, n] = [terms(shape), shape.filters];
    const panels = draft.allocate(4 * panelFloats(rows, n));
    draft.once(name, k.packPanels({ w: realKernel(node, [rows, n], context), k: rows, n, out: panels }));
    const { bias, all } = realSums(node, shape, steps, context);
    const x = operandOf(node, shape, context);
    const rowBytes = 4 * shape.paddedWidth * shape.channels;
    const product: StripProduct = {
      ...{ shape, stripBytes: STRIP_BYTES },
      call: ({ shape: slice, paddedRow }, _rows, to) =>
        call(name, k.ffConv({ shape: draft.descriptor(slice), x: at(x, paddedRow * rowBytes), panels, bias, out: to })),
    };
    emitStrips(product, all, out, context);
  },
});

/** The operand is the input. */
export const real = realForm((node, shape, context) =>
  padded(node.name, context.values.of(node.inputs[0]), shape, context),
);
