/** The forward products of a layer, one for each row of the table in `product.ts`. */
import type { Overflow } from "../../../nn/graph.ts";
import { type KernelCall, k } from "../../../program/call.ts";
import { fbForwardScratchBytes, fbSignScratchBytes, outputPixels } from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import type { Emit } from "../../../program/program.ts";
import type { Mode } from "../../plan/context.ts";
import { isSignForward, type LaneBuffers, type ProductPlan, realInput, type SumPlan } from "./operands.ts";

/** The calls of one lane, whose input lies at `x` and whose value goes to `y`. */
type LaneProduct = (buffers: LaneBuffers, ends: { readonly x: Place; readonly y: Place }) => readonly KernelCall[];

/** Plans the buffers of the forward products. */
export function forwardOf(plan: ProductPlan): (mode: Mode, emit: Emit) => void {
  const { node, context, lanes, operands } = plan;
  const mixed = mixedProduct(plan);
  const bySigns = signProduct(plan);
  const binary = node.accumulator === null ? exactProduct(plan) : accumulatedProduct(plan, node.accumulator.overflow);
  const isWritten = [...context.fusions.readers.values()].includes(node.name);
  const overBits =
    (product: LaneProduct): LaneProduct =>
    (buffers, values) => {
      const signs = { shape: buffers.descriptor, x: values.x, out: buffers.bits as Place };
      return [...(isWritten ? [] : [k.signNibbles(signs)]), ...product(buffers, values)];
    };
  const productOf = (mode: Mode): LaneProduct => {
    const { activations, weights } = operands(mode);
    if (activations) return overBits(weights ? binary : mixed);
    // The kernel is made ready for the first lane's product.
    return isSignForward({ activations, weights }, lanes[0] as LaneBuffers) ? bySigns(mode) : realProduct(plan, mode);
  };
  return (mode, emit) => {
    const product = productOf(mode);
    for (const buffers of lanes) {
      const { lane } = buffers;
      const values = { x: context.value(node.input, lane), y: context.value(node.name, lane) };
      for (const call of product(buffers, values)) emit.lane(lane.index, call);
    }
  };
}

/** `ff`, which adds the bias itself where the sums have no scale. */
const realProduct =
  ({ node, kernel, sums }: ProductPlan, mode: Mode): LaneProduct =>
  (buffers, { x, y }) => {
    const { place, calls, padding } = realInput(node, buffers, mode, x);
    const product = { shape: buffers.descriptor, x: place, panels: kernel.panels };
    const before = [...calls, ...padding];
    if (sums.scale === null) return [...before, k.ffConv({ ...product, bias: node.bias, out: y })];
    const out = sums.place(buffers.lane);
    return [...before, k.ffConv({ ...product, bias: null, out }), ...foldCalls(sums, buffers, y)];
  };

/** `fb`, over the signs of the weights. Training pads the input for the filters' gradient. */
function signProduct({ node, context, kernel, sums }: ProductPlan): (mode: Mode) => LaneProduct {
  const scratch = context.memory.declare((lane) =>
    kernel.forwardSigns === null ? 0 : fbSignScratchBytes(node.shape(lane)),
  );
  return (mode) =>
    (buffers, { x, y }) => {
      const { lane, descriptor } = buffers;
      const { image, calls, padding } = realInput(node, buffers, mode, x);
      const before = [...calls, ...(mode.kind === "train" ? padding : [])];
      const weights = kernel.forwardSigns as Place;
      const product = { shape: descriptor, x: image, weights, scratch: scratch(lane) };
      if (sums.scale === null) return [...before, k.fbSignConv({ ...product, bias: node.bias, out: y })];
      const out = sums.place(lane);
      return [...before, k.fbSignConv({ ...product, bias: null, out }), ...foldCalls(sums, buffers, y)];
    };
}

/** `bb`, which scales and shifts its sums on the way out. */
const exactProduct =
  ({ kernel, sums }: ProductPlan): LaneProduct =>
  ({ shape, descriptor, bits }, { y }) => {
    const [weights, starts] = [kernel.signs, kernel.starts];
    const product = { shape: descriptor, bits: bits as Place, weights, starts, first: 0, count: shape.filters };
    if (sums.fold === null) return [k.bbLookupConvReal({ ...product, out: y })];
    return [k.bbLookupConvNorm({ ...product, ...sums.fold, residual: null, out: y, next: null, nextBits: null })];
  };

/** Sums in 8 bits. */
const accumulatedProduct =
  ({ kernel, sums }: ProductPlan, overflow: Overflow): LaneProduct =>
  (buffers, { y }) => {
    const { lane, shape, descriptor, bits } = buffers;
    const product = { shape: descriptor, bits: bits as Place, weights: kernel.signs, first: 0, count: shape.filters };
    const call = k.bbAccumulate8Conv({ ...product, wraps: overflow === "wrap", out: sums.place(lane) });
    return [call, ...foldCalls(sums, buffers, y)];
  };

/** `fb`, over the effective weights. */
function mixedProduct({ node, context, kernel, sums }: ProductPlan): LaneProduct {
  const scratch = context.memory.declare((lane) =>
    node.activation === null ? 0 : fbForwardScratchBytes(node.shape(lane)),
  );
  return (buffers, { y }) => {
    const { lane, descriptor, bits } = buffers;
    const operands = { shape: descriptor, bits: bits as Place, w: kernel.effective };
    const call = k.fbConv({ ...operands, out: sums.place(lane), scratch: scratch(lane) });
    return [call, ...foldCalls(sums, buffers, y)];
  };
}

/** The pass that makes the layer's value of sums that are not scaled and shifted on the way out of their product. */
export const foldCalls = (
  { fold, place }: SumPlan,
  { lane, shape }: Pick<LaneBuffers, "lane" | "shape">,
  y: Place,
): readonly KernelCall[] =>
  fold === null ? [] : [k.affine({ x: place(lane), rows: outputPixels(shape), channels: shape.filters, ...fold, y })];
