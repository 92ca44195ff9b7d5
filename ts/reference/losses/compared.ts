/** The frame of all terms that compare the output with the truth: weights of images and classes, the mean, the factor. */
import type { TruthOptions } from "../../train/losses/compare.ts";
import type { Tensor } from "../tensorflow.ts";
import type { LossGiven, LossName, ReferenceLoss } from "./loss.ts";

/** The terms whose options say which truth they compare with. */
export type ComparingName = Exclude<LossName, "l1" | "l2" | "distance">;
export type Comparing = LossGiven<ComparingName>;

/** The part of a term that is its own. */
export interface Twin<Name extends ComparingName> extends Pick<ReferenceLoss<Name>, "right" | "cases"> {
  /** The losses before weights and mean, `[images]` or `[images][elements]`. */
  losses(given: LossGiven<Name>): Tensor;
  /** The distance of each, of the same shape or one for all. */
  lossDistance(given: LossGiven<Name>, losses: Tensor): Tensor;
  /** The distance of the slope of these losses at each output, `[images][elements]`. */
  slopeDistance(given: LossGiven<Name>): Tensor;
}

export const compared = <Name extends ComparingName>(twin: Twin<Name>): ReferenceLoss<Name> => ({
  reads: ({ output }) => ({ values: [output], parameters: [] }),
  value: (given) => mean(given, twin.losses(given)),
  distance: (given) => {
    const losses = twin.losses(given);
    return mean(given, given.tf.mul(twin.lossDistance(given, losses), given.tf.onesLike(losses)));
  },
  gradientDistance: (given) => {
    const count = twin.losses(given).size;
    return scaled(given, given.tf.div(weighted(given, twin.slopeDistance(given)), count));
  },
  right: (given) => twin.right(given),
  cases: twin.cases,
});

/** The output of the network, `[images][elements]`. */
export const outputOf = ({ value, output }: Comparing): Tensor => value(output);

/** The options that all of these terms have. */
const optionsOf = ({ options }: Comparing): TruthOptions => options;

/** The weight of each image, as an f32 product of its own and that of its class; null where all count alike. */
export function weightsOf(given: Comparing): Float32Array | null {
  const { images, labels, weights } = given.truth;
  const { classWeights } = optionsOf(given);
  if (weights === null && classWeights === undefined) return null;
  return Float32Array.from({ length: images }, (_, image) => {
    const ofClass = classWeights === undefined ? 1 : (classWeights[labels[image] as number] as number);
    return Math.fround(ofClass) * (weights?.[image] ?? 1);
  });
}

/** `x` of each image times the weight of the image. */
function weighted(given: Comparing, x: Tensor): Tensor {
  const weights = weightsOf(given);
  if (weights === null) return x;
  const shape = [given.truth.images, ...x.shape.slice(1).map(() => 1)];
  return given.tf.mul(x, given.tf.tensor(weights, shape));
}

function scaled(given: Comparing, x: Tensor): Tensor {
  const { factor = 1 } = optionsOf(given);
  return factor === 1 ? x : given.tf.mul(x, factor);
}

const mean = (given: Comparing, losses: Tensor): Tensor =>
  scaled(given, given.tf.div(given.tf.sum(weighted(given, losses)), losses.size));

/** The truth of a term whose own is `usual`. */
export const truthOf = (given: Comparing, usual: "labels" | "targets"): "labels" | "targets" =>
  optionsOf(given).truth ?? usual;

/** The targets; of class numbers 1 for the class and 0 for the others. */
export function targetsOf(given: Comparing, usual: "labels" | "targets"): Tensor {
  const { tf, truth } = given;
  const { shape } = outputOf(given);
  if (truthOf(given, usual) === "targets") return tf.tensor(truth.targets as Float32Array, shape);
  const elements = shape[1] as number;
  const targets = new Float32Array(truth.images * elements);
  for (let image = 0; image < truth.images; image++) targets[image * elements + (truth.labels[image] as number)] = 1;
  return tf.tensor(targets, shape);
}

/** The classes of the images, int32. */
export const labelsOf = ({ tf, truth: { labels, images } }: Comparing): Tensor =>
  tf.tensor(
    Int32Array.from({ length: images }, (_, image) => labels[image] as number),
    [images],
    "int32",
  );

/** Images whose largest output is that of their class. */
export const rightClasses = (given: Comparing) => (): Tensor =>
  given.tf.equal(given.tf.argMax(outputOf(given), -1), labelsOf(given));

/** Images whose largest output is where their largest target is. */
export const rightTargets = (given: Comparing) => (): Tensor => {
  const { tf } = given;
  return tf.equal(tf.argMax(outputOf(given), -1), tf.argMax(targetsOf(given, "targets"), -1));
};
