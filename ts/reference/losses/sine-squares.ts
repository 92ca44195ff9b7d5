/** BiPer's term: factor times the sum of the means of sin^2(omega w) over kernels. */
import { circular, SERIES } from "../circular.ts";
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import type { LossGiven, ReferenceLoss } from "./loss.ts";

type Given = LossGiven<"sineSquares">;

const namesOf = ({ options, kernels }: Pick<Given, "options" | "kernels">): readonly string[] =>
  options.parameters ?? kernels;

const omegaOf = ({ options }: Given): number => Math.fround(options.omega ?? 20);

/** The error that a sine may have, the same for all weights of a kernel. */
function offOf(given: Given, w: Tensor): Tensor {
  const { tf } = given;
  return tf.add(tf.mul(tf.max(tf.abs(w)), omegaOf(given) * 4 * UNIT), SERIES);
}

export const sineSquares: ReferenceLoss<"sineSquares"> = {
  reads: (given) => ({ values: [], parameters: namesOf(given) }),
  value: (given) => {
    const { tf, options, parameter } = given;
    const means = namesOf(given).map((name): Tensor => {
      const { sine } = circular(tf, tf.mul(parameter(name), omegaOf(given)));
      return tf.mean(tf.square(sine));
    });
    return tf.mul(
      means.reduce((total, mean) => tf.add(total, mean)),
      options.factor,
    );
  },
  distance: (given, value) => {
    const { tf, options, parameter } = given;
    const names = namesOf(given);
    const terms = names.reduce((sum, name) => sum + parameter(name).size, 0);
    const off = names.reduce<Tensor>((sum, name) => tf.add(sum, offOf(given, parameter(name))), tf.scalar(0));
    return tf.add(tf.mul(value, FEW + sumDistance(terms)), tf.mul(off, 2 * options.factor));
  },
  gradientDistance: (given, gradient) => {
    const { tf, options, parameter } = given;
    const omega = omegaOf(given);
    // Of 2 sin cos, either factor of which is at most 1.
    const of = (name: string): Tensor =>
      tf.mul(offOf(given, parameter(name)), (4 * options.factor * omega) / parameter(name).size);
    const own = namesOf(given).filter((name) => sameShape(parameter(name), gradient));
    const off = own.reduce<Tensor>((most, name) => tf.maximum(most, of(name)), tf.scalar(0));
    return tf.add(tf.mul(tf.abs(gradient), FEW), off);
  },
  right: () => null,
  cases: [{ options: { factor: 0.3, omega: 5 } }],
};

const sameShape = (a: Tensor, b: Tensor): boolean => a.shape.join() === b.shape.join();
