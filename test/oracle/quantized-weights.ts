/** Latent weights on their way to the product, in f64: standardised, mapped, with the scale of the sums; and the way back. */
import { codewordGradients, nearestCodewords, TAPS } from "../../ts/quantizers/codebook.ts";
import { mappedWeights } from "../../ts/quantizers/filter-map.ts";
import { quantizedValue, slopeValue } from "../../ts/quantizers/maps.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { standardizedWeights, weightScale, widthPlace, withWidth } from "../../ts/quantizers/weight-quantizers.ts";
import { type Margin, note } from "./layers.ts";

/** A quantizer at a moment of a run: its forward map, and its parameters. */
interface Moment {
  readonly quantizer: Quantizer;
  readonly forward: Quantizer["forward"];
  readonly parameters: readonly number[];
}

export interface WeightsInUse {
  /** The weights that are multiplied with the activations. */
  readonly kernel: Float64Array;
  /** The factor of each filter's sums, or null. */
  readonly scale: Float64Array | null;
  /** The gradient at the latent weights for the gradient at `kernel`. */
  readonly back: (gradient: Float64Array) => Float64Array;
  /** The gradients at tensors of the quantizer's own for the same. */
  readonly own: (gradient: Float64Array) => Readonly<Record<string, Float64Array>>;
}

/** Notes the distance of `x` to the nearest step between two levels, which lies half-way. */
export function noteLevels(margin: Margin, forward: Quantizer["forward"], x: number, p: readonly number[]): void {
  if (forward !== "unitLevels" && forward !== "symmetricLevels") return;
  const steps = p.at(-1) as number;
  const share = forward === "unitLevels" ? Math.min(1, Math.max(0, x)) : Math.min(1, Math.max(-1, x)) / 2 + 0.5;
  const place = share * steps;
  note(margin, (place - Math.floor(place)) / steps, 0.5 / steps);
}

/** The weights `w`, `[K][filters]`, as `moment` has them. */
export function weightsInUse(
  { quantizer, forward, parameters }: Moment,
  w: Float64Array,
  filters: number,
  margin: Margin,
  parameter: (key: string) => Float64Array,
): WeightsInUse {
  const isRotated = quantizer.standardize === "rotation";
  const [left, right, angle] = ["left", "right", "angle"].map((key) =>
    isRotated ? parameter(key) : new Float64Array(),
  );
  const rotations = isRotated ? { left: left!, right: right!, angle: angle! } : null;
  const mapping = quantizer.standardize === "mapping" ? parameter("mapping") : null;
  const codewords = quantizer.standardize === "codebook" ? parameter("codewords") : null;
  const nearest = codewords === null ? null : nearestCodewords(w, codewords);
  const tensors = codewords !== null ? { codewords } : mapping === null ? rotations : { mapping };
  const { value, slope, affine, apart } = standardizedWeights(quantizer, w, filters, parameters, tensors);
  const p = withWidth(quantizer, parameters, value);
  const at = (values: Float64Array, i: number): number => values[i % filters] as number;
  for (const lead of nearest?.lead ?? []) note(margin, lead, 0);
  for (const x of value) {
    if (forward === "sign") note(margin, x, 0);
    noteLevels(margin, forward, x, p);
    if (quantizer.backward === "box") note(margin, Math.abs(x), 1);
    if (widthPlace(quantizer) >= 0) note(margin, Math.abs(x), p.at(-1) as number);
  }
  const maps = { ...quantizer, forward, parameters: p };
  const mapped = value.map((x) => quantizedValue(maps, x));
  const through = (gradient: Float64Array): Float64Array => gradient.map((g, i) => g * slopeValue(maps, value[i]!));
  return {
    kernel: affine === null ? mapped : mapped.map((x, i) => x * at(affine.scale, i) + at(affine.shift, i)),
    scale: weightScale(quantizer, w, filters),
    own: (gradient) => {
      if (nearest !== null && codewords !== null) {
        return { drift: codewordGradients(through(gradient), nearest, codewords.length / TAPS) };
      }
      if (mapping !== null) {
        const wanted = through(gradient);
        return { mapping: differences(mapping, (other) => dot(mappedWeights(w, filters, other), wanted)) };
      }
      if (apart === undefined || rotations === null) return {};
      const sums = new Float64Array(filters);
      for (const [i, g] of gradient.entries()) {
        sums[i % filters]! += g * slopeValue(maps, value[i]!) * apart[i]!;
      }
      // The slope of |sin beta|.
      const toward = rotations.angle.map((beta) => Math.sign(Math.sin(beta)) * Math.cos(beta));
      return { angle: sums.map((sum, f) => sum * toward[f]!) };
    },
    back: (gradient) => {
      if (mapping !== null) {
        const wanted = through(gradient);
        return differences(w, (other) => dot(mappedWeights(other, filters, mapping), wanted));
      }
      return gradient.map((g, i) => {
        const passed = g * slopeValue(maps, value[i] as number);
        // Of AdaBin's weights the deviation on the way out and the slope of the standardisation are one.
        return affine === null ? passed * (slope[i] as number) : passed;
      });
    },
  };
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The slopes of `loss` at `at`, by differences on both sides. */
function differences(at: Float64Array, loss: (other: Float64Array) => number): Float64Array {
  const step = 1e-5;
  return at.map((value, i) => (loss(at.with(i, value + step)) - loss(at.with(i, value - step))) / (2 * step));
}
