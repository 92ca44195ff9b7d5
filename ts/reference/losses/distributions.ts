/** Terms over the distribution of weights: their kurtosis, and their divergence from a teacher's. */
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { LossGiven, ReferenceLoss } from "./loss.ts";

/** The standardised elements of a tensor, with the deviation of the sample, and their kurtosis. */
function moments(tf: TensorFlow, weights: Tensor) {
  const flat = tf.reshape(weights, [-1]);
  const around = tf.sub(flat, tf.mean(flat));
  const deviation = tf.sqrt(tf.div(tf.sum(tf.square(around)), flat.size - 1));
  const z = tf.div(around, deviation);
  return { count: flat.size, deviation, z, kurtosis: tf.mean(tf.square(tf.square(z))) as Tensor };
}

type Kurtosis = LossGiven<"kurtosis">;

const kurtosisNames = ({ options, kernels }: Pick<Kurtosis, "options" | "kernels">): readonly string[] =>
  options.parameters ?? kernels;

/** The target of a parameter, and the share of the whole that it has. */
function placeOf(given: Kurtosis, name: string): { readonly target: number; readonly share: number } {
  const { target = 1.8, targets = {}, factor = 1 } = given.options;
  return { target: targets[name] ?? target, share: factor / kurtosisNames(given).length };
}

/**
 * The distance of a kurtosis: z is off by the roundings of mean and deviation, which are sums, and its fourth power by four
 * times as much. A mean that is off by a rounding of the largest weight moves each z by that over the deviation.
 */
function kurtosisDistance(tf: TensorFlow, weights: Tensor): Tensor {
  const { count, deviation, kurtosis } = moments(tf, weights);
  const moved = tf.mul(tf.div(tf.max(tf.abs(weights)), deviation), sumDistance(count));
  return tf.mul(kurtosis, tf.mul(tf.add(tf.add(moved, sumDistance(count)), FEW), 8));
}

export const kurtosis: ReferenceLoss<"kurtosis"> = {
  reads: (given) => ({ values: [], parameters: kurtosisNames(given) }),
  value: (given) => {
    const { tf } = given;
    const terms = kurtosisNames(given).map((name): Tensor => {
      const { target, share } = placeOf(given, name);
      return tf.mul(tf.square(tf.sub(moments(tf, given.parameter(name)).kurtosis, target)), share);
    });
    return terms.reduce((total, term) => tf.add(total, term));
  },
  distance: (given, value) => {
    const { tf } = given;
    const moved = kurtosisNames(given).map((name): Tensor => {
      const { target, share } = placeOf(given, name);
      const weights = given.parameter(name);
      const distance = kurtosisDistance(tf, weights);
      const far = tf.abs(tf.sub(moments(tf, weights).kurtosis, target));
      return tf.mul(tf.mul(distance, tf.add(tf.mul(far, 2), distance)), share);
    });
    return moved.reduce((total, one) => tf.add(total, one), tf.mul(value, FEW));
  },
  gradientDistance: (given, gradient) => {
    const { tf } = given;
    // A gradient does not say whose it is, so each has the largest distance of all parameters.
    const distances = kurtosisNames(given).map((name): Tensor => {
      const { target, share } = placeOf(given, name);
      const weights = given.parameter(name);
      const { count, deviation, z, kurtosis: own } = moments(tf, weights);
      const largest = tf.max(tf.abs(z));
      // The magnitudes that 4 / deviation ((z^3 - third) / n - kurtosis z / (n - 1)) adds up.
      const cubes = tf.div(tf.mul(tf.mul(largest, largest), tf.mul(largest, 2)), count);
      const slope = tf.mul(tf.div(tf.add(cubes, tf.div(tf.mul(own, largest), count - 1)), deviation), 4);
      const far = tf.mul(tf.abs(tf.sub(own, target)), 2);
      const relative = tf.div(kurtosisDistance(tf, weights), own);
      const roundings = tf.mul(far, tf.add(relative, 2 * FEW));
      return tf.mul(tf.mul(slope, tf.add(roundings, tf.mul(kurtosisDistance(tf, weights), 2))), share);
    });
    const most = distances.reduce((one, other) => tf.maximum(one, other));
    return tf.mul(tf.onesLike(gradient), most);
  },
  right: () => null,
  cases: [
    { options: { factor: 0.7, target: 5, parameters: ["head/kernel"] } },
    {
      title: "with a target of its own",
      options: { targets: { "head/kernel": 4 }, parameters: ["head/kernel"] },
    },
  ],
};

