/**
 * Latent weights that quantize to given signs. Quantizers that map each weight by itself take the signs, times a scale. Those that
 * standardise, w' = S(w), take weights at which S has these signs, and a slope that training can follow.
 */
import { ProxbitError } from "../../base/errors.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { angularFrequency } from "../../quantizers/weight-quantizers.ts";

/** A kernel `[rows][filters]` that is to have the signs of its `values`, and no 0 among these. */
export interface SignedKernel {
  readonly name: string;
  readonly values: Float32Array;
  readonly filters: number;
}

/**
 * The latent weights of `kernel` under `quantizer`.
 *
 * @throws ProxbitError `argument` for signs that the quantizer can give to no weights
 */
export function latentsOf(quantizer: Quantizer, kernel: SignedKernel): Float32Array {
  switch (quantizer.standardize) {
    case "sine":
      return atSine(kernel.values, angularFrequency(quantizer));
    case "magnitude":
      return byFilter(kernel, (signs, filter) => magnitudesOf(signs, unreachable(quantizer, kernel, filter)));
    case "filter":
    case "adabin":
    case "rotation":
      return byFilter(kernel, (values, filter) => {
        // A filter of equal weights lies at its mean, which counts as +1.
        if (values.every((value) => value < 0)) throw unreachable(quantizer, kernel, filter)("-1 alone");
        return values;
      });
    default:
      return kernel.values;
  }
}

/** At half the way to the sine's peak: at the peak itself its slope is 0, and nothing would learn. */
const atSine = (values: Float32Array, omega: number): Float32Array =>
  values.map((value) => (Math.sign(value) * Math.PI) / (4 * omega));

/**
 * SiMaN: magnitudes 1 and 1/2, whose own signs keep the sum next to 0. So the mean, which magnitudes are about, is at most
 * 1 / (2 rows) away from 0, and orders none of them otherwise.
 */
function magnitudesOf(signs: Float32Array, refuse: (found: string) => ProxbitError): Float32Array {
  const larger = signs.filter((sign) => sign > 0).length;
  if (larger !== Math.ceil(signs.length / 2)) throw refuse(`${larger} of ${signs.length} weights at +1`);
  // Both weights of such a filter are as far from their mean, and the first of equal ones is +1.
  if (signs.length === 2 && (signs[0] as number) < 0) throw refuse("-1 in front of +1");
  const made = new Float32Array(signs.length);
  let sum = 0;
  for (const isLarger of [true, false]) {
    for (const [row, sign] of signs.entries()) {
      if (sign > 0 !== isLarger) continue;
      made[row] = (sum > 0 ? -1 : 1) * (isLarger ? 1 : 1 / 2);
      sum += made[row] as number;
    }
  }
  return made;
}

/** The kernel whose filters are what `map` makes of them. */
function byFilter(
  { values, filters }: SignedKernel,
  map: (own: Float32Array, filter: number) => Float32Array,
): Float32Array {
  const made = new Float32Array(values.length);
  for (let filter = 0; filter < filters; filter++) {
    const own = map(
      values.filter((_, i) => i % filters === filter),
      filter,
    );
    for (const [row, value] of own.entries()) made[row * filters + filter] = value;
  }
  return made;
}

const unreachable =
  ({ name: quantizer }: Quantizer, { name }: SignedKernel, filter: number) =>
  (found: string): ProxbitError =>
    new ProxbitError(
      "argument",
      `startFrom: filter ${filter} of "${name}" has ${found} in the file, and the quantizer "${quantizer}" makes no such filter`,
      "Start from latent weights (trainer.weights(), or a float file), or leave the layer out: startFrom(file, { layers }).",
    );

/** DoReFa's weights of `levels` from -1 to 1, which tanh w / max |tanh w| gives back. */
export const latentsOfLevels = (levels: Float32Array): Float32Array =>
  levels.map((level) => Math.atanh(level * Math.tanh(1)));
