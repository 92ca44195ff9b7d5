/**
 * The attention matrix on tfjs, out of scores S = q k and s = S / sqrt(d), `[images][heads][tokens][keys]`. Each kind has its
 * value, its lines on the way back, and the distances of both. Where a number is so near to a jump that rounding decides, the
 * distance is the jump.
 */
import type { AttentionMatrix } from "../../../nn/words.ts";
import type { Near } from "../../maps.ts";
import { near } from "../../maps.ts";
import { FEW, sumDistance, UNIT } from "../../rounding.ts";
import type { Tensor, TensorFlow } from "../../tensorflow.ts";

/** A matrix on its way from scores to A, and back. */
export interface MatrixLines {
  /** A; alpha A for the elastic kind. */
  readonly matrix: Near;
  /** The slope over p, or over s where there is no softmax. */
  readonly slope: Near;
  /** The slope over the head's learned number; null without one. */
  readonly learned: Near | null;
}

/** The operands of a matrix. */
export interface MatrixGiven {
  readonly tf: TensorFlow;
  readonly kind: AttentionMatrix;
  /** Features of a head. */
  readonly width: number;
  /** S, and p with its distance relative to itself. */
  readonly scores: Near;
  readonly shares: { readonly value: Tensor; readonly relative: Tensor };
  /** The learned number, `[1][heads][1][1]`; null without one. */
  readonly learned: Tensor | null;
}

/** The least alpha of the elastic kind, as divisor and as factor. */
const LEAST = Math.fround(1e-5);

const holds = (tf: TensorFlow, condition: Tensor): Tensor => tf.cast(condition, "float32");

/** `size` where rounding may carry `x` across `edge`, and 0 elsewhere. */
const jumpNear = (tf: TensorFlow, { value, distance }: Near, edge: number, size: number): Tensor =>
  tf.mul(holds(tf, tf.lessEqual(tf.abs(tf.sub(value, edge)), distance)), size);

const largest = (tf: TensorFlow, x: Tensor): Tensor => tf.max(x, -1, true);

/** The lines of each kind. */
export function matrixLines(given: MatrixGiven): MatrixLines {
  const { tf, kind, width, scores, shares } = given;
  const root = Math.sqrt(width);
  const p = near(shares.value, () => tf.mul(shares.value, shares.relative));
  const ones = tf.onesLike(p.value);
  const one = near(ones, () => tf.zerosLike(ones));
  switch (kind) {
    case "softmax":
      return { matrix: p, slope: one, learned: null };
    case "threshold": {
      const reach = Math.fround(root * Math.log(4));
      const below: Near = near(tf.sub(largest(tf, scores.value), scores.value), () =>
        tf.add(tf.add(scores.distance, largest(tf, scores.distance)), tf.mul(tf.abs(below.value), 2 * UNIT)),
      );
      const value = holds(tf, tf.lessEqual(below.value, reach));
      return {
        matrix: near(value, () => jumpNear(tf, rounded(tf, below, reach), reach, 1)),
        slope: one,
        learned: null,
      };
    }
    case "elastic": {
      const alpha = tf.maximum(given.learned as Tensor, LEAST);
      const level = near(tf.div(p.value, alpha), () => tf.mul(level.value, tf.add(shares.relative, FEW)));
      const high = holds(tf, tf.greater(level.value, 0.5));
      const inside = holds(tf, tf.lessEqual(level.value, 1));
      const learned = tf.where(tf.lessEqual(level.value, 1), tf.sub(high, level.value), ones);
      const [half, whole] = [() => jumpNear(tf, level, 0.5, 1), () => jumpNear(tf, level, 1, 1)];
      return {
        matrix: near(tf.mul(alpha, high), () => tf.mul(alpha, half())),
        slope: near(inside, whole),
        learned: near(learned, () => tf.add(tf.add(half(), whole()), tf.mul(inside, tf.add(level.distance, FEW)))),
      };
    }
    case "boolean": {
      const value = holds(tf, tf.greater(scores.value, 0));
      const size = tf.abs(scores.value);
      const edge = near(size, () => tf.add(scores.distance, tf.mul(size, FEW)));
      const matrix = near(value, () => tf.mul(jumpNear(tf, scores, 0, 1), holds(tf, tf.greater(scores.distance, 0))));
      const slope = holds(tf, tf.less(tf.mul(size, Math.fround(1 / root)), 1));
      return { matrix, slope: near(slope, () => jumpNear(tf, edge, root, 1)), learned: null };
    }
    case "sign": {
      const offset = given.learned as Tensor;
      const beyond = near(tf.sub(p.value, offset), () =>
        tf.add(p.distance, tf.mul(tf.add(p.value, tf.abs(offset)), 2 * UNIT)),
      );
      const value = tf.sub(tf.mul(holds(tf, tf.greaterEqual(p.value, offset)), 2), 1);
      const slope = tf.maximum(tf.sub(2, tf.mul(tf.abs(beyond.value), 2)), 0);
      const off = () => tf.add(tf.mul(beyond.distance, 2), FEW);
      return {
        matrix: near(value, () => jumpNear(tf, beyond, 0, 2)),
        slope: near(slope, off),
        learned: near(tf.neg(slope), off),
      };
    }
  }
}

/** The distance with the roundings of a comparison with `edge`. */
const rounded = (tf: TensorFlow, { value, distance }: Near, edge: number): Near =>
  near(value, () => tf.add(distance, 2 * UNIT * Math.abs(edge)));

/** p of scores s, with its distance relative to itself: see `../softmax.ts`. `off` is what the scores are off by. */
export function nearShares(tf: TensorFlow, s: Tensor, off: Tensor): MatrixGiven["shares"] {
  const value = tf.softmax(s, -1) as Tensor;
  const below = tf.sub(largest(tf, s), s);
  const power = tf.add(tf.add(tf.mul(below, 10 * UNIT), FEW), tf.add(off, largest(tf, off)));
  const mean = tf.sum(tf.mul(value, power), -1, true);
  return { value, relative: tf.add(tf.add(power, mean), sumDistance(s.shape.at(-1) as number)) };
}
