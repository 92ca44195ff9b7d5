/** The float twins as contestants, fed with the same image. */

import type { Graph } from "../../ts/nn/graph.ts";
import { inputShapeOf } from "../../ts/nn/network.ts";
import type { Contestant } from "../frame/race.ts";
import { ort, ortSession, ortVersion } from "../peers/onnxruntime.ts";
import { tf, tfWasmVersion, useWasmBackend } from "../peers/tfjs.ts";
import { runGraph } from "../peers/tfjs-network.ts";
import type { FloatTensor } from "./network-weights.ts";
import { floatModel, quantisedModel, type Ranges } from "./onnx.ts";

export interface FloatTwin extends Contestant {
  /** The outputs of the last run. */
  readonly outputs: () => Promise<Float32Array>;
}

type Weights = ReadonlyMap<string, FloatTensor>;

/** tfjs-backend-wasm in f32, and the range of every node on that image, which quantisation needs. */
export async function tfjsTwin(
  graph: Graph,
  weights: Weights,
  image: Float32Array,
): Promise<{ readonly twin: FloatTwin; readonly ranges: Ranges }> {
  await useWasmBackend();
  const x = tf.tensor(image, [1, ...inputShapeOf(graph)]);
  const tensors = new Map([...weights].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]));
  const ranges = new Map<string, readonly [number, number]>();
  tf.tidy(() => {
    runGraph(graph, x, tensors, {}, (node, value) => {
      const input = ranges.get(node.inputs[0] ?? "");
      const keeps = node.op === "maxPool2d" || node.op === "activation" || node.op === "batchNorm";
      const own = (): [number, number] => [
        tf.min(value).dataSync()[0] as number,
        tf.max(value).dataSync()[0] as number,
      ];
      ranges.set(node.name, keeps && input !== undefined ? input : own());
    });
  });
  let y: tf.Tensor | undefined;
  const twin: FloatTwin = {
    name: "tfjs-backend-wasm f32",
    version: tfWasmVersion,
    run: () => {
      y?.dispose();
      y = tf.tidy(() => runGraph(graph, x, tensors, {}));
    },
    outputs: async () => Float32Array.from((await y?.data()) ?? []),
  };
  return { twin, ranges };
}

/** An image NHWC as NCHW. */
export function channelsFirst(image: Float32Array, channels: number): Float32Array<ArrayBuffer> {
  const pixels = image.length / channels;
  return Float32Array.from({ length: image.length }, (_, at) => {
    return image[(at % pixels) * channels + Math.floor(at / pixels)] as number;
  });
}

/** onnxruntime-web in f32 and in uint8. */
export async function ortTwins(
  graph: Graph,
  weights: Weights,
  ranges: Ranges,
  image: Float32Array,
): Promise<readonly [FloatTwin, FloatTwin]> {
  const [height, width, channels] = inputShapeOf(graph) as [number, number, number];
  const pixels = channelsFirst(image, channels);
  const [floats, quantised] = [floatModel(graph, weights), quantisedModel(graph, weights, ranges)];
  const data = (name: string): number => {
    const constant = quantised.constants.find((one) => one.name === name);
    return Number(constant?.data[0]);
  };
  const level = (name: string) => ({ scale: data(`${name}/scale`), zero: data(`${name}/zero`) });
  const input = level(quantised.input.name);
  const output = level(quantised.output.name);
  const bytes = Uint8Array.from(pixels, (value) => {
    return Math.min(255, Math.max(0, Math.round(value / input.scale) + input.zero));
  });
  const dims = [1, channels, height, width];
  const twin = async (
    name: string,
    session: ort.InferenceSession,
    x: ort.Tensor,
    real: (value: number) => number,
  ): Promise<FloatTwin> => {
    let y: ort.Tensor | undefined;
    return {
      ...{ name, version: ortVersion },
      run: async () => {
        y = (await session.run({ [quantised.input.name]: x }))[quantised.output.name];
      },
      outputs: async () => Float32Array.from((await y?.getData()) as Float32Array | Uint8Array, real),
    };
  };
  const [plain, small] = [await ortSession(floats), await ortSession(quantised)];
  return [
    await twin("onnxruntime-web f32", plain, new ort.Tensor("float32", pixels, dims), (value) => value),
    await twin("onnxruntime-web uint8", small, new ort.Tensor("uint8", bytes, dims), (value) => {
      return (value - output.zero) * output.scale;
    }),
  ];
}
