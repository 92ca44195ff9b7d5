/**
 * The training step of a graph in tfjs, as its users write it. It has tfjs's own convolutions, batch norms over the
 * batch, softmax cross entropy and Adam. Weights and activations are straight-through signs. It leaves running
 * statistics out.
 *
 * The trainer of ts/reference is no contestant, because it follows ours. It composes batch norm of plain operations and
 * updates running statistics. It gives a pool's gradient to the first of equal maxima.
 */

import type { Split } from "../../ts/data/dataset.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { parameterName } from "../../ts/nn/network.ts";
import { isProduct } from "../../ts/nn/nodes.ts";
import { elementsOf } from "../../ts/nn/shapes.ts";
import { tf } from "../peers/tfjs.ts";
import { runGraph, variablesOf } from "../peers/tfjs-network.ts";

export interface TfjsStep {
  /** Makes a step, waits until it is done to the last update, and answers its loss. */
  readonly step: () => Promise<number>;
  readonly dispose: () => void;
}

/** The sign with sign(0) = +1; its gradient passes where |x| <= 1. */
const sign = tf.customGrad((x, save) => {
  const value = x as tf.Tensor;
  (save as tf.GradSaveFunc)([value]);
  const signs = tf.sub(tf.mul(tf.cast(tf.greaterEqual(value, 0), "float32"), 2), 1);
  const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor =>
    tf.mul(dy, tf.cast(tf.lessEqual(tf.abs(saved[0] as tf.Tensor), 1), "float32"));
  return { value: signs, gradFunc };
}) as (x: tf.Tensor) => tf.Tensor;

function norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, [...Array(x.rank - 1).keys()]);
  return tf.batchNorm(
    x as tf.Tensor4D,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    beta as tf.Tensor1D,
    gamma as tf.Tensor1D,
    1e-3,
  );
}

/** Steps on the first `batch` images, from `weights` where they are given and from random ones where not. */
export function tfjsStep(
  graph: Graph,
  train: Split,
  batch: number,
  weights?: ReadonlyMap<string, Float32Array>,
): TfjsStep {
  const variables = variablesOf(graph, weights);
  const latents = graph.nodes.flatMap((node) =>
    isProduct(node) && node.attributes.weightQuantizer !== null
      ? [variables.get(parameterName(node, "kernel")) as tf.Variable]
      : [],
  );
  const last = [...variables.values()].at(-1) as tf.Variable;
  const optimizer = tf.train.adam(1e-3);
  const shape = [batch, ...train.shape];
  const pixels = train.images.subarray(0, elementsOf(shape));
  const labels = tf.oneHot(tf.tensor1d(Int32Array.from(train.labels.subarray(0, batch)), "int32"), 10);
  const step = async (): Promise<number> => {
    const loss = optimizer.minimize(
      () => {
        const x = tf.add(tf.mul(tf.tensor(Float32Array.from(pixels), shape), train.scale), train.offset);
        return tf.losses.softmaxCrossEntropy(labels, runGraph(graph, x, variables, { sign, norm })) as tf.Scalar;
      },
      true,
      [...variables.values()],
    );
    tf.tidy(() => {
      for (const latent of latents) latent.assign(tf.clipByValue(latent, -1, 1));
    });
    const value = (await loss?.data())?.[0] ?? Number.NaN;
    loss?.dispose();
    // A graphics card still works on the updates when the loss is there; it does all in order.
    await last.data();
    return value;
  };
  const dispose = (): void => {
    tf.dispose([labels, ...variables.values()]);
    optimizer.dispose();
  };
  return { step, dispose };
}
