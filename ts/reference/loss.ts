/** Mean cross-entropy of softmax(logits) with the truth, and how far ours may be from it. */
import type { Near } from "./maps.ts";
import { UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** The loss for the true classes `labels`, int32, of which all classes share `smoothing`. */
export function crossEntropy(tf: TensorFlow, logits: Tensor, labels: Tensor, smoothing: number): Tensor {
  const truth = tf.oneHot(labels as never, logits.shape.at(-1) as number);
  return tf.losses.softmaxCrossEntropy(truth, logits, undefined, smoothing);
}

/** The loss and the gradient at the logits. The absolute error of a logarithm is at most 2^-21 a side. */
export function nearLoss(
  tf: TensorFlow,
  logits: Tensor,
  labels: Tensor,
  smoothing: number,
): { readonly loss: Near; readonly gradient: Near } {
  const loss = crossEntropy(tf, logits, labels, smoothing);
  const value = tf.grad((z: Tensor) => crossEntropy(tf, z, labels, smoothing))(logits);
  const images = logits.shape[0] as number;
  const largest = tf.max(tf.abs(logits), -1, true);
  const exponent = tf.add(2 ** -19, tf.mul(tf.add(tf.add(1, tf.abs(logits)), largest), 8 * UNIT));
  const share = tf.softmax(logits as never) as Tensor;
  return {
    loss: { value: loss, distance: tf.add(2 ** -19, tf.mul(tf.add(1, tf.max(largest)), 16 * UNIT)) },
    gradient: { value, distance: tf.div(tf.add(tf.mul(share, exponent), 4 * UNIT), images) },
  };
}
