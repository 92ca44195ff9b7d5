/** Elastic maps, whose numbers a layer learns, and the factors of the gradients at these numbers. */

import { leastAlpha } from "../../quantizers/maps/elastic.ts";
import { isLearnedMap } from "../../quantizers/operand-kinds.ts";
import type { ForwardMap } from "../../quantizers/quantizer.ts";
import { FEW } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { exactly, indicator, type Near, near } from "./near.ts";
import type { BackwardTwin, ForwardTwin } from "./record.ts";

/** A number, or the tensor of one that is learned. */
type Scalar = number | Tensor;

const sizeFrom = (tf: TensorFlow, alpha: Scalar): Tensor => tf.maximum(alpha as Tensor, leastAlpha);

/** The size of the values of an elastic map, whose numbers `learned` are. */
export const sizeOf = (tf: TensorFlow, { learned = [] }: { readonly learned?: readonly Tensor[] }): Tensor =>
  sizeFrom(tf, learned[0] as Tensor);

const middleOf = (tf: TensorFlow, alpha: Scalar, offset: Scalar): Tensor =>
  tf.add(offset as Tensor, tf.mul(sizeFrom(tf, alpha), 0.5));

const within = (tf: TensorFlow, x: Tensor, low: Scalar, high: Scalar): Tensor =>
  tf.logicalAnd(tf.greaterEqual(x, low as Tensor), tf.lessEqual(x, high as Tensor));

const signBox = (tf: TensorFlow, x: Tensor, alpha: Scalar, offset: Scalar): Tensor => {
  const size = sizeFrom(tf, alpha);
  return within(tf, x, tf.sub(offset as Tensor, size), tf.add(offset as Tensor, size));
};

const unitBox = (tf: TensorFlow, x: Tensor, alpha: Scalar, offset: Scalar): Tensor =>
  within(tf, x, offset, tf.add(offset as Tensor, sizeFrom(tf, alpha)));

export const elasticSign: ForwardTwin<"elasticSign"> = (tf, x, alpha: Scalar, offset: Scalar) =>
  exactly(tf, tf.mul(jumpSign(tf, x, offset), sizeFrom(tf, alpha)));

/** +1 from `jump` on, -1 below. */
const jumpSign = (tf: TensorFlow, x: Tensor, jump: Scalar): Tensor =>
  tf.sub(tf.mul(tf.cast(tf.greaterEqual(x, jump as Tensor), "float32"), 2), 1);

export const elasticUnit: ForwardTwin<"elasticUnit"> = (tf, x, alpha: Scalar, offset: Scalar) =>
  exactly(tf, tf.mul(levelOf(tf, x, alpha, offset), sizeFrom(tf, alpha)));

const levelOf = (tf: TensorFlow, x: Tensor, alpha: Scalar, offset: Scalar): Tensor =>
  tf.cast(tf.greaterEqual(x, middleOf(tf, alpha, offset)), "float32");

export const elasticBox: BackwardTwin<"elasticBox"> = (tf, x, alpha: Scalar, offset: Scalar) =>
  indicator(tf, signBox(tf, x, alpha, offset));

export const elasticUnitBox: BackwardTwin<"elasticUnitBox"> = (tf, x, alpha: Scalar, offset: Scalar) =>
  indicator(tf, unitBox(tf, x, alpha, offset));

/** The factors of the gradient at F(x) in those at alpha and at offset, elementwise. */
export function elasticFactors(
  tf: TensorFlow,
  map: ForwardMap,
  x: Tensor,
  learned: readonly Tensor[],
): readonly [alpha: Near, offset: Near] {
  if (!isLearnedMap(map)) throw new Error(`the map ${map} learns nothing`);
  const [alpha, offset] = learned as readonly [Tensor, Tensor];
  if (map === "elasticSign") {
    return [
      exactly(tf, jumpSign(tf, x, offset)),
      exactly(tf, tf.neg(tf.cast(signBox(tf, x, alpha, offset), "float32"))),
    ];
  }
  const inside = tf.cast(unitBox(tf, x, alpha, offset), "float32");
  const place = tf.div(tf.sub(x, offset), sizeFrom(tf, alpha));
  // Outside of the interval q does not matter: bounded, it is not infinite.
  const q = tf.mul(inside, tf.clipByValue(place, 0, 1));
  const factor = tf.sub(levelOf(tf, x, alpha, offset), q);
  return [near(factor, () => tf.mul(inside, FEW)), exactly(tf, tf.neg(inside))];
}
