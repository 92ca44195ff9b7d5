/**
 * Convolutions and dense layers in the trainer. A dense layer is a convolution over one image whose width is the rows of
 * the lane, so both are planned here.
 *
 * Which product runs follows from the operands. Activations are +-1 where their quantizer is hard, weights likewise:
 *
 * | activations  | weights      | forward          | filter gradient | input gradient             |
 * |--------------|--------------|------------------|-----------------|----------------------------|
 * | +-1          | +-1          | `bb` look-up     | `fb`            | `fb` over the signs        |
 * | +-1          | real or soft | `fb`             | `fb`            | `ff`, effective weights    |
 * | real or soft | +-1          | `ff`             | `ff`            | `fb` over the signs        |
 * | real or soft | real or soft | `ff`             | `ff`            | `ff`, effective weights    |
 *
 * The effective weights are F(w), or F(w') where the quantizer standardises; AdaBin's and levels are real throughout. With
 * `products: "ff"` the last row holds for every layer, over F(x) and F(w). A scale multiplies the sums on the way out, and on
 * the way back the gradient at them, once for both products.
 *
 * A layer with an accumulator of 8 bits takes another kernel in place of `bb`, whatever `products` says, for its sums are
 * others. Its way back is that of exact sums.
 */

import { parameterName } from "../../nn/network.ts";
import { type KernelCall, k } from "../../program/call.ts";
import {
  fbForwardScratchBytes,
  fbInputWeightBytes,
  lookupWeightBytes,
  nibbleWeightBytes,
  outputPixels,
  panelFloats,
  startBytes,
  taps,
  terms,
} from "../../program/kernels.ts";
import { at, type Place } from "../../program/place.ts";
import type { Emit } from "../../program/program.ts";
import type { GradientSource, Lane, LayerPlan, Mode, PlanContext, QuantizerSite } from "../context.ts";
import { forwardOf } from "../quantize.ts";
import {
  isBits,
  type LaneBuffers,
  type Operands,
  type ProductPlan,
  type ProductSetting,
  planLanes,
  realInput,
} from "./operands.ts";
import { backwardOf } from "./product-backward.ts";
import { type DerivedWeights, deriveWeights, packedWeights } from "./weights.ts";

