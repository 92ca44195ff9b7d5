/**
 * y = gamma xhat + beta, xhat = (x - mean) / sqrt(variance + epsilon), with the statistics of each row over its channels.
 *
 * With g = gamma dy, dx = (g - mean(g) - xhat mean(g xhat)) / sqrt(variance + epsilon); dgamma and dbeta are the sums of
 * dy xhat and of dy over the rows.
 */
import { layers } from "../../nn/layers.ts";
import { around, WIDE_IMAGE } from "../cases.ts";
import { FEW, sumDistance } from "../rounding.ts";
import { channelSums } from "../sums.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { channelDistance } from "./learned.ts";
import type { Applied, GradientAt, ReferenceOp } from "./op.ts";

type Given = Applied<"layerNorm">;

const rowMeans = (tf: TensorFlow, x: Tensor): Tensor => tf.mean(x, -1, true);

/** xhat, and 1 / sqrt(variance + epsilon) of each row. */
function standardised({ tf, node, inputs: [x] }: Given): { readonly unit: Tensor; readonly inverse: Tensor } {
  const centred = tf.sub(x, rowMeans(tf, x));
  const variance = rowMeans(tf, tf.square(centred));
  const inverse = tf.div(1, tf.sqrt(tf.add(variance, node.attributes.epsilon)));
  return { unit: tf.mul(centred, inverse), inverse };
}

function value(given: Given): Tensor {
  const { tf, site } = given;
  return tf.add(tf.mul(standardised(given).unit, site.parameter("gamma")), site.parameter("beta"));
}

/** Roundings of a sum over a row, and of what is done to it. */
const roundings = ([x]: Given["inputs"]): number => sumDistance(x.shape.at(-1) as number) + FEW;

/** xhat, how far it may be off, and how far 1 / sqrt(variance + epsilon) may be, relative to itself. */
function nearUnit(given: Given) {
  const { tf, inputs } = given;
  const { unit, inverse } = standardised(given);
  const sum = roundings(inputs);
  const meanDistance = tf.mul(rowMeans(tf, tf.abs(inputs[0])), sum);
  // Off by its own roundings, and by the square of what the mean is off; less than 1 once it is times inverse^2.
  const fromMean = tf.square(tf.mul(meanDistance, inverse));
  const relative = tf.mul(tf.add(fromMean, sum), 0.5);
  const unitDistance = tf.add(tf.mul(meanDistance, inverse), tf.mul(tf.abs(unit), tf.add(relative, FEW)));
  return { unit, inverse, relative, unitDistance };
}

function distance(given: Given): Tensor {
  const { tf, site } = given;
  const { unit, unitDistance } = nearUnit(given);
  const [gamma, beta] = [tf.abs(site.parameter("gamma")), tf.abs(site.parameter("beta"))];
  const terms = tf.add(tf.mul(tf.abs(unit), gamma), beta);
  return tf.add(tf.mul(unitDistance, gamma), tf.mul(terms, FEW));
}

function gradientDistance(given: Given, { dy, at, gradient }: GradientAt): Tensor {
  const { tf, site, inputs } = given;
  if (at === "beta") return channelDistance(tf, dy);
  const { unit, inverse, relative, unitDistance } = nearUnit(given);
  if (at === "gamma") {
    const moved = channelSums(tf, tf.mul(tf.abs(dy), unitDistance));
    return tf.add(channelDistance(tf, tf.mul(dy, unit)), moved);
  }
  const [through, size] = [tf.abs(tf.mul(dy, site.parameter("gamma"))), tf.abs(unit)];
  const [level, slope] = [rowMeans(tf, through), rowMeans(tf, tf.mul(through, size))];
  const moved = rowMeans(tf, tf.mul(through, unitDistance));
  const parts = tf.add(tf.add(through, level), tf.mul(size, slope));
  const shifted = tf.add(tf.mul(unitDistance, slope), tf.mul(size, moved));
  const inner = tf.add(tf.mul(parts, roundings(inputs)), shifted);
  return tf.add(tf.mul(inverse, inner), tf.mul(tf.abs(gradient), tf.add(relative, FEW)));
}

export const layerNorm: ReferenceOp<"layerNorm"> = {
  value,
  distance,
  gradientDistance,
  cases: { alone: () => [around("layerNorm", WIDE_IMAGE, (x) => layers.layerNorm({ name: "norm" }).apply(x))] },
};
