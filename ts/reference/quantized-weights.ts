/**
 * Latent weights on their way to the product, in tfjs: standardised, mapped, with the scale of the sums, each with the
 * distance that two calculations in f32 may have. `ts/quantizers/weight-quantizers.ts` has the definitions and their sources.
 *
 * A distance goes through a map as far as the map moves within it: F(w' +- d) is looked at on both sides, so that a step of
 * the map, a sign or a level, counts where rounding may cross it, and nowhere else.
 */
import { ProxbitError } from "../base/errors.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { angularFrequency, filterGain, percentilePlace, widthPlace } from "../quantizers/weight-quantizers.ts";
import { circular, SERIES } from "./circular.ts";
import { columnMean } from "./column-mean.ts";
import { nearMagnitudes } from "./magnitudes.ts";
import {
  backwardMap,
  exactly,
  forwardMap,
  learnedGradients,
  type Near,
  near,
  type QuantizerMoment,
  quantized,
  slope as slopeOf,
} from "./maps.ts";
import { FEW, sumError, UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** The factors of a layer's weights in a packed file: f32 [filters] each, null for one that it does not have. */
export interface PackedFactors {
  readonly scale: Tensor | null;
  readonly shift: Tensor | null;
}

/** alpha, by which the sums of each filter are multiplied, or null. */
export function nearScale(
  tf: TensorFlow,
  quantizer: Quantizer | null,
  w: Tensor,
  packed: PackedFactors | null,
): Near | null {
  if (quantizer === null || quantizer.scale === "none") return null;
  if (packed !== null) return exactly(tf, packed.scale as Tensor);
  const filters = w.shape.at(-1) as number;
  const byFilter = columnMean(tf, tf.abs(w));
  if (quantizer.scale === "filter") return byFilter;
  const over = (x: Tensor): Tensor => tf.fill([filters], 1).mul(tf.mean(x)) as Tensor;
  return near(over(byFilter.value), () =>
    tf.add(over(byFilter.distance), tf.mul(over(byFilter.value), sumError(filters) + 4 * UNIT)),
  );
}

interface Standardized extends Near {
  /** dS; null where it is 1. */
  readonly slope: Near | null;
  /** AdaBin's two numbers of each filter; null for all others. */
  readonly affine: { readonly scale: Near; readonly shift: Near } | null;
}

function standardized(tf: TensorFlow, quantizer: Quantizer, parameters: readonly number[], w: Tensor): Standardized {
  switch (quantizer.standardize) {
    case "none":
      return { ...exactly(tf, w), slope: null, affine: null };
    case "filter":
    case "adabin": {
      const mean = columnMean(tf, w);
      const apart = tf.sub(w, mean.value);
      const variance = columnMean(tf, tf.square(apart));
      const deviation = tf.sqrt(tf.add(variance.value, 1e-8)) as Tensor;
      // Half the relative distance of the variance; a mean that is off adds the square of that to it.
      const relative = (): Tensor => {
        const moved = tf.add(variance.distance, tf.square(mean.distance));
        return tf.add(tf.div(moved, tf.mul(2, tf.square(deviation))), FEW);
      };
      const slope = near(tf.div(filterGain(quantizer), deviation), () =>
        tf.mul(tf.div(filterGain(quantizer), deviation), relative()),
      );
      const value = tf.mul(apart, slope.value) as Tensor;
      const distance = (): Tensor => {
        const roundings = tf.mul(tf.add(tf.abs(w), tf.abs(mean.value)), 2 * UNIT);
        const ofMean = tf.mul(tf.add(mean.distance, roundings), slope.value);
        return tf.add(ofMean, tf.mul(tf.abs(value), tf.add(relative(), FEW)));
      };
      const own = near(value, distance);
      if (quantizer.standardize === "filter") return withSlope(own, slope, null);
      const scale = near(deviation, () => tf.mul(deviation, relative()));
      return withSlope(own, null, { scale, shift: mean });
    }
    case "mapping":
      throw new ProxbitError(
        "argument",
        `the weights of "${quantizer.name}" are what a network makes of them, and the check has no twin of that`,
        "Check the network without the method, under the quantizer bnn; test/methods-noisy.test.ts has the steps in f64.",
      );
    case "codebook":
      throw new ProxbitError(
        "argument",
        `the weights of "${quantizer.name}" are codewords, and the check has no twin of that`,
        "Check the network without the method, under the quantizer bnn; test/methods-pste.test.ts has the steps in f64.",
      );
    case "rotation":
      throw new ProxbitError(
        "argument",
        `the weights of "${quantizer.name}" are rotated, and the check has no twin of that`,
        "Check the network without the method, under the quantizer rbnn; test/methods-rbnn.test.ts has the steps in f64.",
      );
    case "tanhMax": {
      const tanh = forwardMap(tf, "ede", w, [1]);
      const largest = tf.maximum(tf.max(tf.abs(tanh.value)), 1e-6) as Tensor;
      const square = backwardMap(tf, "edePrime", w, [1]);
      // As far as any tanh may be off, the largest of them may.
      const ofLargest = (): Tensor => tf.add(tf.div(tf.max(tanh.distance), largest), FEW);
      const over = ({ value, distance }: Near): Near => {
        const quotient = tf.div(value, largest) as Tensor;
        return near(quotient, () => tf.add(tf.div(distance, largest), tf.mul(tf.abs(quotient), ofLargest())));
      };
      return withSlope(over(tanh), over(square), null);
    }
    case "sine": {
      const omega = angularFrequency(quantizer);
      const angle = tf.mul(w, omega) as Tensor;
      const { sine, cosine } = circular(tf, angle);
      const off = tf.add(tf.mul(tf.abs(angle), 4 * UNIT), SERIES);
      const value = near(sine, () => off);
      const slope = near(tf.mul(cosine, omega), () => tf.mul(off, omega));
      return withSlope(value, slope, null);
    }
    case "magnitude": {
      const percentile = parameters[percentilePlace(quantizer)] as number;
      const { value, slope } = nearMagnitudes(tf, w, percentile);
      return withSlope(value, slope, null);
    }
  }
}

const withSlope = (own: Near, slope: Near | null, affine: Standardized["affine"]): Standardized => ({
  value: own.value,
  get distance() {
    return own.distance;
  },
  slope,
  affine,
});

/** `map`, which may move within the distance of its argument, beside its own distance. */
function through(tf: TensorFlow, map: (x: Tensor) => Near, at: Near): Near {
  const { value, distance } = map(at.value);
  return near(value, () => {
    const sides = [tf.add(at.value, at.distance), tf.sub(at.value, at.distance)];
    const [up, down] = sides.map((x) => tf.abs(tf.sub(map(x as Tensor).value, value))) as [Tensor, Tensor];
    return tf.add(distance, tf.maximum(up, down));
  });
}

/** The weights that are multiplied with the activations. */
function nearMapped(tf: TensorFlow, moment: QuantizerMoment, own: Standardized): Near {
  const mapped = through(tf, (x) => quantized(tf, moment, x), own);
  if (own.affine === null) return mapped;
  const { scale, shift } = own.affine;
  return near(tf.add(tf.mul(mapped.value, scale.value), shift.value), () => {
    const product = tf.add(tf.mul(mapped.distance, scale.value), tf.mul(tf.abs(mapped.value), scale.distance));
    const height = tf.add(tf.abs(tf.mul(mapped.value, scale.value)), tf.abs(shift.value));
    return tf.add(tf.add(product, shift.distance), tf.mul(height, 4 * UNIT));
  });
}

/** B(w') dS, by which the gradient at the mapped weights is multiplied. */
function nearSlope(tf: TensorFlow, moment: QuantizerMoment, quantizer: Quantizer, own: Standardized): Near {
  const width = widthOf(tf, moment, quantizer, own.value);
  const map = (x: Tensor): Near =>
    width === null ? slopeOf(tf, moment, x) : exactly(tf, tf.cast(tf.lessEqual(tf.abs(x), width), "float32"));
  const slope = through(tf, map, own);
  if (own.slope === null) return slope;
  const outer = own.slope;
  return near(tf.mul(slope.value, outer.value), () => {
    const product = tf.abs(tf.mul(slope.value, outer.value));
    const parts = tf.add(
      tf.mul(slope.distance, tf.add(tf.abs(outer.value), outer.distance)),
      tf.mul(tf.abs(slope.value), outer.distance),
    );
    return tf.add(parts, tf.mul(product, 2 * UNIT));
  });
}

/** ReCU's width, a scalar; null where the backward map has none. */
function widthOf(tf: TensorFlow, moment: QuantizerMoment, quantizer: Quantizer, own: Tensor): Tensor | null {
  const place = widthPlace(quantizer);
  if (place < 0) return null;
  const tau = moment.parameters[place] as number;
  return tf.mul(tf.mean(tf.abs(own)), -Math.log(2 - 2 * tau));
}

/** The weights in use, and the factor of the way back; `packed` for signs and levels out of a file. */
export interface WeightsInUse {
  readonly kernel: Near;
  readonly slope: Near | null;
}

export function nearWeights(
  tf: TensorFlow,
  quantizer: Quantizer | null,
  moment: QuantizerMoment | null,
  w: Tensor,
  packed: PackedFactors | null,
): WeightsInUse {
  if (quantizer === null || moment === null) return { kernel: exactly(tf, w), slope: null };
  // Levels out of a file have been mapped.
  if (packed !== null && quantizer.hard === "levels") return { kernel: exactly(tf, w), slope: null };
  if (packed !== null) {
    const { scale, shift } = packed;
    const affine = shift === null ? null : { scale: exactly(tf, scale as Tensor), shift: exactly(tf, shift) };
    return { kernel: nearMapped(tf, moment, withSlope(exactly(tf, w), null, affine)), slope: null };
  }
  const own = standardized(tf, quantizer, moment.parameters, w);
  return { kernel: nearMapped(tf, moment, own), slope: nearSlope(tf, moment, quantizer, own) };
}

/** The weights in use, whose gradient is dy B(w') dS: all statistics are constants on the way back. */
export function weightsInUse(
  tf: TensorFlow,
  quantizer: Quantizer | null,
  moment: QuantizerMoment | null,
  w: Tensor,
  packed: PackedFactors | null,
): Tensor {
  if (quantizer === null || moment === null) return w;
  const { learned = [] } = moment;
  const operation = tf.customGrad((...all) => {
    const [latent, ...numbers] = all.slice(0, 1 + learned.length) as unknown as [Tensor, ...Tensor[]];
    const save = all.at(-1) as unknown as (tensors: Tensor[]) => void;
    const { kernel, slope } = nearWeights(tf, quantizer, { ...moment, learned: numbers }, latent, packed);
    save([slope?.value ?? tf.zerosLike(latent), latent, ...numbers]);
    return {
      value: kernel.value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [factor, at, ...there] = saved as [Tensor, Tensor, ...Tensor[]];
        // Weights whose quantizer learns such numbers are not standardised.
        return [tf.mul(dy, factor), ...learnedGradients(tf, moment, at, there, dy)] as never;
      },
    };
  });
  return operation(w, ...learned);
}

/** The sums times the scale of each filter, which has no gradient of its own. */
export function scaledSums(
  tf: TensorFlow,
  quantizer: Quantizer | null,
  sums: Tensor,
  w: Tensor,
  packed: PackedFactors | null,
): Tensor {
  if (quantizer === null || quantizer.scale === "none") return sums;
  const operation = tf.customGrad((given, save) => {
    const scale = (nearScale(tf, quantizer, w, packed) as Near).value;
    (save as (tensors: Tensor[]) => void)([scale]);
    return {
      value: tf.mul(given as Tensor, scale),
      gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(dy, saved[0] as Tensor),
    };
  });
  return operation(sums);
}
