/**
 * The maps of quantizers in tfjs, each from its definition (`ts/quantizers/maps.ts` has the formulas and their sources), with
 * the distance that two calculations of them in f32 may have.
 *
 * tanh and sech^2 are written with e = exp(-2|v|), whose relative error is (3 + 4|v|) ULP on a graphics card; near 0 tanh is
 * its Taylor polynomial of degree 9, since 1 - e would cancel there (the next term is below 2^-26 for |v| < 1/4).
 */
import { splitParameters } from "../quantizers/maps.ts";
import type { BackwardMap, ForwardMap, MapTable, Quantizer } from "../quantizers/quantizer.ts";
import { evaluateSchedule } from "../quantizers/schedule.ts";
import { stateAt } from "../quantizers/state.ts";
import { FEW, UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** Which maps act at a moment of a run, and their parameters in f32. */
export interface QuantizerMoment {
  /** P; a hard forward map reads x itself, the backward map P(x). */
  readonly proximal: ForwardMap;
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  readonly parameters: readonly number[];
  readonly table: MapTable | null;
  /** Whether F(x) is -1 or +1 for every x. */
  readonly hard: boolean;
}

/** `quantizer` at `progress` in [0, 1]; `hard` makes its forward map what it is at the end, the sign or levels. */
export function momentOf(quantizer: Quantizer, progress: number, hard = false): QuantizerMoment {
  const signs = quantizer.hard === "sign" && (hard || stateAt(quantizer, progress).hard);
  const moment = hard ? 1 : progress;
  return {
    proximal: quantizer.proximal,
    forward: signs ? "sign" : quantizer.forward,
    backward: quantizer.backward,
    parameters: quantizer.parameters.map((schedule) => Math.fround(evaluateSchedule(schedule, moment))),
    table: quantizer.table,
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

/** F(x): the forward map of P(x), or the sign of x. */
export function quantized(tf: TensorFlow, moment: QuantizerMoment, x: Tensor): Near {
  const { proximal, forward, parameters, table, hard } = moment;
  const [own, shared] = splitParameters(proximal, parameters);
  return composed(tf, hard || forward === "sign" ? "identity" : proximal, own, x, (at) =>
    forwardMap(tf, forward, at, shared, table),
  );
}

/** B(x): the backward map of P(x). */
export function slope(tf: TensorFlow, moment: QuantizerMoment, x: Tensor): Near {
  const { proximal, backward, parameters, table } = moment;
  const [own, shared] = splitParameters(proximal, parameters);
  return composed(tf, proximal, own, x, (at) => backwardMap(tf, backward, at, shared, table));
}

/**
 * The map of P(x). What P(x) is off by moves the map, which rises or falls throughout so short a way (or is flat to first
 * order), no further than to either end of it; the map's values there are off themselves by its own distance.
 */
function composed(
  tf: TensorFlow,
  proximal: ForwardMap,
  own: readonly number[],
  x: Tensor,
  map: (at: Tensor) => Near,
): Near {
  if (proximal === "identity") return map(x);
  const inner = forwardMap(tf, proximal, x, own, null);
  const outer = map(inner.value);
  return near(outer.value, () => {
    const [below, above] = [tf.sub(inner.value, inner.distance), tf.add(inner.value, inner.distance)];
    const moved = (at: Tensor): Tensor => tf.abs(tf.sub(map(at).value, outer.value));
    return tf.add(tf.mul(2, outer.distance), tf.add(moved(below), moved(above)));
  });
}

/** The forward map of this name by itself. */
export function forwardMap(
  tf: TensorFlow,
  map: ForwardMap,
  x: Tensor,
  parameters: readonly number[],
  table: MapTable | null = null,
): Near {
  const [first = 0, second = 0] = parameters;
  const within = (value: Tensor, relative: number): Near => near(value, () => tf.mul(tf.abs(value), relative));
  switch (map) {
    case "identity":
      // Another tensor: tfjs would add the gradient at its own argument to that at the result.
      return within(tf.clone(x), 0);
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
    case "tanh": {
      const { tanh, relative } = hyperbolic(tf, tf.mul(x, first));
      return near(tanh, () => tf.mul(tf.abs(tanh), relative()));
    }
    case "proxQuant": {
      const magnitude = tf.abs(x);
      const excess = tf.sub(magnitude, 1);
      const height = tf.add(1, tf.sub(excess, tf.clipByValue(excess, -first, first)));
      return near(tf.mul(signOf(tf, x), height), () => tf.mul(tf.add(magnitude, 1), 8 * UNIT));
    }
    case "unitLevels":
      return within(tf.div(tf.round(tf.mul(tf.clipByValue(x, 0, 1), first)), first), FEW);
    case "symmetricLevels": {
      const share = tf.add(tf.mul(tf.clipByValue(x, -1, 1), 0.5), 0.5);
      const value = tf.sub(tf.div(tf.mul(2, tf.round(tf.mul(share, first))), first), 1);
      return near(value, () => tf.fill(x.shape, FEW));
    }
    case "table":
      return interpolated(tf, table, table?.forward, x);
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

/** The backward map of this name by itself. */
export function backwardMap(
  tf: TensorFlow,
  map: BackwardMap,
  x: Tensor,
  parameters: readonly number[],
  table: MapTable | null = null,
): Near {
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
    case "tanhPrime":
    case "edePrime": {
      const gain = map === "tanhPrime" ? first : Math.max(1 / first, 1) * first;
      const v = tf.mul(x, first);
      const { square, relative } = hyperbolic(tf, v);
      const value = tf.mul(square, gain);
      // A rounded argument changes sech^2 v by 2 |v| of its rounding, and by nothing where sech^2 v has faded.
      return near(value, () => tf.mul(tf.mul(value, relative()), tf.add(1, tf.mul(2, tf.minimum(tf.abs(v), LIMIT)))));
    }
    case "rbnnPrime": {
      const gain = Math.max(1 / first, 1) * first;
      const value = tf.mul(gain, tf.relu(tf.sub(Math.fround(Math.SQRT2), tf.mul(first, tf.abs(x)))));
      return near(value, () => tf.fill(x.shape, 16 * UNIT * gain));
    }
    case "restePrime": {
      const magnitude = tf.abs(x);
      const [start, end] = [Math.fround(0.1), 1.5];
      const logarithm = tf.log(tf.clipByValue(magnitude, start, end));
      const power = tf.div(tf.exp(tf.mul((1 - first) / first, logarithm)), first);
      const inside = tf.where(tf.lessEqual(magnitude, start), tf.fill(x.shape, 0.1 ** (1 / first) / 0.1), power);
      const value = tf.where(tf.lessEqual(magnitude, end), inside, tf.zerosLike(x));
      // A logarithm of 2.4 at most: 2^-21 or 3 ULP a side; its exponential another 8 ULP.
      return near(value, () => tf.mul(value, 2 ** -20 + 128 * UNIT));
    }
    case "fdaPrime":
      return cosineSum(tf, x, Math.floor(first));
    case "unitBox": {
      const inside = tf.logicalAnd(tf.greaterEqual(x, 0), tf.lessEqual(x, 1));
      return exactly(tf, tf.cast(inside, "float32"));
    }
    case "clippedBox":
      return exactly(tf, tf.cast(tf.lessEqual(tf.abs(x), first), "float32"));
    case "table":
      return interpolated(tf, table, table?.backward, x);
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

/**
 * (4 w / pi) times the sum of cos((2 i + 1) w x) over i = 0..n, on [-1, 1], w = 0.1: the Taylor series of the whole sum in
 * x^2, whose coefficients are (-1)^k w^(2k) / (2k)! times the sum of (2 i + 1)^(2k). (Graphics cards may miss a cosine by
 * 2^-11.)
 */
function cosineSum(tf: TensorFlow, x: Tensor, n: number): Near {
  const frequency = 0.1;
  const scale = (4 * frequency) / Math.PI;
  const odd = Array.from({ length: n + 1 }, (_, i) => (2 * i + 1) * frequency);
  // An argument of m at most: beyond the term m e + 16 the series is below 2^-24 of its first.
  const count = Math.ceil((Math.E * (odd.at(-1) as number)) / 2) + 8;
  let powers = odd.map(() => scale);
  const coefficients = Array.from({ length: count }, (_, k) => {
    const coefficient = powers.reduce((sum, power) => sum + power, 0);
    powers = powers.map((power, i) => (-power * (odd[i] as number) ** 2) / ((2 * k + 1) * (2 * k + 2)));
    return coefficient;
  });
  const squared = tf.square(tf.clipByValue(x, -1, 1));
  const inside = tf.cast(tf.lessEqual(tf.abs(x), 1), "float32");
  const series = (terms: readonly number[]): Tensor =>
    tf.mul(
      inside,
      terms.reduceRight<Tensor>((sum, term) => tf.add(tf.mul(sum, squared), term), tf.scalar(0)),
    );
  // Ours is a recurrence of n steps, whose roundings add up twice.
  const ours = scale * (n + 1) ** 2 * (1 + n / 20) * 4 * UNIT;
  return near(series(coefficients), () =>
    tf.add(tf.mul(series(coefficients.map(Math.abs)), 2 * (count + 2) * UNIT), ours),
  );
}

/** Linear between `samples`, constant outside. */
function interpolated(tf: TensorFlow, table: MapTable | null, samples: readonly number[] | undefined, x: Tensor): Near {
  if (table === null || samples === undefined) throw new Error("a map of samples without its table");
  const last = samples.length - 1;
  const density = Math.fround(last / (table.to - table.from));
  const position = tf.clipByValue(tf.mul(tf.sub(x, Math.fround(table.from)), density), 0, last);
  const at = tf.minimum(tf.floor(position), last - 1);
  const value = (offset: number): Tensor => tf.gather(tf.tensor1d([...samples]), tf.cast(tf.add(at, offset), "int32"));
  const [low, high] = [value(0), value(1)];
  const steepest = Math.max(...samples.slice(1).map((sample, i) => Math.abs(sample - (samples[i] as number))));
  return near(tf.add(low, tf.mul(tf.sub(position, at), tf.sub(high, low))), () => {
    const moved = tf.mul(tf.add(position, 1), 8 * UNIT * steepest);
    return tf.add(moved, tf.mul(tf.maximum(tf.abs(low), tf.abs(high)), 8 * UNIT));
  });
}

/** F(x) whose gradient is dy B(x): what ProxConnect++ puts where the derivative of F would be. */
export function quantize(tf: TensorFlow, moment: QuantizerMoment | null, x: Tensor): Tensor {
  if (moment === null) return x;
  const operation = tf.customGrad((given, save) => {
    const argument = given as Tensor;
    (save as (tensors: Tensor[]) => void)([argument]);
    return {
      value: quantized(tf, moment, argument).value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(dy, slope(tf, moment, saved[0] as Tensor).value),
    };
  });
  return operation(x);
}
