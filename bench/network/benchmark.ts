/** A whole network: Bi-Real ResNet-18 at 224x224 on bits, and its float twin in the runtimes of others. */
import { load, type Session } from "../../ts/inference/session.ts";
import { birealnet18 } from "../../ts/nn/models/birealnet18.ts";
import { detectVariant, type Variant } from "../../ts/runtime/variants.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { compare, type Note } from "../frame/finding.ts";
import { type Contestant, race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { type FloatTwin, ortTwins, tfjsTwin } from "./float.ts";
import { layersTable } from "./layers.ts";
import { correlation } from "./likeness.ts";
import { noise, randomModel } from "./model.ts";
import { foldedWeights } from "./network-weights.ts";

export const network: Benchmark = {
  title: "Bi-Real ResNet-18 at 224x224",
  about:
    "A whole network with random weights, batch 1, one thread. Ours: packed, real stem and head, signs between. Peers: the " +
    "float twin, which has relu where ours takes the sign, batch norms folded into the convolutions, in f32 and quantised to " +
    "uint8 from input to output (int8 weights).",
  async *run(context) {
    const image = noise(1);
    const best = await detectVariant({ shared: false });
    const variants: readonly Variant[] = best === "plain" ? ["plain"] : ["relaxed", "plain"];
    const packed = await randomModel(birealnet18());
    const sessions = await Promise.all(variants.map((variant) => load(packed, { variant })));
    const ours = await Promise.all(sessions.map((session) => contestant(session, image)));

    const twin = birealnet18({ weightQuantizer: null, activationQuantizer: null });
    const weights = foldedWeights(twin);
    const { twin: tfjs, ranges } = await tfjsTwin(twin, weights, image);
    const [float, quantised] = await ortTwins(twin, weights, ranges, image);
    await check(tfjs, float, quantised);

    const pace = context.quick
      ? { rounds: 5, warmUp: 1, sliceMilliseconds: 0 }
      : { rounds: 25, warmUp: 3, sliceMilliseconds: 0 };
    context.expect(pace.rounds + pace.warmUp);
    const timings = [...(await race([...ours, float, tfjs, quantised], pace, context.tick))];
    const mine = timings.splice(0, ours.length);
    for (const [at, variant] of variants.entries()) {
      for (const peer of timings) {
        yield compare("Bi-Real ResNet-18, 224x224", mine[at] as Timing, peer, { threads: 1, variant });
      }
    }
    yield await agreement(float, quantised);
    yield await layersTable(sessions[0] as Session, context.quick ? 5 : 20);
  },
};

const contestant = async (session: Session, image: Float32Array): Promise<Contestant> => ({
  ...{ name: (await session.explain()).kernel, version: ownVersion },
  run: () => session.run(image),
});

/** The twins must calculate the same function: f32 up to rounding, uint8 up to its 256 levels a value. */
async function check(tfjs: FloatTwin, float: FloatTwin, quantised: FloatTwin): Promise<void> {
  for (const twin of [tfjs, float, quantised]) await twin.run();
  const [one, two, rough] = [await tfjs.outputs(), await float.outputs(), await quantised.outputs()];
  const largest = one.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = one.findIndex((value, at) => !(Math.abs(value - (two[at] as number)) <= 1e-3 * largest));
  if (off >= 0) throw new Error(`output ${off}: ${one[off]} in tfjs, ${two[off]} in onnxruntime`);
  if (!(correlation(one, rough) > 0.9)) throw new Error(`uint8 correlates with f32 by ${correlation(one, rough)} only`);
}

async function agreement(float: FloatTwin, quantised: FloatTwin): Promise<Note> {
  const found = correlation(await float.outputs(), await quantised.outputs());
  return { type: "note", text: `The outputs of the uint8 twin correlate with those in f32 by ${found.toFixed(3)}.` };
}
