/** Losses that compare each number of the output with a target of its own. tfjs has all but the squared hinge by itself. */
import { FEW, sumDistance } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import { type Comparing, compared, outputOf, rightClasses, targetsOf, truthOf } from "./compared.ts";
import type { LossCase, LossGiven, ReferenceLoss } from "./loss.ts";

type Name = "binaryCrossEntropy" | "meanSquaredError" | "meanAbsoluteError" | "huber" | "hinge" | "squaredHinge";

interface Element<Own extends Name> {
  /** The truth where the options name none. */
  readonly usual: "labels" | "targets";
  /** Targets above it say yes, as outputs above 0 do; null where answers are real numbers. */
  readonly middle: number | null;
  /** The losses at outputs z with targets t, `[images][elements]`. */
  losses(given: LossGiven<Own>, z: Tensor, t: Tensor): Tensor;
  /** The distance of each beside a few roundings of itself; absent where it is none. */
  lossDistance?(given: LossGiven<Own>, z: Tensor, t: Tensor): Tensor;
  /** A magnitude of which the slope is off by a few roundings. */
  slopeHeight(given: LossGiven<Own>, z: Tensor, t: Tensor): Tensor;
  readonly cases: readonly LossCase<Own>[];
}

function elementwise<Own extends Name>(element: Element<Own>): ReferenceLoss<Own> {
  const operands = (given: Comparing): readonly [Tensor, Tensor] => [outputOf(given), targetsOf(given, element.usual)];
  return compared<Own>({
    losses: (given) => element.losses(given, ...operands(given)),
    lossDistance: (given, losses) => {
      const { tf } = given;
      // tfjs adds up all of them in f32.
      const rounded = tf.mul(tf.abs(losses), FEW + sumDistance(losses.size));
      const own = element.lossDistance?.(given, ...operands(given));
      return own === undefined ? rounded : tf.add(rounded, own);
    },
    slopeDistance: (given) => given.tf.mul(element.slopeHeight(given, ...operands(given)), FEW),
    right: (given) => {
      const { tf } = given;
      if (truthOf(given, element.usual) === "labels") return rightClasses(given);
      const { middle } = element;
      if (middle === null) return null;
      return () => {
        const [z, t] = operands(given);
        return tf.equal(tf.greater(z, 0), tf.greater(t, middle));
      };
    },
    cases: element.cases,
  });
}

const distanceOf = ({ tf }: Comparing, z: Tensor, t: Tensor): Tensor => tf.abs(tf.sub(z, t));
const deltaOf = ({ options }: LossGiven<"huber">): number => options.delta ?? 1;

/** 1 where the target is above 0, else 0. */
const sideOf = ({ tf }: Comparing, t: Tensor): Tensor => tf.cast(tf.greater(t, 0), "float32");

/** max(0, 1 - y z). */
const margins = (given: Comparing, z: Tensor, t: Tensor): Tensor =>
  given.tf.losses.hingeLoss(sideOf(given, t), z, undefined, given.tf.Reduction.NONE);

const ones = ({ tf }: Comparing, z: Tensor): Tensor => tf.onesLike(z);

export const binaryCrossEntropy = elementwise<"binaryCrossEntropy">({
  usual: "targets",
  middle: 0.5,
  losses: ({ tf, truth }, z, t) => tf.losses.sigmoidCrossEntropy(t, z, undefined, truth.smoothing, tf.Reduction.NONE),
  // Of max(z, 0) - z t + ln(1 + exp(-|z|)) the parts are rounded, and the logarithm is off by up to 2^-21.
  lossDistance: ({ tf }, z, t) => tf.add(2 ** -21, tf.mul(tf.add(1, tf.mul(tf.abs(z), tf.add(1, tf.abs(t)))), FEW)),
  slopeHeight: ({ tf }, _, t) => tf.add(1, tf.abs(t)),
  cases: [
    { title: "smoothed and weighted", options: {}, targets: "shares", smoothing: 0.1, isWeighted: true },
    { title: "of labels", options: { truth: "labels", classWeights: [2, 1, 0.5, 1.5, 3], factor: 1.5 } },
  ],
});

export const meanSquaredError = elementwise<"meanSquaredError">({
  usual: "targets",
  middle: null,
  losses: ({ tf }, z, t) => tf.losses.meanSquaredError(t, z, undefined, tf.Reduction.NONE),
  slopeHeight: (given, z, t) => given.tf.mul(distanceOf(given, z, t), 2),
  cases: [
    { title: "weighted", options: { factor: 0.3 }, targets: "reals", isWeighted: true },
    { title: "of labels", options: { truth: "labels" } },
  ],
});

export const meanAbsoluteError = elementwise<"meanAbsoluteError">({
  usual: "targets",
  middle: null,
  losses: ({ tf }, z, t) => tf.losses.absoluteDifference(t, z, undefined, tf.Reduction.NONE),
  slopeHeight: ones,
  cases: [{ options: {}, targets: "reals", isWeighted: true }],
});

export const huber = elementwise<"huber">({
  usual: "targets",
  middle: null,
  losses: (given, z, t) => given.tf.losses.huberLoss(t, z, undefined, deltaOf(given), given.tf.Reduction.NONE),
  // Of delta (|d| - delta / 2) the difference cancels.
  lossDistance: (given, z, t) => {
    const delta = deltaOf(given);
    return given.tf.mul(given.tf.add(distanceOf(given, z, t), delta), delta * FEW);
  },
  // tfjs takes delta from the slope and adds it again.
  slopeHeight: (given, z) => given.tf.mul(given.tf.onesLike(z), deltaOf(given)),
  cases: [{ options: { delta: 0.75 }, targets: "reals", isWeighted: true }],
});

export const hinge = elementwise<"hinge">({
  usual: "labels",
  middle: 0,
  losses: margins,
  slopeHeight: ones,
  cases: [
    { title: "of labels", options: { classWeights: [1, 0.5, 2, 0.25, 3] } },
    { title: "of targets", options: { truth: "targets", factor: 2 }, targets: "reals" },
  ],
});

export const squaredHinge = elementwise<"squaredHinge">({
  usual: "labels",
  middle: 0,
  losses: (given, z, t) => given.tf.square(margins(given, z, t)),
  slopeHeight: (given, z, t) => given.tf.mul(margins(given, z, t), 2),
  cases: [{ options: {}, isWeighted: true }],
});
