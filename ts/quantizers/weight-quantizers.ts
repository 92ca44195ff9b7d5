/**
 * What weight quantizers do beside their maps, from the definitions in f64: standardisation w' = S(w) with its factor dS, and
 * the scale of the sums. The core has its own f32 versions; the ones here are an independent twin, to read and to test
 * against. A kernel is `[K][filters]`, row by row.
 *
 * Sources: XNOR-Net (scale of a filter), ReSTE (of the tensor), ReCU (standardisation and width), AdaBin, DoReFa-Net, BiPer,
 * SiMaN, RBNN, noisy supervision, PSTE.
 */
import { nearestCodewords } from "./codebook.ts";
import { mappedWeights } from "./filter-map.ts";
import { simanWeights } from "./magnitudes.ts";
import type { Quantizer } from "./quantizer.ts";
import { type Rotations, turnedWeights } from "./rotations.ts";
import { evaluateSchedule } from "./schedule.ts";

export {
  codewordCount,
  elasticValues,
  endsAsSigns,
  firstAngle,
  isForWeightsAlone,
  mappingUnits,
} from "./operand-kinds.ts";

/** Added to every variance: it keeps a filter of equal weights finite. */
const VARIANCE_FLOOR = 1e-8;
/** The least maximum of |tanh w| that is divided by: weights that are all 0 stay 0. */
const MAXIMUM_FLOOR = 1e-6;

/** What the distance from the mean is multiplied by before it is divided by the deviation: ReCU's 2 sqrt 2, AdaBin's 1. */
export const filterGain = ({ standardize }: Quantizer): number => (standardize === "filter" ? 2 * Math.SQRT2 : 1);

/**
 * The place of tau among the parameters of a quantizer whose clip has ReCU's width, `-mean |w'| ln(2 - 2 tau)` over the
 * tensor; -1 for every other quantizer. The backward map reads that width in the place of tau.
 */
export const widthPlace = ({ standardize, backward, parameters }: Quantizer): number =>
  standardize === "filter" && backward === "clippedBox" ? parameters.length - 1 : -1;

/** w0 of BiPer's sin(w0 w) in f32: the last parameter, which is constant over a run. */
export function angularFrequency({ standardize, parameters }: Quantizer): number {
  const last = parameters.at(-1);
  if (standardize !== "sine" || last?.kind !== "constant") throw new Error("a quantizer without a frequency");
  return Math.fround(last.value);
}

/** Tensors of a layer that its quantizer reads: RBNN's, the network that maps its filters, or its codewords. */
export type OwnTensors =
  | Rotations
  | { readonly mapping: ArrayLike<number> }
  | { readonly codewords: ArrayLike<number> };

/** The place of the percentile among the parameters of a quantizer of magnitudes. */
export const percentilePlace = ({ parameters }: Quantizer): number => parameters.length - 1;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function columns(w: ArrayLike<number>, filters: number): number[][] {
  const all = Array.from(w);
  return Array.from({ length: filters }, (_, filter) => all.filter((_w, i) => i % filters === filter));
}

export interface StandardizedWeights {
  /** w', and dS at each weight; the statistics in both are constants on the way back. */
  readonly value: Float64Array;
  readonly slope: Float64Array;
  /** AdaBin: the effective weights are F(w') times its filter's `scale` plus its `shift`; null for all others. */
  readonly affine: { readonly scale: Float64Array; readonly shift: Float64Array } | null;
  /** RBNN: R^T w2 - w2, by which the gradient at an angle is weighed; absent for all others. */
  readonly apart?: Float64Array;
}

/**
 * S(w) of a kernel with `filters` columns; `parameters` are the quantizer's at a moment of a run, at whose end they stand where
 * absent. SiMaN's signs do not depend on them. `own` are the tensors of a layer whose quantizer has some. A network's map has no
 * factor for each weight: its slopes are NaN.
 */
export function standardizedWeights(
  quantizer: Quantizer,
  weights: ArrayLike<number>,
  filters: number,
  parameters: readonly number[] = quantizer.parameters.map((schedule) => evaluateSchedule(schedule, 1)),
  own: OwnTensors | null = null,
): StandardizedWeights {
  const w = Float64Array.from(weights);
  const affine = null;
  switch (quantizer.standardize) {
    case "none":
      return { value: w, slope: w.map(() => 1), affine };
    case "filter":
    case "rotation":
    case "adabin": {
      const shift = Float64Array.from(columns(w, filters), mean);
      const scale = Float64Array.from(columns(w, filters), (column, f) =>
        Math.sqrt(mean(column.map((x) => (x - (shift[f] as number)) ** 2)) + VARIANCE_FLOOR),
      );
      const slope = w.map((_, i) => filterGain(quantizer) / (scale[i % filters] as number));
      const value = w.map((x, i) => (x - (shift[i % filters] as number)) * (slope[i] as number));
      if (quantizer.standardize === "rotation") {
        const turned = turnedWeights(value, filters, own as Rotations);
        const factor = (i: number): number => 1 - (turned.share[i % filters] as number);
        return { ...turned, slope: slope.map((before, i) => before * factor(i)), affine };
      }
      return { value, slope, affine: quantizer.standardize === "adabin" ? { scale, shift } : null };
    }
    case "mapping": {
      const { mapping } = own as { readonly mapping: ArrayLike<number> };
      return { value: mappedWeights(w, filters, mapping), slope: w.map(() => Number.NaN), affine };
    }
    case "codebook": {
      const { codewords } = own as { readonly codewords: ArrayLike<number> };
      return { value: nearestCodewords(w, codewords).value, slope: w.map(() => 1), affine };
    }
    case "tanhMax": {
      const most = w.reduce((largest, x) => Math.max(largest, Math.abs(Math.tanh(x))), MAXIMUM_FLOOR);
      return { value: w.map((x) => Math.tanh(x) / most), slope: w.map((x) => (1 - Math.tanh(x) ** 2) / most), affine };
    }
    case "sine": {
      const omega = angularFrequency(quantizer);
      return { value: w.map((x) => Math.sin(omega * x)), slope: w.map((x) => omega * Math.cos(omega * x)), affine };
    }
    case "magnitude": {
      const percentile = Math.fround(parameters[percentilePlace(quantizer)] as number);
      return { ...simanWeights(w, filters, percentile), affine };
    }
  }
}

/** alpha = mean |w| of every filter, or of the whole kernel for every filter; null for a quantizer without a scale. */
export function weightScale({ scale }: Quantizer, weights: ArrayLike<number>, filters: number): Float64Array | null {
  if (scale === "none") return null;
  const means = columns(weights, filters).map((column) => mean(column.map(Math.abs)));
  return Float64Array.from(scale === "filter" ? means : means.map(() => mean(means)));
}

/** `parameters` as the maps read them at the standardised weights `value`: with ReCU's width in the place of tau. */
export function withWidth(
  quantizer: Quantizer,
  parameters: readonly number[],
  value: ArrayLike<number>,
): readonly number[] {
  const place = widthPlace(quantizer);
  if (place < 0) return parameters;
  const width = -mean(Array.from(value, Math.abs)) * Math.log(2 - 2 * (parameters[place] as number));
  return parameters.map((parameter, i) => (i === place ? width : parameter));
}
