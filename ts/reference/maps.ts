/**
 * The maps of quantizers in tfjs, each from its definition (`ts/quantizers/maps/` has the formulas and their sources), with
 * the distance that two calculations of them in f32 may have.
 */
import type { ElementwiseFunction } from "../quantizers/functions.ts";
import { splitParameters } from "../quantizers/maps.ts";
import type { BackwardMap, ForwardMap, MapTable, Quantizer } from "../quantizers/quantizer.ts";
import { evaluateSchedule } from "../quantizers/schedule.ts";
import { stateAt } from "../quantizers/state.ts";
import { elasticBox, elasticFactors, elasticSign, elasticUnit, elasticUnitBox } from "./maps/elastic.ts";
import { fdaPrime, rbnnPrime, restePrime } from "./maps/estimators.ts";
import { gelu, geluPrime } from "./maps/gelu.ts";
import { ede, edePrime, sigmoid, sigmoidPrime, signSwish, signSwishPrime, tanh, tanhPrime } from "./maps/hyperbolic.ts";
import { type Near, near } from "./maps/near.ts";
import type { BackwardTwin, ForwardTwin } from "./maps/record.ts";
import { interpolated } from "./maps/sampled.ts";
import * as straight from "./maps/straight.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

export { exactly, type Near, near } from "./maps/near.ts";

const forwardTwins: { readonly [Name in Exclude<ForwardMap, "table">]: ForwardTwin<Name> } = {
  identity: straight.identity,
  sign: straight.sign,
  piecewiseLinear: straight.piecewiseLinear,
  hardTanh: straight.hardTanh,
  signSwish,
  poly: straight.poly,
  ede,
  tanh,
  proxQuant: straight.proxQuant,
  unitLevels: straight.unitLevels,
  symmetricLevels: straight.symmetricLevels,
  relu: straight.relu,
  relu6: straight.relu6,
  sigmoid,
  gelu,
  elasticSign,
  elasticUnit,
};

const backwardTwins: { readonly [Name in Exclude<BackwardMap, "table">]: BackwardTwin<Name> } = {
  one: straight.one,
  box: straight.box,
  polyPrime: straight.polyPrime,
  signSwishPrime,
  edePrime,
  tanhPrime,
  rbnnPrime,
  restePrime,
  fdaPrime,
  unitBox: straight.unitBox,
  clippedBox: straight.clippedBox,
  reluPrime: straight.reluPrime,
  relu6Prime: straight.relu6Prime,
  sigmoidPrime,
  geluPrime,
  elasticBox,
  elasticUnitBox,
};

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
  /** Numbers that a layer learns, which the maps read in the place of `parameters`; absent or empty for most. */
  readonly learned?: readonly Tensor[];
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

/** An elementwise function, which is the same throughout a run. */
export function momentOfFunction({ forward, backward, parameters }: ElementwiseFunction): QuantizerMoment {
  const maps = { proximal: "identity", forward, backward, table: null, hard: false } as const;
  return { ...maps, parameters: parameters.map(Math.fround) };
}

/** The numbers that P reads, and those that the maps behind it read. */
function numbersOf({ proximal, parameters, learned = [] }: QuantizerMoment): readonly [readonly number[], Numbers] {
  const [own, shared] = splitParameters(proximal, parameters);
  return [own, learned.length > 0 ? learned : shared];
}

/** F(x): the forward map of P(x), or the sign of x. */
export function quantized(tf: TensorFlow, moment: QuantizerMoment, x: Tensor): Near {
  const { proximal, forward, table, hard } = moment;
  const [own, shared] = numbersOf(moment);
  return composed(tf, hard || forward === "sign" ? "identity" : proximal, own, x, (at) =>
    forwardMap(tf, forward, at, shared, table),
  );
}

/** B(x): the backward map of P(x). */
export function slope(tf: TensorFlow, moment: QuantizerMoment, x: Tensor): Near {
  const { proximal, backward, table } = moment;
  const [own, shared] = numbersOf(moment);
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

/** Parameters of a map; those that are learned are tensors. */
type Numbers = readonly (number | Tensor)[];

type Twin = (tf: TensorFlow, x: Tensor, ...parameters: Numbers) => Near;

/** The forward map of this name by itself. */
export function forwardMap(
  tf: TensorFlow,
  map: ForwardMap,
  x: Tensor,
  parameters: Numbers,
  table: MapTable | null = null,
): Near {
  if (map === "table") return interpolated(tf, table, table?.forward, x);
  const twin = forwardTwins[map] as Twin;
  return twin(tf, x, ...parameters);
}

/** The backward map of this name by itself. */
export function backwardMap(
  tf: TensorFlow,
  map: BackwardMap,
  x: Tensor,
  parameters: Numbers,
  table: MapTable | null = null,
): Near {
  if (map === "table") return interpolated(tf, table, table?.backward, x);
  const twin = backwardTwins[map] as Twin;
  return twin(tf, x, ...parameters);
}

/**
 * F(x) whose gradient is dy B(x): what ProxConnect++ puts where the derivative of F would be. Numbers that are learned have the
 * gradients that their map states.
 */
export function quantize(tf: TensorFlow, moment: QuantizerMoment | null, x: Tensor): Tensor {
  if (moment === null) return x;
  const { learned = [] } = moment;
  const operation = tf.customGrad((...all) => {
    const [given, ...numbers] = all.slice(0, 1 + learned.length) as unknown as [Tensor, ...Tensor[]];
    const save = all.at(-1) as unknown as (tensors: Tensor[]) => void;
    save([given, ...numbers]);
    return {
      value: quantized(tf, { ...moment, learned: numbers }, given).value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [at, ...there] = saved as [Tensor, ...Tensor[]];
        return [
          tf.mul(dy, slope(tf, { ...moment, learned: there }, at).value),
          ...learnedGradients(tf, moment, at, there, dy),
        ] as never;
      },
    };
  });
  return operation(x, ...learned);
}

/** The gradients at the numbers that are learned, of `dy` at F(x). */
export function learnedGradients(
  tf: TensorFlow,
  { forward }: QuantizerMoment,
  x: Tensor,
  numbers: readonly Tensor[],
  dy: Tensor,
): readonly Tensor[] {
  if (numbers.length === 0) return [];
  return elasticFactors(tf, forward, x, numbers).map(({ value }, i) =>
    tf.reshape(tf.sum(tf.mul(dy, value)), (numbers[i] as Tensor).shape),
  );
}
