/** The mean squared distance of the values of two nodes, with a gradient at either. */
import { FEW, sumDistance } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import type { LossGiven, ReferenceLoss } from "./loss.ts";

type Given = LossGiven<"distance">;

const valuesOf = ({ options, value }: Given): readonly [Tensor, Tensor] => {
  const [a, b] = options.between;
  return [value(a), value(b)];
};

export const distance: ReferenceLoss<"distance"> = {
  reads: ({ options }) => ({ values: options.between, parameters: [] }),
  value: (given) => given.tf.mul(given.tf.losses.meanSquaredError(...valuesOf(given)), given.options.factor ?? 1),
  distance: (given, value) => given.tf.mul(value, FEW + sumDistance(valuesOf(given)[0].size)),
  gradientDistance: ({ tf }, gradient) => tf.mul(tf.abs(gradient), FEW),
  right: () => null,
  cases: [{ options: { between: ["head", "output"], factor: 0.7 } }],
};
