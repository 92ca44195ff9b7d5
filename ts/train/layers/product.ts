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

import type { Accumulator } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { endsAsSigns } from "../../quantizers/weights.ts";
import {
  type ConvShape,
  fbForwardScratchBytes,
  fbInputWeightBytes,
  groups,
  isUnpadded,
  lookupWeightBytes,
  nibbleWeightBytes,
  outputPixels,
  paddedPixels,
  panelFloats,
  reduction,
  startBytes,
  taps,
  transposedShape,
} from "../../runtime/conv-shape.ts";
import type { Call, ProgramBuilder, Task } from "../../runtime/program.ts";
import type { GradientSource, Lane, LayerPlan, Mode, PlanContext, QuantizerSite } from "../context.ts";
import { forwardArguments } from "../quantize.ts";
import { backwardOf } from "./product-backward.ts";
import { type DerivedWeights, deriveWeights, packedWeights } from "./weights.ts";

export interface ProductSetting {
  readonly name: string;
  readonly input: string;
  readonly useBias: boolean;
  readonly weight: QuantizerSite | null;
  readonly activation: QuantizerSite | null;
  readonly accumulator: Accumulator | null;
  /** The geometry of one lane. */
  readonly shape: (lane: Lane) => ConvShape;
}

/** Whether the operands of the products are +-1 and travel as bits. */
export interface Operands {
  readonly activations: boolean;
  readonly weights: boolean;
}

/** Buffers of one lane. */
export interface LaneBuffers {
  readonly lane: Lane;
  readonly shape: ConvShape;
  readonly descriptor: number;
  readonly transposed: number;
  /** Activations as nibbles, in the padded buffer; 0 where they are never +-1. */
  readonly nibbles: number;
  /** Quantized activations before padding, and the padded real input; 0 where not needed. */
  readonly quantized: number;
  readonly padded: number;
}

/** What both directions know of the layer. */
export interface ProductPlan {
  readonly node: ProductSetting;
  readonly context: PlanContext;
  readonly lanes: readonly LaneBuffers[];
  readonly operands: (mode: Mode) => Operands;
  /** Weights as the way back reads them: panels of the transposed kernel, or its signs. */
  readonly panelsTransposed: number;
  readonly inputSigns: number;
  /** alpha of every filter and as many zeros, f32 [n] each; null where sums have no scale. */
  readonly scale: { readonly alpha: number; readonly zeros: number } | null;
  /** The lanes' shares of the gradients at kernel and bias. */
  readonly kernelShare: (lane: Lane) => number;
  readonly biasShare: (lane: Lane) => number;
}

/** Whether the operand at a site is +-1 and travels as bits: in this mode, or, without one, ever. */
function isBits(site: QuantizerSite | null, node: ProductSetting, { products }: PlanContext, mode?: Mode): boolean {
  if (site === null || !endsAsSigns(site.quantizer)) return false;
  if (products === "ff" && node.accumulator === null) return false;
  return mode === undefined || mode.hard(site);
}

