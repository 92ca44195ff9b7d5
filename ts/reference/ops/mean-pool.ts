/**
 * A mean over windows is linear. So its distance is a share of the mean over magnitudes, and that of its gradient a share of
 * what the gradient's magnitudes give.
 */
import { convGeometry } from "../../nn/nodes.ts";
import { FEW, sumDistance } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import { placesOf } from "./images.ts";
import type { Applied, ReferenceOp } from "./op.ts";

type MeanPool = "avgPool2d" | "globalAvgPool2d" | "globalAvgPool1d";

const relativeOf = ({ node, site }: Applied<MeanPool>): number =>
  sumDistance(placesOf(convGeometry(node, site.inputShape))) + FEW;

/** The entry of a pool whose mean is `value`, but for its cases. */
export function meanPool<Name extends MeanPool>(
  value: (given: Applied<Name>, x: Tensor) => Tensor,
): Omit<ReferenceOp<Name>, "cases"> {
  return {
    value: (given) => value(given, given.inputs[0]),
    distance: (given) => given.tf.mul(value(given, given.tf.abs(given.inputs[0])), relativeOf(given)),
    gradientDistance: (given, { dy }) => {
      const { tf } = given;
      const shared = tf.grad((x: Tensor) => value(given, x))(given.inputs[0], tf.abs(dy));
      return tf.mul(shared, relativeOf(given));
    },
  };
}
