/** A function of each number by itself, on tfjs, and its distances from ours. */
import type { ElementwiseFunction } from "../../quantizers/functions.ts";
import { momentOfFunction, quantize, quantized, slope } from "../maps.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { timesSlope } from "./times-slope.ts";

export const elementwiseValue = (tf: TensorFlow, given: ElementwiseFunction, x: Tensor): Tensor =>
  quantize(tf, momentOfFunction(given), x);

export const elementwiseDistance = (tf: TensorFlow, given: ElementwiseFunction, x: Tensor): Tensor =>
  quantized(tf, momentOfFunction(given), x).distance;

/** The distance of dx = dy B(x). Where both sides have the same B it is 0 or 1, by which a product is exact. */
export function elementwiseGradientDistance(tf: TensorFlow, given: ElementwiseFunction, x: Tensor, dy: Tensor): Tensor {
  const through = slope(tf, momentOfFunction(given), x);
  const { distance } = through;
  return tf.where(tf.greater(distance, 0), timesSlope(tf, through, dy, tf.zerosLike(dy)), distance);
}
