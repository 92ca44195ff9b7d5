/**
 * y = gamma xhat + beta, xhat = (x - mean) / sqrt(variance + epsilon), over the batch in training, and with the running
 * statistics in evaluation.
 *
 * Ours is x scale + (beta - mean scale), scale = gamma / sqrt(variance + epsilon). On the way back dbeta = sum dy,
 * dgamma = sum dy xhat and dx = scale (dy - mean(dy) - xhat mean(dy xhat)).
 */
import { layers } from "../../nn/layers.ts";
import { around, WIDE_IMAGE } from "../cases.ts";
import type { Near } from "../maps.ts";
import { FEW, sumDistance, sumError, UNIT } from "../rounding.ts";
import { channelSums, channelTerms } from "../sums.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { oncePer } from "./once.ts";
import type { Applied, GradientAt, Moments, ReferenceOp } from "./op.ts";

type Given = Applied<"batchNorm">;

const rowCount = (x: Tensor): number => x.size / (x.shape.at(-1) as number);

/** Mean and variance of each channel over the batch. */
function momentsOf(tf: TensorFlow, x: Tensor): Moments {
  const mean = tf.div(channelSums(tf, x), rowCount(x));
  return { mean, variance: tf.div(channelSums(tf, tf.square(tf.sub(x, mean))), rowCount(x)) };
}

function value({ tf, node, inputs: [x], site }: Given): Tensor {
  const { mean, variance } =
    site.pass.kind === "train"
      ? (site.moments?.(x) ?? momentsOf(tf, x))
      : { mean: site.parameter("movingMean"), variance: site.parameter("movingVariance") };
  const deviation = tf.sqrt(tf.add(variance, node.attributes.epsilon));
  const unit = tf.div(tf.sub(x, mean), deviation);
  return tf.add(tf.mul(unit, site.parameter("gamma")), site.parameter("beta"));
}

/** Batch statistics as both sides have them, and how far apart they may be. */
const nearMoments = oncePer(({ tf, node, inputs: [x] }: Given) => {
  const rows = rowCount(x);
  const { mean, variance } = momentsOf(tf, x);
  const magnitude = tf.div(channelSums(tf, tf.abs(x)), rows);
  // Ours are sums in f64, rounded once; the reference's go through `channelSums`.
  const one = sumError(channelTerms(rows)) + 12 * UNIT;
  const meanDistance = tf.mul(magnitude, one);
  // Ours is mean(x^2) - mean^2 in f64.
  const cancelled = tf.mul(tf.add(tf.square(mean), variance), rows * 2 ** -52);
  const varianceDistance = tf.add(tf.add(tf.mul(variance, one), tf.square(meanDistance)), cancelled);
  const inverse = tf.rsqrt(tf.add(variance, node.attributes.epsilon));
  return { rows, mean, variance, meanDistance, varianceDistance, inverse };
});

function distance(given: Given): Tensor {
  const { tf, node, site } = given;
  const [x] = given.inputs;
  const [gamma, beta] = [tf.abs(site.parameter("gamma")), tf.abs(site.parameter("beta"))];
  const roundings = (mean: Tensor, scale: Tensor): Tensor =>
    tf.mul(tf.add(tf.mul(tf.add(tf.abs(x), tf.abs(mean)), scale), beta), FEW);
  if (site.pass.kind === "evaluate") {
    const variance = site.parameter("movingVariance");
    return roundings(site.parameter("movingMean"), tf.mul(gamma, tf.rsqrt(tf.add(variance, node.attributes.epsilon))));
  }
  const { mean, inverse, meanDistance, varianceDistance } = nearMoments(given);
  const scale = tf.mul(gamma, inverse);
  const fromVariance = tf.mul(tf.abs(tf.sub(x, mean)), tf.mul(varianceDistance, tf.mul(tf.square(inverse), 0.5)));
  return tf.add(roundings(mean, scale), tf.mul(scale, tf.add(meanDistance, fromVariance)));
}

function gradientDistance(given: Given, { dy, at, gradient }: GradientAt): Tensor {
  const { tf, site } = given;
  const [x] = given.inputs;
  const magnitude = tf.abs(dy);
  const sum = sumDistance(rowCount(x)) + FEW;
  if (at === "beta") return tf.mul(channelSums(tf, magnitude), sum);
  const { rows, mean, inverse, meanDistance, varianceDistance } = nearMoments(given);
  const unit = tf.abs(tf.mul(tf.sub(x, mean), inverse));
  const relative = tf.mul(varianceDistance, tf.mul(tf.square(inverse), 0.5));
  const roundings = tf.mul(tf.mul(tf.add(tf.abs(x), tf.abs(mean)), inverse), FEW);
  const unitDistance = tf.add(tf.add(tf.mul(meanDistance, inverse), tf.mul(unit, relative)), roundings);
  const products = channelSums(tf, tf.mul(magnitude, unit));
  const moved = channelSums(tf, tf.mul(magnitude, unitDistance));
  if (at === "gamma") return tf.add(tf.mul(products, sum), moved);
  const scale = tf.mul(tf.abs(site.parameter("gamma")), inverse);
  const [level, slope] = [tf.div(channelSums(tf, magnitude), rows), tf.div(products, rows)];
  const parts = tf.add(tf.add(magnitude, level), tf.mul(unit, slope));
  const shifted = tf.add(tf.mul(unitDistance, slope), tf.mul(unit, tf.div(moved, rows)));
  const inner = tf.add(tf.mul(parts, sum), shifted);
  return tf.add(tf.mul(scale, inner), tf.mul(tf.abs(gradient), tf.add(relative, FEW)));
}

/** The running statistics take in a share of the batch's, the variance by n / (n - 1). */
function statistics(given: Given): Record<string, Near> {
  const { tf, node, site } = given;
  const { rows, mean, variance, meanDistance, varianceDistance } = nearMoments(given);
  const share = Math.fround(1 - node.attributes.momentum);
  const unbiased = rows > 1 ? rows / (rows - 1) : 1;
  const mixed = (key: string, batch: Tensor, batchDistance: Tensor): Near => {
    const old = site.parameter(key);
    const value = tf.add(tf.mul(old, Math.fround(1 - share)), tf.mul(batch, share));
    const magnitude = tf.add(tf.abs(old), tf.mul(tf.abs(batch), share));
    return { value, distance: tf.add(tf.mul(batchDistance, share), tf.mul(magnitude, 8 * UNIT)) };
  };
  return {
    movingMean: mixed("movingMean", mean, meanDistance),
    movingVariance: mixed("movingVariance", tf.mul(variance, unbiased), tf.mul(varianceDistance, unbiased)),
  };
}

export const batchNorm: ReferenceOp<"batchNorm"> = {
  value,
  distance,
  gradientDistance,
  statistics,
  cases: {
    alone: () => [around("batchNorm", WIDE_IMAGE, (x) => layers.batchNorm({ momentum: 0.8, name: "norm" }).apply(x))],
  },
};
