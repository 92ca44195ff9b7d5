/** T^2 times the cross-entropy of softmax(logits / T) with softmax(teacher's logits / T). */
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import { compared, outputOf, rightTargets, targetsOf } from "./compared.ts";
import { entropyDistance, exponentDistance, largestOf } from "./cross-entropy.ts";
import type { LossGiven } from "./loss.ts";

type Given = LossGiven<"distillation">;

const temperatureOf = ({ options }: Given): number => options.temperature ?? 4;
const cooled = (given: Given, logits: Tensor): Tensor => given.tf.div(logits, temperatureOf(given));
const teacherOf = (given: Given): Tensor => cooled(given, targetsOf(given, "targets"));
const answersOf = (given: Given): Tensor => given.tf.softmax(teacherOf(given) as never);

/** The cross-entropies without T^2. */
const entropies = (given: Given): Tensor =>
  given.tf.losses.softmaxCrossEntropy(
    answersOf(given),
    cooled(given, outputOf(given)),
    undefined,
    0,
    given.tf.Reduction.NONE,
  );

/** The relative distance of the teacher's answers: an exponential's and the sum's, of arguments that are rounded. */
function answerDistance(given: Given): Tensor {
  const { tf } = given;
  const teacher = teacherOf(given);
  const classes = teacher.shape[1] as number;
  return tf.add(FEW + sumDistance(classes), tf.mul(tf.max(largestOf(tf, teacher)), 24 * UNIT));
}

export const distillation = compared<"distillation">({
  losses: (given) => given.tf.mul(entropies(given), temperatureOf(given) ** 2),
  lossDistance: (given, losses) => {
    const { tf } = given;
    const own = tf.mul(entropyDistance(tf, cooled(given, outputOf(given))), temperatureOf(given) ** 2);
    // No term of -sum q ln p is negative, so the loss is off by no more than its answers.
    return tf.add(own, tf.mul(losses, answerDistance(given)));
  },
  slopeDistance: (given) => {
    const { tf } = given;
    const logits = cooled(given, outputOf(given));
    const own = tf.mul(tf.softmax(logits as never) as Tensor, exponentDistance(tf, logits));
    const ofTeacher = tf.mul(answersOf(given), answerDistance(given));
    return tf.mul(tf.add(tf.add(own, ofTeacher), FEW), temperatureOf(given));
  },
  right: rightTargets,
  cases: [{ options: { temperature: 2.5, factor: 0.5 }, targets: "reals", isWeighted: true }],
});
