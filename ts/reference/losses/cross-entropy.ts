/** Mean cross-entropy of softmax(logits) with class numbers, or with a distribution over the classes for each image. */
import { FEW, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import {
  type Comparing,
  compared,
  labelsOf,
  outputOf,
  rightClasses,
  rightTargets,
  targetsOf,
  truthOf,
  weightsOf,
} from "./compared.ts";

/** The mean over images of the loss for the true classes `labels`, int32. */
export function crossEntropyOf(tf: TensorFlow, logits: Tensor, labels: Tensor): Tensor {
  const truth = tf.oneHot(labels as never, logits.shape.at(-1) as number);
  return tf.losses.softmaxCrossEntropy(truth, logits);
}

const truth = (given: Comparing): Tensor =>
  truthOf(given, "labels") === "targets"
    ? targetsOf(given, "labels")
    : given.tf.oneHot(labelsOf(given) as never, outputOf(given).shape.at(-1) as number);

/** The largest magnitude of each image's logits, `[images][1]`. */
export const largestOf = (tf: TensorFlow, logits: Tensor): Tensor => tf.max(tf.abs(logits), -1, true);

/** The relative distance of each exponential in softmax(logits), with that of the logarithm of its sum. */
export function exponentDistance(tf: TensorFlow, logits: Tensor): Tensor {
  const reach = tf.add(tf.add(1, tf.abs(logits)), largestOf(tf, logits));
  return tf.add(2 ** -19, tf.mul(reach, 8 * UNIT));
}

/** The absolute distance of the cross-entropies. That of a logarithm is at most 2^-21 a side. */
export const entropyDistance = (tf: TensorFlow, logits: Tensor): Tensor =>
  tf.add(2 ** -19, tf.mul(tf.add(1, tf.max(largestOf(tf, logits))), 16 * UNIT));

export const crossEntropy = compared<"crossEntropy">({
  losses: (given) =>
    given.tf.losses.softmaxCrossEntropy(
      truth(given),
      outputOf(given),
      undefined,
      given.truth.smoothing,
      given.tf.Reduction.NONE,
    ),
  lossDistance: (given) => entropyDistance(given.tf, outputOf(given)),
  slopeDistance: (given) => {
    const { tf } = given;
    const logits = outputOf(given);
    const share = tf.softmax(logits as never) as Tensor;
    // A class is 1 or 0 by itself; a share of it, a weight and a factor are rounded.
    const isPlain = truthOf(given, "labels") === "labels" && weightsOf(given) === null && given.truth.smoothing === 0;
    return tf.add(tf.mul(share, exponentDistance(tf, logits)), isPlain ? 4 * UNIT : FEW);
  },
  right: (given) => (truthOf(given, "labels") === "labels" ? rightClasses(given) : rightTargets(given)),
  cases: [
    { title: "smoothed", options: {}, smoothing: 0.1 },
    { title: "weights of classes and images", options: { classWeights: [0.5, 2, 1, 3, 0.25] }, isWeighted: true },
    { title: "shares", options: { truth: "targets", factor: 0.7 }, targets: "shares" },
    {
      title: "shares, smoothed and weighted",
      options: { truth: "targets" },
      targets: "shares",
      smoothing: 0.2,
      isWeighted: true,
    },
  ],
});
