/** The peers on a problem. Each runs the whole operation in the form it knows. */

import type { Contestant } from "../frame/race.ts";
import { ort, ortSession, ortVersion } from "../peers/onnxruntime.ts";
import { tf, tfWasmVersion, useWasmBackend } from "../peers/tfjs.ts";
import type { Problem } from "./problem.ts";

export interface Peer extends Contestant {
  /** The sums of the last run, `[size][size][channels]`. A quantised peer gives levels. */
  readonly sums: () => Promise<ArrayLike<number>>;
  readonly dispose: () => unknown;
}

/** tfjs-backend-wasm: conv2d in f32. Its sums are exact, because they are whole numbers far below 2^24. */
export async function tfjsConvolution({ size, channels, x, kernel }: Problem): Promise<Peer> {
  await useWasmBackend();
  const input = tf.tensor4d(x, [1, size, size, channels]);
  const weights = tf.tensor4d(kernel, [3, 3, channels, channels]);
  let y: tf.Tensor | undefined;
  return {
    name: "tfjs-backend-wasm f32",
    version: tfWasmVersion,
    run: () => {
      y?.dispose();
      y = tf.conv2d(input, weights, 1, "same");
    },
    sums: async () => (y === undefined ? [] : y.data()),
    dispose: () => tf.dispose([input, weights, ...(y === undefined ? [] : [y])]),
  };
}

/** The width of a level of the quantised output: five standard deviations of the sums fit. */
export const levelWidth = ({ channels }: Problem): number => Math.sqrt(9 * channels) / 24;

/**
 * onnxruntime-web: QLinearConv, its product for bytes. Activations are uint8 (zero point 1, so 0 and 2 are -1 and +1),
 * weights int8, results 256 levels. This is the fast one of its byte products; int8 by int8 is many times slower.
 */
export async function ortConvolution(problem: Problem): Promise<Peer> {
  const { size, channels } = problem;
  const weights = new Int8Array(problem.kernel.length);
  for (const [at, weight] of problem.kernel.entries()) {
    const [row, filter] = [Math.floor(at / channels), at % channels];
    weights[(filter * channels + (row % channels)) * 9 + Math.floor(row / channels)] = weight;
  }
  const x = new Uint8Array(problem.x.length);
  for (const [at, value] of problem.x.entries()) {
    x[(at % channels) * size * size + Math.floor(at / channels)] = value + 1;
  }
  const level = levelWidth(problem);
  const dims = [1, channels, size, size];
  const session = await ortSession({
    nodes: [
      {
        op: "QLinearConv",
        inputs: ["x", "one", "x_zero", "w", "one", "w_zero", "y_scale", "y_zero"],
        output: "y",
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] },
      },
    ],
    constants: [
      { name: "one", type: "float32", dims: [], data: Float32Array.of(1) },
      { name: "x_zero", type: "uint8", dims: [], data: Uint8Array.of(1) },
      { name: "w", type: "int8", dims: [channels, channels, 3, 3], data: weights },
      { name: "w_zero", type: "int8", dims: [], data: Int8Array.of(0) },
      { name: "y_scale", type: "float32", dims: [], data: Float32Array.of(level) },
      { name: "y_zero", type: "uint8", dims: [], data: Uint8Array.of(128) },
    ],
    input: { name: "x", type: "uint8", dims },
    output: { name: "y", type: "uint8", dims },
  });
  const feeds = { x: new ort.Tensor("uint8", x, dims) };
  let y: ort.Tensor | undefined;
  return {
    name: "onnxruntime-web uint8",
    version: ortVersion,
    run: async () => {
      y = (await session.run(feeds)).y;
    },
    sums: async () => {
      const levels = (await y?.getData()) as Uint8Array;
      const sums = new Float32Array(levels.length);
      for (const [at, value] of levels.entries()) {
        sums[(at % (size * size)) * channels + Math.floor(at / (size * size))] = (value - 128) * level;
      }
      return sums;
    },
    dispose: () => session.release(),
  };
}
