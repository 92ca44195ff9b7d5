/**
 * The maps of quantizers in tfjs, each from its definition (`ts/quantizers/maps.ts` has the formulas and their sources), with
 * the distance that two calculations of them in f32 may have.
 *
 * tanh and sech^2 are written with e = exp(-2|v|), whose relative error is (3 + 4|v|) ULP on a graphics card; near 0 tanh is
 * its Taylor polynomial of degree 9, since 1 - e would cancel there (the next term is below 2^-26 for |v| < 1/4).
 */
import type { BackwardMap, ForwardMap, Quantizer } from "../quantizers/quantizer.ts";
import { evaluateSchedule } from "../quantizers/schedule.ts";
import { stateAt } from "../quantizers/state.ts";
import { FEW, UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** Which maps act at a moment of a run, and their parameters in f32. */
export interface QuantizerMoment {
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  readonly parameters: readonly number[];
  /** Whether F(x) is -1 or +1 for every x. */
  readonly hard: boolean;
}

/** `quantizer` at `progress` in [0, 1]; `hard` makes its forward map the sign, as evaluation does. */
export function momentOf(quantizer: Quantizer, progress: number, hard = false): QuantizerMoment {
  const signs = hard || stateAt(quantizer, progress).hard;
  return {
    forward: signs ? "sign" : quantizer.forward,
    backward: quantizer.backward,
    parameters: quantizer.parameters.map((schedule) => Math.fround(evaluateSchedule(schedule, progress))),
    hard: signs,
  };
}

/** A value, and how far ours may be from it, elementwise. */
export interface Near {
  readonly value: Tensor;
  readonly distance: Tensor;
}

/** `value` with a distance that is calculated when it is asked for: a run on tfjs needs none. */
export const near = (value: Tensor, distance: () => Tensor): Near => ({
  value,
  get distance() {
    return distance();
  },
});

/** A tensor that is the same on both sides. */
export const exactly = (tf: TensorFlow, value: Tensor): Near => near(value, () => tf.zerosLike(value));

/** F(x). */
export function forwardMap(tf: TensorFlow, map: ForwardMap, x: Tensor, parameters: readonly number[]): Near {
  const [first = 0, second = 0] = parameters;
  const within = (value: Tensor, relative: number): Near => near(value, () => tf.mul(tf.abs(value), relative));
  switch (map) {
    case "identity":
      return within(x, 0);
    case "sign":
      return within(signOf(tf, x), 0);
    case "hardTanh":
      return within(tf.clipByValue(x, -1, 1), 0);
    case "poly": {
      const clipped = tf.clipByValue(x, -1, 1);
      return within(tf.mul(clipped, tf.sub(2, tf.abs(clipped))), 4 * UNIT);
    }
    case "piecewiseLinear": {
      const magnitude = tf.abs(x);
      const edge = Math.fround(1 - first);
      if (edge <= 0) return within(signOf(tf, x), 0);
      const slope = tf.add(second, tf.div(tf.mul(Math.fround(1 - second), magnitude), edge));
      const height = tf.where(tf.greaterEqual(magnitude, edge), tf.onesLike(x), slope);
      return within(tf.mul(signOf(tf, x), height), FEW);
    }
    case "ede": {
      const gain = Math.max(1 / first, 1);
      const { tanh, relative } = hyperbolic(tf, tf.mul(x, first));
      const value = tf.mul(tanh, gain);
      return near(value, () => tf.mul(tf.abs(value), relative()));
    }
    case "signSwish": {
      const v = halfProduct(tf, x, first);
      const { tanh, square, relative } = hyperbolic(tf, v);
      const slope = tf.mul(v, square);
      return near(tf.add(tanh, slope), () => {
        // The argument itself is rounded twice, which v sech^2 v passes on at most 1 + 2 |v| times.
        const magnitude = tf.add(tf.abs(tanh), tf.mul(tf.abs(slope), tf.add(1, tf.mul(2, tf.abs(v)))));
        return tf.mul(magnitude, relative());
      });
    }
  }
}

/** B(x). */
export function backwardMap(tf: TensorFlow, map: BackwardMap, x: Tensor, parameters: readonly number[]): Near {
  const [first = 0] = parameters;
  switch (map) {
    case "one":
      return exactly(tf, tf.onesLike(x));
    case "box":
      return exactly(tf, tf.cast(tf.lessEqual(tf.abs(x), 1), "float32"));
    case "polyPrime": {
      const value = tf.mul(2, tf.sub(1, tf.minimum(tf.abs(x), 1)));
      return near(value, () => tf.fill(x.shape, 4 * UNIT));
    }
    case "edePrime": {
      const gain = Math.max(1 / first, 1) * first;
      const v = tf.mul(x, first);
      const { square, relative } = hyperbolic(tf, v);
      const value = tf.mul(square, gain);
      // A rounded argument changes sech^2 v by 2 |v| of its rounding, and by nothing where sech^2 v has faded.
      return near(value, () => tf.mul(tf.mul(value, relative()), tf.add(1, tf.mul(2, tf.minimum(tf.abs(v), LIMIT)))));
    }
    case "signSwishPrime": {
      const v = halfProduct(tf, x, first);
      const { tanh, square, relative } = hyperbolic(tf, v);
      const [height, bent] = [tf.mul(square, first), tf.mul(v, tanh)];
      return near(tf.mul(height, tf.sub(1, bent)), () => {
        // As above: a rounded argument changes sech^2 v by 2 |v| and v tanh v by 1 + |v| of its roundings.
        const steepness = tf.mul(tf.add(1, tf.abs(bent)), tf.add(2, tf.mul(3, tf.abs(v))));
        return tf.mul(tf.mul(height, steepness), relative());
      });
    }
  }
}

/** sign(0) = sign(-0) = +1. */
function signOf(tf: TensorFlow, x: Tensor): Tensor {
  return tf.sub(tf.mul(tf.cast(tf.greaterEqual(x, 0), "float32"), 2), 1);
}

/** Where sech^2 v is below 1e-34, and tanh v is +-1 in f32. For SignSwish the core calculates with this v beyond it. */
const LIMIT = 40;

/** v = beta x / 2, bounded as the core bounds it: the argument of SignSwish's hyperbolic functions. */
const halfProduct = (tf: TensorFlow, x: Tensor, beta: number): Tensor =>
  tf.clipByValue(tf.mul(x, beta / 2), -LIMIT, LIMIT);

/** tanh v, sech^2 v, and how far two calculations of them may be apart, relative to either. */
function hyperbolic(
  tf: TensorFlow,
  v: Tensor,
): { readonly tanh: Tensor; readonly square: Tensor; readonly relative: () => Tensor } {
  const magnitude = tf.minimum(tf.abs(v), LIMIT);
  const e = tf.exp(tf.mul(-2, magnitude));
  const sum = tf.add(1, e);
  const far = tf.mul(signOf(tf, v), tf.div(tf.sub(1, e), sum));
  const squared = tf.mul(v, v);
  const series = [62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1].reduce<Tensor>(
    (value, coefficient) => tf.add(tf.mul(value, squared), coefficient),
    tf.scalar(0),
  );
  const tanh = tf.where(tf.less(magnitude, 0.25), tf.mul(v, series), far);
  const square = tf.div(tf.mul(4, e), tf.mul(sum, sum));
  // exp: (3 + 4|v|) ULP; 1 - e loses a factor of at most 5 beyond 1/4; two divisions; both sides.
  const relative = (): Tensor => tf.mul(UNIT, tf.add(128, tf.mul(32, magnitude)));
  return { tanh, square, relative };
}

/** F(x) whose gradient is dy B(x): what ProxConnect++ puts where the derivative of F would be. */
export function quantize(tf: TensorFlow, moment: QuantizerMoment | null, x: Tensor): Tensor {
  if (moment === null) return x;
  const { forward, backward, parameters } = moment;
  const operation = tf.customGrad((given, save) => {
    const argument = given as Tensor;
    (save as (tensors: Tensor[]) => void)([argument]);
    return {
      value: forwardMap(tf, forward, argument, parameters).value,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        tf.mul(dy, backwardMap(tf, backward, saved[0] as Tensor, parameters).value),
    };
  });
  return operation(x);
}
