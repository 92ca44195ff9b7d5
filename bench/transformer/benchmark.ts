/** DeiT-Tiny at 224x224 on bits, and its float twin in the runtimes of others. */
import { load } from "../../ts/inference/session.ts";
import { deitTiny } from "../../ts/nn/models/deit-tiny.ts";
import { detectVariant } from "../../ts/runtime/variants.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { compare } from "../frame/finding.ts";
import { race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { channelsFirst, type FloatTwin, tfjsTwin } from "../network/float.ts";
import { correlation } from "../network/likeness.ts";
import { noise, randomModel } from "../network/model.ts";
import { ort, ortSession, ortVersion } from "../peers/onnxruntime.ts";
import { transformerModel } from "./onnx.ts";
import { operationsTable } from "./operations.ts";
import { randomWeights } from "./weights.ts";

const SIDE = 224;

export const transformer: Benchmark = {
  title: "DeiT-Tiny at 224x224",
  about:
    "A whole transformer with random weights, batch 1, one thread. Ours: packed, real patches and head, signs in all linear " +
    "layers and in attention, whose matrix is 0 or 1. Peers: the float twin with layer norms, softmax and GELU, in f32, and " +
    "with linear layers in uint8 x int8 by onnxruntime's dynamic quantization (attention stays f32 there).",
  async *run(context) {
    const image = noise(1);
    const variant = await detectVariant({ shared: false });
    const session = await load(await randomModel(deitTiny()), { variant });
    const twin = deitTiny({ weightQuantizer: null, activationQuantizer: null });
    const weights = randomWeights(twin);
    const { twin: tfjs } = await tfjsTwin(twin, weights, image);
    const float = await ortTwin("onnxruntime-web f32", transformerModel(twin, weights, false), image);
    const bytes = await ortTwin("onnxruntime-web uint8", transformerModel(twin, weights, true), image);
    const likeness = await check(tfjs, float, bytes);

    const pace = context.quick
      ? { rounds: 5, warmUp: 1, sliceMilliseconds: 0 }
      : { rounds: 25, warmUp: 3, sliceMilliseconds: 0 };
    context.expect(pace.rounds + pace.warmUp);
    const own = { name: (await session.explain()).kernel, version: ownVersion, run: () => session.run(image) };
    const [ours, ...others] = (await race([own, float, tfjs, bytes], pace, context.tick)) as readonly [
      Timing,
      ...Timing[],
    ];
    for (const peer of others) yield compare("DeiT-Tiny, 224x224", ours, peer, { threads: 1, variant });
    yield {
      type: "note",
      text: `The outputs of the uint8 twin correlate with those in f32 by ${likeness.toFixed(3)}.`,
    };
    yield await operationsTable(session, context.quick ? 3 : 20);
  },
};

async function ortTwin(
  name: string,
  model: ReturnType<typeof transformerModel>,
  image: Float32Array,
): Promise<FloatTwin> {
  const session = await ortSession(model);
  const x = new ort.Tensor("float32", channelsFirst(image, 3), [1, 3, SIDE, SIDE]);
  let y: ort.Tensor | undefined;
  return {
    ...{ name, version: ortVersion },
    run: async () => {
      y = (await session.run({ [model.input.name]: x }))[model.output.name];
    },
    outputs: async () => Float32Array.from((await y?.getData()) as Float32Array),
  };
}

/** The twins must calculate the same function: f32 up to rounding, bytes up to their 256 levels. Returns the latter's likeness. */
async function check(tfjs: FloatTwin, float: FloatTwin, bytes: FloatTwin): Promise<number> {
  for (const twin of [tfjs, float, bytes]) await twin.run();
  const [one, two, rough] = [await tfjs.outputs(), await float.outputs(), await bytes.outputs()];
  const largest = one.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = one.findIndex((value, at) => !(Math.abs(value - (two[at] as number)) <= 1e-3 * largest));
  if (off >= 0) throw new Error(`output ${off}: ${one[off]} in tfjs, ${two[off]} in onnxruntime`);
  const likeness = correlation(one, rough);
  if (!(likeness > 0.9)) throw new Error(`uint8 correlates with f32 by ${likeness} only`);
  return likeness;
}