/** Plans the layer: allocates its buffers and returns what it does in each part of a step. */
export function planProduct(node: ProductSetting, context: PlanContext): LayerPlan {
  const { weight, activation, accumulator, useBias } = node;
  const kernel = tensor(context, parameterName(node, "kernel"));
  const bias = useBias ? tensor(context, parameterName(node, "bias")) : null;
  const first = node.shape(context.lanes[0] as Lane);
  const [rows, n] = [terms(first), first.filters];
  const size = rows * n;
  const lanes = planLanes(node, context);
  const operands = (mode: Mode): Operands => ({
    activations: isBits(activation, node, context, mode),
    weights: isBits(weight, node, context, mode),
  });

  const derived = weight === null ? null : derivedWeights(node.name, kernel, [rows, n], weight, context);
  const mapped = derived?.affine ? context.memory.allocate(4 * size) : null;
  const effective = weight === null ? kernel : context.memory.allocate(4 * size);
  const panels = context.memory.allocate(4 * panelFloats(rows, n));
  const signBytes = accumulator === null ? lookupWeightBytes(first) : nibbleWeightBytes(first);
  const bitsAlone = isBits(weight, node, context) && isBits(activation, node, context);
  const isExact = bitsAlone && accumulator === null;
  const signs = context.memory.allocate(bitsAlone ? signBytes : 0);
  const correction = context.memory.allocate(isExact ? 4 * taps(first) * n : 0);
  const starts = context.memory.allocate(isExact ? startBytes(first) : 0);
  const filled = (value: number): Place => context.memory.constant(new Float32Array(n).fill(value));
  const alpha = derived?.scale ?? null;
  const scale = alpha === null ? null : { alpha, zeros: filled(0) };
  /** What sums go through on the way out: a scale, then a bias. */
  const factors = alpha === null && useBias && activation !== null ? filled(1) : alpha;
  const shifts = bias ?? scale?.zeros ?? null;
  const fold = factors === null || shifts === null ? null : { scale: factors, shift: shifts };
  const scratch = context.memory.declare((lane) => (activation === null ? 0 : fbForwardScratchBytes(node.shape(lane))));
  const rawSums = context.memory.declare((lane) => (fold === null ? 0 : 4 * outputPixels(node.shape(lane)) * n));

  const partialStride = Math.ceil(size / 4) * 4;
  const partials = context.memory.allocate(4 * partialStride * lanes.length);
  const biasStride = Math.ceil(n / 4) * 4;
  const biasPartials = context.memory.allocate(useBias ? 4 * biasStride * lanes.length : 0);
  const gradients: GradientSource[] = [
    {
      parameter: parameterName(node, "kernel"),
      gradient: context.memory.allocate(4 * size),
      partials: { address: partials, stride: partialStride },
      ...(derived === null || weight === null
        ? {}
        : { quantized: { ...derived, site: weight, summed: context.memory.allocate(4 * size) } }),
    },
  ];
  if (useBias) {
    gradients.push({
      parameter: parameterName(node, "bias"),
      gradient: context.memory.allocate(4 * n),
      partials: { address: biasPartials, stride: biasStride },
    });
  }
  const plan: ProductPlan = {
    node,
    context,
    lanes,
    operands,
    panelsTransposed: context.memory.allocate(4 * panelFloats(taps(first) * n, first.channels)),
    inputSigns: isBits(weight, node, context) ? context.memory.allocate(fbInputWeightBytes(first)) : null,
    scale,
    kernelShare: (lane) => at(partials, 4 * partialStride * lane.index),
    biasShare: (lane) => at(biasPartials, 4 * biasStride * lane.index),
  };

  const prepare = (mode: Mode): readonly (readonly KernelCall[])[] => {
    const { activations, weights } = operands(mode);
    const shape = (lanes[0] as LaneBuffers).descriptor;
    const calls: KernelCall[] = [...(derived?.calls ?? [])];
    const source = derived?.source ?? kernel;
    if (activations && weights && accumulator !== null) {
      calls.push(k.signNibbleWeights({ shape, kernel: source, out: signs }));
    } else if (activations && weights) {
      calls.push(
        k.signLookupWeights({ shape, kernel: source, out: signs }),
        k.bbCorrectionReal({ shape, kernel: source, out: correction }),
        k.bbStarts({ shape, correction, starts }),
      );
    } else if (weight !== null && derived !== null) {
      const to = mapped ?? effective;
      // Levels out of a file have been mapped.
      const isMapped = context.packed !== null && weight.quantizer.hard === "levels";
      const maps = forwardOf(weight, mode, derived.parameters);
      if (isMapped) calls.push(k.copy({ from: source, to, bytes: 4 * size }));
      else calls.push(k.quantizeForward({ ...maps, x: source, y: to, count: size }));
      if (derived.affine !== null) {
        calls.push(k.affine({ x: to, rows, channels: n, ...derived.affine, y: effective }));
      }
    }
    if (!activations) calls.push(k.packPanels({ w: effective, k: rows, n, out: panels }));
    if (mode.kind === "train") {
      if (weights) calls.push(k.packFbInputWeights({ shape, kernel: source, weights: plan.inputSigns as Place }));
      else calls.push(k.packPanelsTransposed({ shape, w: effective, out: plan.panelsTransposed }));
    }
    return [calls];
  };

  const forward = (mode: Mode, emit: Emit): void => {
    const { activations, weights } = operands(mode);
    for (const buffers of lanes) {
      const { lane, shape, descriptor } = buffers;
      const write = (call: KernelCall): void => emit.lane(lane.index, call);
      const x = context.value(node.input, lane);
      const y = context.value(node.name, lane);
      const sums = fold === null ? y : rawSums(lane);
      const pixels = outputPixels(shape);
      if (!activations) {
        const input = realInput(plan, buffers, mode, x, emit);
        const product = { shape: descriptor, x: input, panels };
        if (scale === null) {
          write(k.ffConv({ ...product, bias, out: y }));
          continue;
        }
        write(k.ffConv({ ...product, bias: null, out: sums }));
        if (fold !== null) write(k.affine({ x: sums, rows: pixels, channels: n, ...fold, y }));
        continue;
      }
      const bits = buffers.bits as Place;
      if (!writtenBefore) write(k.signNibbles({ shape: descriptor, x, out: bits }));
      const product = { shape: descriptor, bits, weights: signs, first: 0, count: n };
      if (weights && accumulator === null && fold !== null) {
        const ends = { residual: null, out: y, next: null, nextBits: null };
        write(k.bbLookupConvNorm({ ...product, starts, ...fold, ...ends }));
        continue;
      }
      if (weights && accumulator === null) {
        write(k.bbLookupConvReal({ ...product, starts, out: y }));
        continue;
      }
      if (weights) {
        write(k.bbAccumulate8Conv({ ...product, wraps: accumulator?.overflow === "wrap", out: sums }));
      } else {
        write(k.fbConv({ shape: descriptor, bits, w: effective, out: sums, scratch: scratch(lane) }));
      }
      if (fold !== null) write(k.affine({ x: sums, rows: pixels, channels: n, ...fold, y }));
    }
  };

  const writtenBefore = [...context.fusions.readers.values()].includes(node.name);
  return {
    prepare,
    forward,
    backward: backwardOf(plan),
    gradients,
    readsGradientLater: true,
    signs: (mode, lane) => {
      const { descriptor, bits } = lanes[lane.index] as LaneBuffers;
      return operands(mode).activations ? { next: descriptor, nextBits: bits as Place } : null;
    },
  };
}

/** What is taken from the latent weights, or from the file that they are out of. */
function derivedWeights(
  node: string,
  latent: Place,
  [rows, n]: readonly [number, number],
  { quantizer, parameters }: QuantizerSite,
  context: PlanContext,
): DerivedWeights {
  const given = { node, latent, rows, n, quantizer, parameters };
  if (context.packed !== null) return packedWeights(given, context.packed, context.memory.constant);
  return deriveWeights(given, context.memory.allocate);
}

function tensor(context: PlanContext, name: string): Place {
  const found = context.parameters.tensors.get(name);
  if (found === undefined) throw new Error(`no parameter ${name}`);
  return found.value;
}
