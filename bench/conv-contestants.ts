/**
 * One 3x3 convolution with SAME zero padding on the same +-1 data, by each contestant: our kernels on every build of the
 * core, tfjs-backend-wasm in f32, onnxruntime-web in uint8 by int8. All on one thread, batch 1. Each contestant runs the whole
 * operation, from the input in the form in which it gets it to the output in the form in which it leaves it.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import * as ort from "onnxruntime-web";
import { createArena } from "../ts/runtime/arena.ts";
import {
  encodeConvShape,
  groups,
  lookupWeightBytes,
  outputPixels,
  paddedPixels,
  reduction,
  taps,
  type Window,
  windowShape,
  words,
  wordWeightBytes,
} from "../ts/runtime/conv-shape.ts";
import { instantiate } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import type { Variant } from "../ts/runtime/variants.ts";
import { quantisedConvModel } from "./onnx.ts";

/** The problem: +-1 activations `[size][size][channels]` and kernel `[3][3][channels][channels]`. */
export interface Problem {
  readonly size: number;
  readonly channels: number;
  readonly x: Float32Array;
  readonly kernel: Float32Array;
}

export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** Once the whole operation. */
  readonly run: () => void | Promise<void>;
  /** The sums of the last run, `[size][size][channels]`; a quantised contestant gives what it can. */
  readonly sums: () => Promise<ArrayLike<number>>;
  readonly dispose: () => void | Promise<void>;
}

const require = createRequire(import.meta.url);
const ownVersion: string = require("../package.json").version;

/** Our three kernels over one build, and the look-up kernel from f32 activations: packing included. */
export async function ours(variant: Variant, problem: Problem): Promise<Contestant[]> {
  const { exports, memory } = instantiate(await loadModule(variant), {});
  const { size, channels } = problem;
  const window: Window = {
    ...{ height: size, width: size, channels, kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 },
    ...{ padTop: 1, padLeft: 1, paddedHeight: size + 2, paddedWidth: size + 2, outHeight: size, outWidth: size },
    ...{ filters: channels, padValue: "zero" },
  };
  const shape = windowShape(1, window);
  const [k, outputs] = [reduction(shape), outputPixels(shape) * channels];

  const arena = createArena(memory.grow(1024) * 65_536);
  const descriptor = arena.allocate(64);
  const x = arena.allocate(4 * problem.x.length);
  const kernel = arena.allocate(4 * problem.kernel.length);
  const file = arena.allocate(channels * Math.ceil(k / 8));
  const nibbles = arena.allocate(paddedPixels(shape) * groups(channels));
  const bits = arena.allocate(8 * paddedPixels(shape) * words(channels));
  const lookupWeights = arena.allocate(lookupWeightBytes(shape));
  const wordWeights = arena.allocate(wordWeightBytes(shape));
  const correction = arena.allocate(4 * taps(shape) * channels);
  const out = arena.allocate(4 * outputs);

  new Uint8Array(memory.buffer, descriptor).set(encodeConvShape(shape));
  new Float32Array(memory.buffer, x).set(problem.x);
  new Float32Array(memory.buffer, kernel).set(problem.kernel);
  exports.fill_border_nibbles(descriptor, nibbles);
  exports.fill_border_words(descriptor, bits);
  exports.sign_nibbles(descriptor, x, nibbles);
  exports.sign_words(descriptor, x, bits);
  exports.pack_file_bits(kernel, k, channels, file);
  exports.pack_lookup_weights(descriptor, file, lookupWeights);
  exports.pack_word_weights(descriptor, file, wordWeights);
  exports.bb_correction(descriptor, file, correction);

  const lookup = () => exports.bb_lookup_conv(descriptor, nibbles, lookupWeights, correction, out);
  const runs: Record<string, () => number> = {
    lookup,
    "lookup from f32": () => exports.sign_nibbles(descriptor, x, nibbles) + lookup(),
    popcnt8: () => exports.bb_popcnt8_conv(descriptor, bits, wordWeights, correction, out),
    popcnt64: () => exports.bb_popcnt64_conv(descriptor, bits, wordWeights, correction, out),
  };
  return Object.entries(runs).map(([name, run]) => ({
    name: `${name}, ${variant}`,
    version: ownVersion,
    run: () => {
      run();
    },
    sums: async () => new Int32Array(memory.buffer, out, outputs).slice(),
    dispose: () => {},
  }));
}

/** tfjs-backend-wasm: conv2d in f32. Its sums are exact, for they are integers far below 2^24: the reference of all others. */
export async function tfjs(problem: Problem): Promise<Contestant> {
  if (tf.getBackend() !== "wasm") {
    setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"))}/`);
    setThreadsCount(1);
    await tf.setBackend("wasm");
  }
  const { size, channels } = problem;
  const x = tf.tensor4d(problem.x, [1, size, size, channels]);
  const kernel = tf.tensor4d(problem.kernel, [3, 3, channels, channels]);
  let y: tf.Tensor | undefined;
  return {
    name: "tfjs-backend-wasm conv2d f32",
    version: version_wasm,
    run: () => {
      y?.dispose();
      y = tf.conv2d(x, kernel, 1, "same");
    },
    sums: async () => (y === undefined ? [] : y.data()),
    dispose: () => {
      for (const tensor of [x, kernel, y]) tensor?.dispose();
    },
  };
}

/** The width of a level of the quantised output: five standard deviations of the sums fit. */
export const outputScale = (channels: number): number => Math.sqrt(9 * channels) / 24;

/** onnxruntime-web: QLinearConv, uint8 activations (zero point 1, so 0 and 2 are -1 and +1) by int8 weights. */
export async function onnxruntime(problem: Problem): Promise<Contestant> {
  ort.env.wasm.numThreads = 1;
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
  const model = quantisedConvModel({
    ...{
      size,
      channels,
      filters: channels,
      weights,
      inputZero: 1,
      outputScale: outputScale(channels),
      outputZero: 128,
    },
  });
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const feeds = { x: new ort.Tensor("uint8", x, [1, channels, size, size]) };
  let y: ort.Tensor | undefined;
  return {
    name: "onnxruntime-web QLinearConv uint8",
    version: ort.env.versions.web ?? "unknown",
    run: async () => {
      y = (await session.run(feeds)).y;
    },
    sums: async () => {
      const levels = (await y?.getData()) as Uint8Array;
      const sums = new Float32Array(levels.length);
      for (const [at, level] of levels.entries()) {
        sums[(at % (size * size)) * channels + Math.floor(at / (size * size))] = (level - 128) * outputScale(channels);
      }
      return sums;
    },
    dispose: () => session.release(),
  };
}