/** Plans the layer: allocates its buffers and returns what it does in each part of a step. */
export function planProduct(node: ProductSetting, context: PlanContext): LayerPlan {
  const { weight, activation, accumulator, useBias } = node;
  const kernel = tensor(context, parameterName(node, "kernel"));
  const bias = useBias ? tensor(context, parameterName(node, "bias")) : 0;
  const first = node.shape(context.lanes[0] as Lane);
  const [k, n] = [reduction(first), first.filters];
  const lanes = planLanes(node, context);
  const operands = (mode: Mode): Operands => ({
    activations: isBits(activation, node, context, mode),
    weights: isBits(weight, node, context, mode),
  });

  const derived = weight === null ? null : derivedWeights(node.name, kernel, k, n, weight, context);
  const mapped = derived?.affine ? context.allocate(4 * k * n) : 0;
  const effective = weight === null ? kernel : context.allocate(4 * k * n);
  const panels = context.allocate(4 * panelFloats(k, n));
  const signBytes = accumulator === null ? lookupWeightBytes(first) : nibbleWeightBytes(first);
  const bitsAlone = isBits(weight, node, context) && isBits(activation, node, context);
  const signs = bitsAlone ? context.allocate(signBytes) : 0;
  const isExact = signs !== 0 && accumulator === null;
  const correction = isExact ? context.allocate(4 * taps(first) * n) : 0;
  const starts = isExact ? context.allocate(startBytes(first)) : 0;
  const filled = (value: number): number => context.constant(new Float32Array(n).fill(value));
  const alpha = derived?.scale ?? 0;
  const scale = alpha === 0 ? null : { alpha, zeros: filled(0) };
  /** What sums go through on the way out: a scale, then a bias. */
  const factors = alpha === 0 && useBias && activation !== null ? filled(1) : alpha;
  const shifts = useBias ? bias : (scale?.zeros ?? 0);
  const scratch = context.declare((lane) => (activation === null ? 0 : fbForwardScratchBytes(node.shape(lane))));
  const rawSums = context.declare((lane) => (factors === 0 ? 0 : 4 * outputPixels(node.shape(lane)) * n));

  const partialStride = Math.ceil((k * n) / 4) * 4;
  const partials = context.allocate(4 * partialStride * lanes.length);
  const biasStride = Math.ceil(n / 4) * 4;
  const biasPartials = useBias ? context.allocate(4 * biasStride * lanes.length) : 0;
  const gradients: GradientSource[] = [
    {
      parameter: parameterName(node, "kernel"),
      gradient: context.allocate(4 * k * n),
      partials: { address: partials, stride: partialStride },
      ...(derived === null || weight === null
        ? {}
        : { quantized: { ...derived, site: weight, summed: context.allocate(4 * k * n) } }),
    },
  ];
  if (useBias) {
    gradients.push({
      parameter: parameterName(node, "bias"),
      gradient: context.allocate(4 * n),
      partials: { address: biasPartials, stride: biasStride },
    });
  }
  const plan: ProductPlan = {
    node,
    context,
    lanes,
    operands,
    panelsTransposed: context.allocate(4 * panelFloats(taps(first) * n, first.channels)),
    inputSigns: isBits(weight, node, context) ? context.allocate(fbInputWeightBytes(first)) : 0,
    scale,
    kernelShare: (lane) => partials + 4 * partialStride * lane.index,
    biasShare: (lane) => biasPartials + 4 * biasStride * lane.index,
  };

  const prepare = (mode: Mode): readonly Task[] => {
    const { activations, weights } = operands(mode);
    const descriptor = (lanes[0] as LaneBuffers).descriptor;
    const calls: Call[] = [...(derived?.calls ?? [])];
    const call = (name: Call["kernel"], ...args: number[]): void => {
      calls.push({ node: node.name, kernel: name, arguments: args });
    };
    const source = derived?.source ?? kernel;
    if (activations && weights && accumulator !== null) {
      call("sign_nibble_weights", descriptor, source, signs);
    } else if (activations && weights) {
      call("sign_lookup_weights", descriptor, source, signs);
      call("bb_correction_real", descriptor, source, correction);
      call("bb_starts", descriptor, correction, starts);
    } else if (weight !== null && derived !== null) {
      const to = derived.affine === null ? effective : mapped;
      // Levels out of a file have been mapped.
      const isMapped = context.packed !== null && weight.quantizer.hard === "levels";
      if (isMapped) call("copy", source, to, 4 * k * n);
      else call("quantize_forward", ...forwardArguments(weight, mode, source, to, k * n, derived.parameters));
      if (derived.affine !== null) {
        call("affine", mapped, k, n, derived.affine.scale, derived.affine.shift, effective);
      }
    }
    if (!activations) call("pack_panels", effective, k, n, panels);
    if (mode.kind === "train") {
      if (weights) call("pack_fb_input_weights", descriptor, source, plan.inputSigns);
      else call("pack_panels_transposed", descriptor, effective, plan.panelsTransposed);
    }
    return [calls];
  };

  const forward = (mode: Mode, builder: ProgramBuilder): void => {
    const { activations, weights } = operands(mode);
    for (const buffers of lanes) {
      const { lane, shape, descriptor, nibbles } = buffers;
      const emit = (name: Call["kernel"], ...args: number[]): void =>
        builder.lane(lane.index, node.name, name, ...args);
      const x = context.value(node.input, lane);
      const y = context.value(node.name, lane);
      if (!activations) {
        const input = realInput(plan, buffers, mode, x, emit);
        if (scale === null) {
          emit("ff_conv", descriptor, input, panels, bias, y);
          continue;
        }
        emit("ff_conv", descriptor, input, panels, 0, rawSums(lane));
        emit("affine", rawSums(lane), outputPixels(shape), n, factors, shifts, y);
        continue;
      }
      if (!writtenBefore) emit("sign_nibbles", descriptor, x, nibbles);
      if (weights && accumulator === null && factors !== 0) {
        emit("bb_lookup_conv_norm", descriptor, nibbles, signs, starts, factors, shifts, 0, y, 0, 0, 0, n);
        continue;
      }
      if (weights && accumulator === null) {
        emit("bb_lookup_conv_real", descriptor, nibbles, signs, starts, y, 0, n);
        continue;
      }
      const sums = factors === 0 ? y : rawSums(lane);
      if (weights) {
        const wraps = Number(accumulator?.overflow === "wrap");
        emit("bb_accumulate8_conv", descriptor, nibbles, signs, wraps, sums, 0, n);
      } else {
        emit("fb_conv", descriptor, nibbles, effective, sums, scratch(lane));
      }
      if (factors !== 0) emit("affine", sums, outputPixels(shape), n, factors, shifts, y);
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
      const { descriptor, nibbles } = lanes[lane.index] as LaneBuffers;
      return operands(mode).activations ? { descriptor, nibbles } : null;
    },
  };
}

