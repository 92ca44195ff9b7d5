/** InfoNCE between the values of two nodes, within a batch and a bank of earlier candidates, with a gradient at either. */
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import type { LossGiven, ReferenceLoss } from "./loss.ts";

type Given = LossGiven<"contrastive">;

const rowsOf = ({ tf }: Given, value: Tensor): Tensor => tf.reshape(value, [value.shape[0] as number, -1]);
const normOf = ({ tf }: Given, rows: Tensor): Tensor => tf.sqrt(tf.sum(tf.square(rows), 1, true));
const temperatureOf = ({ options }: Given): number => options.temperature ?? 0.1;

/** The logits of each anchor over the candidates, `[images][images + bank]`. */
function logitsOf(given: Given): Tensor {
  const { tf, options, value } = given;
  const [u, v] = options.between.map((node) => {
    const rows = rowsOf(given, value(node));
    return tf.div(rows, normOf(given, rows));
  }) as [Tensor, Tensor];
  const bank = tf.tensor(given.state("bank"), [options.bank ?? 0, v.shape[1] as number]);
  const candidates = tf.concat([v, bank] as never, 0);
  return tf.div(tf.matMul(u as never, candidates as never, false, true), temperatureOf(given));
}

/** The distance of a logit: unit vectors are rounded, and so is the sum of their products, which is at most 1. */
function logitDistance(given: Given): number {
  const { options, value } = given;
  const node = value(options.between[0]);
  return (sumDistance(node.size / (node.shape[0] as number)) + 2 * FEW) / temperatureOf(given);
}

export const contrastive: ReferenceLoss<"contrastive"> = {
  reads: ({ options }) => ({ values: options.between, parameters: [] }),
  value: (given) => {
    const { tf } = given;
    const logits = logitsOf(given);
    const own = tf.eye(...(logits.shape as [number, number]));
    const entropies = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits as never), own), 1));
    return tf.mul(tf.mean(entropies), given.options.factor ?? 1);
  },
  distance: (given, value) => {
    const { tf } = given;
    const images = logitsOf(given).shape[1] as number;
    const own = (2 * logitDistance(given) + sumDistance(images) + 24 * UNIT) * (given.options.factor ?? 1);
    return tf.add(tf.mul(tf.abs(value), FEW + sumDistance(images)), own);
  },
  gradientDistance: (given, gradient) => {
    const { tf, options } = given;
    const [images, columns] = logitsOf(given).shape as [number, number];
    const rows = options.between.map((node) => rowsOf(given, given.value(node)));
    const shortest = rows.map((own): Tensor => tf.min(normOf(given, own))).reduce((a, b) => tf.minimum(a, b));
    // No more than two unit vectors' worth for each example: shares sum to 1, and the positive's is taken away.
    const height = (2 * (options.factor ?? 1)) / (images * temperatureOf(given));
    const relative = 3 * logitDistance(given) + sumDistance(columns) + FEW;
    return tf.mul(tf.onesLike(gradient), tf.div(2 * height * relative, shortest));
  },
  right: () => null,
  cases: [
    { options: { between: ["head", "output"], factor: 0.7, temperature: 0.5 } },
    { title: "with a bank", options: { between: ["head", "output"], factor: 0.7, temperature: 0.5, bank: 3 } },
  ],
};
