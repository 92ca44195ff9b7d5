/**
 * A layer's kernel in the forms that products read. All are made of the latent weights before each batch: effective
 * weights in panels for real products, signs for those of bits, and either once more as the way back reads it.
 */
import { type KernelCall, k } from "../../../program/call.ts";
import { suitsSigns } from "../../../program/conv-shape.ts";
import {
  type ConvShape,
  fbInputWeightBytes,
  fbSignWeightBytes,
  lookupWeightBytes,
  nibbleWeightBytes,
  panelFloats,
  startBytes,
  taps,
} from "../../../program/kernels.ts";
import type { Place } from "../../../program/place.ts";
import type { Mode, PlanContext, QuantizerSite } from "../../plan/context.ts";
import { forwardOf } from "../../plan/quantize.ts";
import { type DerivedWeights, deriveWeights, packedWeights } from "./derived-weights.ts";
import {
  everReal,
  isBits,
  isSignForward,
  type KernelPlan,
  type LaneBuffers,
  type Operands,
  type ProductSetting,
} from "./operands.ts";

/** The weights that all forms are made of. */
export interface Weights {
  /** The values that are taken from the latent weights; null where no quantizer acts on them. */
  readonly derived: DerivedWeights | null;
  /** The weights whose signs count, and those that are multiplied; f32 [K][n]. */
  readonly source: Place;
  readonly values: Place;
  /** The calls that make them; where signs alone are read, `values` is left as it is. */
  readonly calls: (mode: Mode, signsAlone: boolean) => readonly KernelCall[];
}

/** Plans the weights of `node`. */
export function planWeights(node: ProductSetting, context: PlanContext): Weights {
  const { weight, kernel } = node;
  if (weight === null) return { derived: null, source: kernel, values: kernel, calls: () => [] };
  const { derived, values, calls } = planEffective(node, weight, context);
  return {
    ...{ derived, source: derived.source, values },
    calls: (mode, signsAlone) => [...derived.calls, ...(signsAlone ? [] : calls(mode))],
  };
}

/** Plans the forms that the kernel of `node` takes, whose weights are `given`. */
export function planKernel(
  node: ProductSetting,
  given: Weights,
  operands: (mode: Mode) => Operands,
  lanes: readonly LaneBuffers[],
  context: PlanContext,
): KernelPlan {
  const { weight } = node;
  const { source, values } = given;
  const first = lanes[0] as LaneBuffers;
  const { shape, descriptor } = first;
  const [rows, n] = node.matrix;
  const panels = context.memory.allocate(4 * panelFloats(rows, n));
  const bits = planBits(node, shape, { kernel: source, descriptor }, context);
  const panelsTransposed = context.memory.allocate(4 * panelFloats(taps(shape) * n, shape.channels));
  const everSigns = isBits(weight, node, context);
  const inputSigns = everSigns ? context.memory.allocate(fbInputWeightBytes(shape)) : null;
  const everForward = everSigns && suitsSigns(shape, first.lane.images) && everReal(node, context);
  const forwardSigns = everForward ? context.memory.allocate(fbSignWeightBytes(shape)) : null;

  const backwardForm = (weightsAreBits: boolean): KernelCall =>
    weightsAreBits
      ? k.packFbInputWeights({ shape: descriptor, kernel: source, weights: inputSigns as Place })
      : k.packPanelsTransposed({ shape: descriptor, w: values, out: panelsTransposed });

  const forwardForm = (own: Operands): KernelCall =>
    isSignForward(own, first)
      ? k.packFbSignWeights({ shape: descriptor, kernel: source, weights: forwardSigns as Place })
      : k.packPanels({ w: values, k: rows, n, out: panels });

  return {
    derived: given.derived,
    effective: values,
    panels,
    forwardSigns,
    signs: bits.signs,
    starts: bits.starts,
    panelsTransposed,
    inputSigns,
    prepare: (mode) => {
      const { activations, weights } = operands(mode);
      return [
        ...given.calls(mode, weights && (activations || isSignForward({ activations, weights }, first))),
        ...(activations && weights ? bits.calls : []),
        ...(activations ? [] : [forwardForm({ activations, weights })]),
        ...(mode.kind === "train" ? [backwardForm(weights)] : []),
      ];
    },
  };
}

export interface Effective {
  readonly derived: DerivedWeights;
  /** F(w), F(w') or AdaBin's two values a filter; f32 [K][n]. */
  readonly values: Place;
  readonly calls: (mode: Mode) => readonly KernelCall[];
}

/** Real weights that stand for the latent ones where `weight` acts. */
export function planEffective(
  { owner, kernel, matrix: [rows, n] }: ProductSetting,
  weight: QuantizerSite,
  context: PlanContext,
): Effective {
  const { quantizer, parameters } = weight;
  const size = rows * n;
  const own = (key: string): Place => context.parameters.of({ name: owner }, key);
  const given = { node: owner, latent: kernel, rows, n, quantizer, parameters, own };
  const derived =
    context.parameters.packed === null
      ? deriveWeights(given, context.memory.allocate)
      : packedWeights(given, context.parameters.packed, context.memory.constant);
  const { affine, source } = derived;
  const mapped = affine === null ? null : context.memory.allocate(4 * size);
  const values = context.memory.allocate(4 * size);
  // Levels out of a file have been mapped.
  const isMapped = context.parameters.packed !== null && quantizer.hard === "levels";
  const map = (mode: Mode, to: Place): KernelCall =>
    isMapped
      ? k.copy({ from: source, to, bytes: 4 * size })
      : k.quantizeForward({ ...forwardOf(weight, mode, derived.parameters), x: source, y: to, count: size });
  const calls: Effective["calls"] = (mode) =>
    affine === null || mapped === null
      ? [map(mode, values)]
      : [map(mode, mapped), k.affine({ x: mapped, rows, channels: n, ...affine, y: values })];
  return { derived, values, calls };
}

interface Bits {
  readonly signs: Place;
  readonly starts: Place;
  readonly calls: readonly KernelCall[];
}

/** Signs as products over bits read them; of no bytes where no such product ever runs. */
function planBits(
  node: ProductSetting,
  shape: ConvShape,
  { kernel, descriptor }: { readonly kernel: Place; readonly descriptor: Place },
  context: PlanContext,
): Bits {
  const { accumulator, weight, activation, elastic } = node;
  const everBits = isBits(weight, node, context) && isBits(activation, node, context);
  const signBytes = accumulator === null ? lookupWeightBytes(shape) : nibbleWeightBytes(shape);
  const signs = context.memory.allocate(everBits ? signBytes : 0);
  const isExact = everBits && accumulator === null;
  const correction = context.memory.allocate(isExact ? 4 * taps(shape) * shape.filters : 0);
  const starts = context.memory.allocate(isExact ? startBytes(shape) : 0);
  const given = { shape: descriptor, kernel };
  const calls =
    accumulator === null
      ? [
          k.signLookupWeights({ ...given, out: signs }),
          k.bbCorrectionReal({ ...given, out: correction }),
          (elastic?.values === "levels" ? k.bbUnitStarts : k.bbStarts)({ shape: descriptor, correction, starts }),
        ]
      : [k.signNibbleWeights({ ...given, out: signs })];
  return { signs, starts, calls };
}
