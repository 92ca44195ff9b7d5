/**
 * Training on tfjs: the same graph, forward, loss, backward by tfjs's own differentiation with each quantizer's B in place of
 * F's derivative, the optimizer's update, clipping. It follows its own numbers from step to step, but for those that it is
 * told to take from another run. A step of training reads no running statistics, so it keeps none.
 */

import type { Graph } from "../nn/graph.ts";
import { inputShapeOf, networkOf, parameterName } from "../nn/network.ts";
import { isTrained } from "../nn/parameters.ts";
import { type Optimizer, optimizerFor, type ParameterOptimizer } from "../train/optimizers/optimizers.ts";
import { updateOf } from "../train/optimizers/updates.ts";
import { crossEntropyOf } from "./losses/cross-entropy.ts";
import { applied, evaluate } from "./nodes.ts";
import type { Pass, Site } from "./ops/op.ts";
import { clipOf, restarted, update } from "./optimizer.ts";
import type { Tensor, TensorFlow, Variable } from "./tensorflow.ts";

/** A batch: pixels as the network sees them, `[images][height][width][channels]`, and a class for each image. */
export interface Batch {
  readonly images: number;
  readonly pixels: Float32Array;
  readonly labels: ArrayLike<number>;
}

/**
 * Numbers of another run that are taken instead of the own ones where these differ by no more than `within` of a tensor's
 * largest magnitude: values of nodes, and latent weights on their way into a quantizer. Gradients pass as if nothing was taken.
 */
interface Pins {
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly latents: ReadonlyMap<string, Float32Array>;
  readonly within: number;
}

interface ReferenceTrainer {
  /** Makes one step at `progress` of the run, the `update`th, from 1; resolves to the loss before the update. */
  step(batch: Batch, progress: number, update: number, pins?: Pins): Promise<number>;
  /** Frees all tensors. */
  dispose(): void;
}

/** A trainer on the backend that `tf` has in use, from `weights` on. */
export function createReferenceTrainer(
  tf: TensorFlow,
  graph: Graph,
  optimizer: Optimizer,
  weights: ReadonlyMap<string, Float32Array>,
): ReferenceTrainer {
  const { shapes, quantizers, parameters } = networkOf(graph);
  const trained = parameters.filter(isTrained);
  const variables = new Map<string, Variable>();
  const slots = new Map<string, readonly Variable[]>();
  const optimizers = new Map<string, ParameterOptimizer>();
  const variableOf = (make: () => Tensor, isTrained: boolean): Variable =>
    tf.tidy(() => tf.variable(make(), isTrained));
  for (const parameter of trained) {
    const { name, shape } = parameter;
    const own = optimizerFor(optimizer, parameter);
    const start = (): Tensor => tf.tensor(weights.get(name) as Float32Array, [...shape]);
    const zeros = (): Tensor => tf.zeros([...shape]);
    variables.set(name, variableOf(start, true));
    optimizers.set(name, own);
    slots.set(
      name,
      updateOf(own).slots.map(() => variableOf(zeros, false)),
    );
  }
  const variable = (name: string): Variable => variables.get(name) as Variable;

  const lossOf = (x: Tensor, labels: Tensor, pass: Pass, pins: Pins | undefined): Tensor => {
    const parameterOf = (name: string): Tensor =>
      pins !== undefined && quantizers.has(name)
        ? pinned(tf, variable(name), pins.latents.get(name), pins.within)
        : variable(name);
    const values = new Map<string, Tensor>();
    for (const node of graph.nodes) {
      const inputs = node.inputs.length === 0 ? [x] : node.inputs.map((name) => values.get(name) as Tensor);
      const site: Site = {
        pass,
        parameter: (key) => parameterOf(parameterName(node, key)),
        inputShape: shapes.get(node.inputs[0] ?? "") ?? [],
        moments: (given) => tf.moments(given, axesOf(given)),
      };
      const value = evaluate(applied(tf, node, inputs, site));
      values.set(node.name, pins === undefined ? value : pinned(tf, value, pins.values.get(node.name), pins.within));
    }
    return crossEntropyOf(tf, values.get(graph.output) as Tensor, labels);
  };

  const move = (name: string, gradient: Tensor, progress: number, number: number): void => {
    const state = slots.get(name) as readonly Variable[];
    const moment = { progress, update: number, clip: clipOf(graph, name) };
    const own = optimizers.get(name) as ParameterOptimizer;
    const from = restarted(tf, graph, name, variable(name), progress).value;
    const moved = update(tf, own, from, gradient, state, moment);
    variable(name).assign(moved.weights.value);
    for (const [place, { value }] of moved.slots.entries()) {
      // Without momentum the velocity is the one that was.
      if (value !== state[place]) state[place]?.assign(value);
    }
  };

  const inputShape = inputShapeOf(graph);
  return {
    step: async ({ images, pixels, labels }, progress, number, pins) => {
      const pass: Pass = { kind: "train", progress, update: number, seed: 0 };
      const loss = tf.tidy(() => {
        const x = tf.tensor(pixels, [images, ...inputShape]);
        const truth = tf.tensor(Int32Array.from(labels), [images], "int32");
        const varied = trained.map(({ name }) => variable(name));
        const { value, grads } = tf.variableGrads(() => lossOf(x, truth, pass, pins) as never, varied);
        for (const { name } of trained) {
          // It is null where the loss does not depend on the parameter.
          const gradient: Tensor | null = grads[variable(name).name] ?? null;
          if (gradient !== null) move(name, gradient, progress, number);
        }
        return value as Tensor;
      });
      const [value] = await loss.data();
      loss.dispose();
      return value as number;
    },
    dispose: () => tf.dispose([...variables.values(), ...[...slots.values()].flat()]),
  };
}

/** `x`, or the other run's number where it is that but for `within` of the largest magnitude; the gradient is x's. */
function pinned(tf: TensorFlow, x: Tensor, other: Float32Array | undefined, within: number): Tensor {
  if (other === undefined) return x;
  const take = tf.customGrad((given) => {
    const own = given as Tensor;
    const there = tf.tensor(other, own.shape);
    const near = tf.lessEqual(tf.abs(tf.sub(there, own)), tf.mul(tf.max(tf.abs(there)), within));
    return { value: tf.where(near, there, own), gradFunc: (dy: Tensor) => dy };
  });
  return take(x);
}

/** All axes but the last. */
const axesOf = (x: Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, axis) => axis);
