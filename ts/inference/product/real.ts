/** Real activations (`ff`), which a quantizer may have put on levels. */
import { parameterName } from "../../nn/network.ts";
import type { KernelNode } from "../../nn/nodes.ts";
import { isUnpadded } from "../../program/conv-shape.ts";
import { k } from "../../program/inference-call.ts";
import { type ConvShape, inputPixels, paddedPixels, panelFloats, terms } from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import { encodeTable, forwardMapNumbers } from "../../quantizers/maps.ts";
import { stateAt } from "../../quantizers/state.ts";
import { endsAsSigns } from "../../quantizers/weight-quantizers.ts";
import type { Context } from "../context.ts";
import { call } from "../draft.ts";
import { hasScale } from "../forms.ts";
import { cutFours } from "../slices.ts";
import { emitStrips, STRIP_BYTES, type StripProduct } from "../strips.ts";
import type { ProductForm } from "./form.ts";
import { realKernel, sumSteps } from "./packed-weights.ts";

const signs = { proximal: forwardMapNumbers.identity, map: forwardMapNumbers.sign };

/** The real operand before padding: the input, or where it has a quantizer, the levels or signs that this ends at. */
function realOperand(node: KernelNode, shape: ConvShape, { draft, values, parts }: Context): Place {
  const x = values.of(node.inputs[0]);
  const { activationQuantizer } = node.attributes;
  if (activationQuantizer === null) return x;
  const elements = inputPixels(shape) * shape.channels;
  const levels = draft.buffer(4 * elements);
  const state = stateAt(activationQuantizer, 1);
  const floats = (values: ArrayLike<number>): Place => draft.constant(new Uint8Array(Float32Array.from(values).buffer));
  const maps = {
    ...(endsAsSigns(activationQuantizer) ? signs : { proximal: state.proximalMap, map: state.forwardMap }),
    parameters: floats(state.parameters),
    table: activationQuantizer.table === null ? null : floats(encodeTable(activationQuantizer.table)),
  };
  const jobs = cutFours(elements, shape.images > 1 ? 1 : parts).map(({ first, count }) => {
    const places = { x: at(x, 4 * first), y: at(levels, 4 * first) };
    return [call(node.name, k.quantizeForward({ ...maps, ...places, count }))];
  });
  draft.phase(jobs);
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