/** Emits what makes the real operand of a convolution from `x`; returns its address. */
function realInput(
  { node }: ProductPlan,
  { shape, descriptor, quantized, padded }: LaneBuffers,
  mode: Mode,
  x: number,
  emit: (name: Call["kernel"], ...args: number[]) => void,
): number {
  const { activation } = node;
  let source = x;
  if (activation !== null) {
    const size = shape.images * shape.height * shape.width * shape.channels;
    emit("quantize_forward", ...forwardArguments(activation, mode, x, quantized, size));
    source = quantized;
  }
  if (isUnpadded(shape)) return source;
  emit("pad_real", descriptor, source, padded);
  return padded;
}

/** What is taken from the latent weights, or from the file that they are out of. */
function derivedWeights(
  node: string,
  latent: number,
  k: number,
  n: number,
  { quantizer, parameters }: QuantizerSite,
  context: PlanContext,
): DerivedWeights {
  const given = { node, latent, k, n, quantizer, parameters };
  if (context.packed !== null) return packedWeights(given, context.packed, context.constant);
  return deriveWeights(given, context.allocate);
}

function planLanes(node: ProductSetting, context: PlanContext): readonly LaneBuffers[] {
  const { name, activation, shape } = node;
  const everBits = isBits(activation, node, context);
  const everReal = !everBits || activation?.quantizer.forward !== "sign";
  const bytes = (lane: Lane): number => {
    const { images, height, width, channels } = shape(lane);
    return 4 * images * height * width * channels;
  };
  const quantized = context.declare((lane) => (activation !== null && everReal ? bytes(lane) : 0));
  const padded = context.declare((lane) => (everReal ? 4 * paddedPixels(shape(lane)) * shape(lane).channels : 0));
  return context.lanes.map((lane) => {
    const own = shape(lane);
    const descriptor = context.descriptor(own);
    const nibbles = everBits ? context.allocateBits(paddedPixels(own) * groups(own.channels)) : 0;
    if (everBits) context.once({ node: name, kernel: "fill_border_nibbles", arguments: [descriptor, nibbles] });
    return {
      lane,
      shape: own,
      descriptor,
      transposed: context.descriptor(transposedShape(own)),
      nibbles,
      quantized: quantized(lane),
      padded: padded(lane),
    };
  });
}

function tensor(context: PlanContext, name: string): number {
  const found = context.parameters.tensors.get(name);
  if (found === undefined) throw new Error(`no parameter ${name}`);
  return found.value;
}