type Divergence = LossGiven<"weightDivergence">;

const divergenceNames = ({ options, kernels }: Pick<Divergence, "options" | "kernels">): readonly string[] =>
  options.parameters ?? kernels;

/** The logits of own weights and of the teacher's, at the temperature. */
function logitsOf(given: Divergence, name: string): readonly [own: Tensor, teacher: Tensor] {
  const { tf, options } = given;
  const { temperature = 4, teacher } = options;
  const own = tf.reshape(given.parameter(name), [-1]);
  return [tf.div(own, temperature), tf.div(tf.tensor1d(teacher.get(name) as Float32Array), temperature)];
}

const shareOf = (given: Divergence): number => (given.options.factor ?? 200) / divergenceNames(given).length;

/** The relative distance of the shares of a softmax: an exponential's and the sum's, of arguments that are rounded. */
const softmaxDistance = (tf: TensorFlow, logits: Tensor): Tensor =>
  tf.add(FEW + sumDistance(logits.size), tf.mul(tf.max(tf.abs(logits)), 24 * UNIT));

export const weightDivergence: ReferenceLoss<"weightDivergence"> = {
  reads: (given) => ({ values: [], parameters: divergenceNames(given) }),
  value: (given) => {
    const { tf } = given;
    const terms = divergenceNames(given).map((name): Tensor => {
      const [own, teacher] = logitsOf(given, name);
      const apart = tf.sub(tf.logSoftmax(teacher as never), tf.logSoftmax(own as never));
      return tf.sum(tf.mul(tf.softmax(teacher as never), apart));
    });
    return tf.mul(
      terms.reduce((total, term) => tf.add(total, term)),
      shareOf(given),
    );
  },
  distance: (given, value) => {
    const { tf } = given;
    const distances = divergenceNames(given).map((name): Tensor => {
      const logits = logitsOf(given, name);
      // Both logarithms are rounded, and the shares in front of them sum to 1.
      const ends = logits.map((own): Tensor => tf.add(softmaxDistance(tf, own), Math.log(own.size) * FEW));
      return ends.reduce((total, one) => tf.add(total, one));
    });
    const all = distances.reduce((total, one) => tf.add(total, one));
    return tf.add(tf.mul(all, shareOf(given)), tf.mul(tf.abs(value), FEW));
  },
  gradientDistance: (given, gradient) => {
    const { tf, options } = given;
    const distances = divergenceNames(given).map((name): Tensor => {
      const logits = logitsOf(given, name);
      const ends = logits.map((own): Tensor => tf.mul(tf.max(tf.softmax(own as never)), softmaxDistance(tf, own)));
      return ends.reduce((total, one) => tf.add(total, one));
    });
    const most = distances.reduce((one, other) => tf.maximum(one, other));
    const scale = shareOf(given) / (options.temperature ?? 4);
    return tf.add(tf.mul(tf.onesLike(gradient), tf.mul(most, scale)), tf.mul(tf.abs(gradient), FEW));
  },
  right: () => null,
  cases: [
    {
      options: {
        factor: 20,
        temperature: 0.25,
        parameters: ["head/kernel"],
        teacher: new Map([["head/kernel", Float32Array.from({ length: 30 }, (_, i) => ((7 * i) % 11) / 8 - 0.5)]]),
      },
    },
  ],
};
