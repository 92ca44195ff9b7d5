/** Penalties on weights: factor / 2 times the sum of their squares, or factor times that of their magnitudes. */
import { FEW, sumDistance } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { LossGiven, ReferenceLoss } from "./loss.ts";

type Name = "l1" | "l2";

const namesOf = ({ options, kernels }: Pick<LossGiven<Name>, "options" | "kernels">): readonly string[] =>
  options.parameters ?? kernels;

function penalty(share: number, height: (tf: TensorFlow, weights: Tensor) => Tensor): ReferenceLoss<Name> {
  return {
    reads: (given) => ({ values: [], parameters: namesOf(given) }),
    value: (given) => {
      const { tf, options, parameter } = given;
      const sums = namesOf(given).map((name): Tensor => tf.sum(height(tf, parameter(name))));
      return tf.mul(
        sums.reduce((total, sum) => tf.add(total, sum)),
        share * options.factor,
      );
    },
    distance: (given, value) => {
      const terms = namesOf(given).reduce((sum, name) => sum + given.parameter(name).size, 0);
      return given.tf.mul(value, FEW + sumDistance(terms));
    },
    gradientDistance: ({ tf }, gradient) => tf.mul(tf.abs(gradient), FEW),
    right: () => null,
    cases: [{ options: { factor: 0.3 } }],
  };
}

export const l1: ReferenceLoss<"l1"> = penalty(1, (tf, weights) => tf.abs(weights));
export const l2: ReferenceLoss<"l2"> = penalty(1 / 2, (tf, weights) => tf.square(weights));
