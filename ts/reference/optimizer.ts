/**
 * One update of a parameter in tfjs: SGD in PyTorch's form, Adam (Kingma and Ba, 2015, algorithm 1) with decoupled decay as
 * AdamW (Loshchilov and Hutter, 2019), RMSprop (Tieleman and Hinton, 2012) and Lion (Chen et al., 2023), and then the clipping
 * of latent weights; Bop (Helwegen et al., 2019) and its second
 * order (Suarez-Ramirez et al., 2021), which flip binary weights.
 */
import type { Graph } from "../nn/graph.ts";
import { networkOf } from "../nn/network.ts";
import { splitParameters } from "../quantizers/maps.ts";
import type { ParameterOptimizer } from "../train/optimizers/optimizers.ts";
import { hyperOf } from "../train/optimizers/updates.ts";
import { exactly, forwardMap, momentOf, type Near, near } from "./maps.ts";
import { FEW, UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** A parameter, its gradient and the optimizer's tensors for it: velocity, or first and second moment. */
interface Updated {
  readonly weights: Near;
  readonly slots: readonly Near[];
}

/** The place of an update: the share of the run that is done, its number from 1, and the bound on abs(w), 0 for none. */
interface UpdateMoment {
  readonly progress: number;
  readonly update: number;
  readonly clip: number;
}

/** The numbers of an update. */
interface Given {
  readonly tf: TensorFlow;
  readonly hyper: readonly number[];
  readonly weights: Tensor;
  readonly gradient: Tensor;
  readonly slots: readonly Tensor[];
  /** The bound on abs(w), 0 for none. */
  readonly clip: number;
}

type ByKind = { readonly [Own in ParameterOptimizer as Own["kind"]]: Own };
type Kind = keyof ByKind;

/** A method, so that an entry can stand where the kind is not known. */
interface Rule<Own extends Kind> {
  update(given: Given, optimizer: ByKind[Own]): Updated;
}

const rules: { readonly [Own in Kind]: Rule<Own> } = {
  sgd: { update: (given, { nesterov }) => clipped(given, sgd(given, nesterov)) },
  adam: { update: (given, { decoupled }) => clipped(given, adam(given, decoupled)) },
  rmsprop: { update: (given) => clipped(given, rmsprop(given)) },
  lion: { update: (given) => clipped(given, lion(given)) },
  bop: { update: bop },
  bop2: { update: secondBop },
  qpsbgd: { update: (given, { projected }) => alongDirection(given, projected) },
};

/** QP-SBGD: the direction stands, negative, where a gradient does. */
function alongDirection({ tf, hyper, weights, gradient }: Given, projected: boolean): Updated {
  const moved = tf.sub(weights, tf.mul(gradient, hyper[0] as number)) as Tensor;
  if (!projected) return { weights: near(moved, () => tf.mul(tf.abs(moved), FEW)), slots: [] };
  return { weights: exactly(tf, tf.sub(tf.mul(2, tf.cast(tf.greaterEqual(moved, 0), "float32")), 1)), slots: [] };
}

/** The parameter and the optimizer's tensors after an update. */
export function update(
  tf: TensorFlow,
  optimizer: ParameterOptimizer,
  weights: Tensor,
  gradient: Tensor,
  slots: readonly Tensor[],
  { progress, update: number, clip }: UpdateMoment,
): Updated {
  const hyper = hyperOf(optimizer, progress, number, clip).map(Math.fround);
  const rule: Rule<Kind> = rules[optimizer.kind];
  return rule.update({ tf, hyper, weights, gradient, slots, clip }, optimizer);
}

/** The update with its weights kept within the bound. Bop's weights need none. */
function clipped({ tf, clip }: Given, moved: Updated): Updated {
  if (clip === 0) return moved;
  const { weights, slots } = moved;
  return { weights: near(tf.clipByValue(weights.value, -clip, clip), () => weights.distance), slots };
}

function sgd({ tf, hyper, weights, gradient, slots }: Given, nesterov: boolean): Updated {
  const [rate = 0, momentum = 0, decay = 0] = hyper;
  const [velocity] = slots;
  const g = decay === 0 ? gradient : tf.add(gradient, tf.mul(weights, decay));
  const old = velocity ?? tf.zerosLike(weights);
  const moving = momentum !== 0;
  const v = moving ? tf.add(tf.mul(old, momentum), g) : old;
  const direction = moving ? (nesterov ? tf.add(g, tf.mul(v, momentum)) : v) : g;
  /** The magnitudes that v adds up. */
  const height = (): Tensor =>
    tf.add(tf.mul(tf.abs(old), momentum), tf.add(tf.abs(gradient), tf.abs(tf.mul(weights, decay))));
  const slot = near(v, () => tf.mul(height(), moving ? 8 * UNIT : 0));
  const moved = near(tf.sub(weights, tf.mul(direction, rate)), () =>
    tf.mul(tf.add(tf.abs(weights), tf.mul(height(), 4 * rate)), 4 * UNIT),
  );
  return { weights: moved, slots: velocity === undefined ? [] : [slot] };
}

function adam({ tf, hyper, weights, gradient, slots }: Given, decoupled: boolean): Updated {
  const [first, second] = slots;
  const [rate, beta1, beta2, epsilon, decay, , correction1, correction2] = hyper as [
    number,
    number,
    number,
    number,
    ...number[],
  ];
  const coupled = decoupled ? 0 : (decay as number);
  const g = coupled === 0 ? gradient : tf.add(gradient, tf.mul(weights, coupled));
  const [m0, v0] = [first ?? tf.zerosLike(weights), second ?? tf.zerosLike(weights)];
  const m = tf.add(tf.mul(m0, beta1), tf.mul(g, Math.fround(1 - beta1)));
  const v = tf.add(tf.mul(v0, beta2), tf.mul(tf.square(g), Math.fround(1 - beta2)));
  const root = tf.add(tf.sqrt(tf.div(v, correction2 as number)), epsilon);
  const step = tf.mul(tf.div(tf.div(m, correction1 as number), root), rate);
  const kept = decoupled ? tf.mul(weights, Math.fround(1 - Math.fround(rate * (decay as number)))) : weights;
  /** The magnitudes that g adds up, and then m and v. */
  const height = (): Tensor => tf.add(tf.abs(gradient), tf.mul(tf.abs(weights), coupled));
  const mNear = near(m, () => tf.mul(tf.add(tf.mul(tf.abs(m0), beta1), tf.mul(height(), 1 - beta1)), 8 * UNIT));
  const vNear = near(v, () => tf.mul(tf.add(tf.mul(v0, beta2), tf.mul(tf.square(height()), 1 - beta2)), 16 * UNIT));
  const moved = near(tf.sub(kept, step), () => {
    const fromFirst = tf.mul(tf.div(mNear.distance, root), rate / (correction1 as number));
    // sqrt(v) has half the relative distance of v, a sum of squares.
    const fromSecond = tf.mul(tf.abs(step), FEW);
    return tf.add(tf.add(fromFirst, fromSecond), tf.mul(tf.abs(weights), 8 * UNIT));
  });
  return { weights: moved, slots: [mNear, vNear] };
}

function rmsprop({ tf, hyper, weights, gradient, slots: [square, velocity] }: Given): Updated {
  const [rate, rho, momentum, epsilon, decay] = hyper as [number, number, number, number, number];
  const g = decay === 0 ? gradient : tf.add(gradient, tf.mul(weights, decay));
  const [v0, b0] = [square ?? tf.zerosLike(weights), velocity ?? tf.zerosLike(weights)];
  const v = tf.add(tf.mul(v0, rho), tf.mul(tf.square(g), Math.fround(1 - rho)));
  const root = tf.add(tf.sqrt(v), epsilon);
  const scaled = tf.div(g, root);
  const b = momentum === 0 ? b0 : tf.add(tf.mul(b0, momentum), scaled);
  /** The magnitudes that g adds up, and then v and b. */
  const height = tf.add(tf.abs(gradient), tf.mul(tf.abs(weights), decay));
  const vNear = near(v, () => tf.mul(tf.add(tf.mul(v0, rho), tf.mul(tf.square(height), 1 - rho)), 16 * UNIT));
  // sqrt(v) has half the relative distance of v, a sum of squares.
  const error = tf.add(tf.mul(tf.div(height, root), 8 * UNIT), tf.mul(tf.abs(scaled), FEW));
  const bNear = near(b, () =>
    momentum === 0 ? tf.zerosLike(b) : tf.add(error, tf.mul(tf.abs(tf.mul(b0, momentum)), 8 * UNIT)),
  );
  const moved = near(tf.sub(weights, tf.mul(momentum === 0 ? scaled : b, rate)), () => {
    const fromStep = tf.mul(tf.add(error, tf.mul(tf.abs(b0), 16 * momentum * UNIT)), 2 * rate);
    return tf.add(fromStep, tf.mul(tf.abs(weights), 8 * UNIT));
  });
  return { weights: moved, slots: [vNear, bNear] };
}

function lion({ tf, hyper, weights, gradient, slots: [mean] }: Given): Updated {
  const [rate, beta1, beta2, decay] = hyper as [number, number, number, number];
  const m0 = mean ?? tf.zerosLike(weights);
  const mix = (beta: number): Tensor => tf.add(tf.mul(m0, beta), tf.mul(gradient, Math.fround(1 - beta)));
  const height = (beta: number): Tensor =>
    tf.mul(tf.add(tf.mul(tf.abs(m0), beta), tf.mul(tf.abs(gradient), 1 - beta)), 8 * UNIT);
  const mixed = mix(beta1);
  const kept = tf.mul(weights, Math.fround(1 - Math.fround(rate * decay)));
  const moved = near(tf.sub(kept, tf.mul(tf.sign(mixed), rate)), () => {
    // Either sign is right within rounding of 0, but 0 itself, which no rounding makes out of anything else.
    const undecided = tf.logicalAnd(tf.lessEqual(tf.abs(mixed), height(beta1)), tf.greater(height(beta1), 0));
    const jump = tf.mul(tf.cast(undecided, "float32"), 2 * rate);
    return tf.add(jump, tf.mul(tf.add(tf.abs(weights), rate), 8 * UNIT));
  });
  return { weights: moved, slots: [near(mix(beta2), () => height(beta2))] };
}

function bop({ tf, hyper, weights, gradient, slots: [mean] }: Given): Updated {
  const [gamma = 0, threshold = 0] = hyper;
  const m = meanOf(tf, mean ?? tf.zerosLike(weights), gradient, gamma);
  return { weights: flip(tf, weights, m, threshold), slots: [m] };
}

function secondBop({ tf, hyper, weights, gradient, slots: [mean, square] }: Given): Updated {
  const [gamma, sigma, threshold, epsilon, first, second] = hyper as [number, number, number, number, number, number];
  const m = meanOf(tf, mean ?? tf.zerosLike(weights), gradient, gamma);
  const v = meanOf(tf, square ?? tf.zerosLike(weights), tf.square(gradient), sigma);
  const root = tf.add(tf.sqrt(tf.div(v.value, second)), epsilon);
  const score = tf.div(tf.div(m.value, first), root);
  const scored = near(score, () => {
    const fromMean = tf.div(tf.div(m.distance, first), root);
    // sqrt(v) has half the relative distance of v, a sum of squares.
    return tf.add(fromMean, tf.mul(tf.abs(score), FEW));
  });
  return { weights: flip(tf, weights, scored, threshold), slots: [m, v] };
}

/** (1 - rate) of what was and `rate` of what is new. */
function meanOf(tf: TensorFlow, old: Tensor, given: Tensor, rate: number): Near {
  const value = tf.add(tf.mul(old, 1 - rate), tf.mul(given, rate));
  return near(value, () => {
    const height = tf.add(tf.abs(old), tf.mul(tf.add(tf.abs(given), tf.abs(old)), rate));
    return tf.mul(height, 8 * UNIT);
  });
}

/** Weights whose score has their sign and lies above the threshold, flipped; either sign is right within rounding of it. */
function flip(tf: TensorFlow, weights: Tensor, score: Near, threshold: number): Near {
  const along = tf.mul(weights, score.value);
  const value = tf.where(tf.greater(along, threshold), tf.neg(weights), weights);
  return near(value, () => {
    const undecided = tf.lessEqual(tf.abs(tf.sub(along, threshold)), tf.add(score.distance, threshold * UNIT));
    return tf.mul(tf.cast(undecided, "float32"), 2);
  });
}

/** The bound that a quantizer puts on the latent weights of the parameter `name`; 0 for none. */
export const clipOf = (graph: Graph, name: string): number => networkOf(graph).quantizers.get(name)?.clipLatent ?? 0;

/** The weights that a step goes on from: what the quantizer's `restart` makes of those it began with. */
export function restarted(tf: TensorFlow, graph: Graph, name: string, weights: Tensor, progress: number): Near {
  const quantizer = networkOf(graph).quantizers.get(name);
  if (quantizer === undefined || quantizer.restart === "identity") return exactly(tf, weights);
  const { proximal, parameters } = momentOf(quantizer, progress);
  const [, shared] = splitParameters(proximal, parameters);
  return forwardMap(tf, quantizer.restart, weights, shared);
}
