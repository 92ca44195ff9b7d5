/** Our network with two workers and with more images at once. */
import { loadParallel } from "../../ts/inference/load-parallel.ts";
import { load } from "../../ts/inference/session.ts";
import { birealnet18 } from "../../ts/nn/models/birealnet18.ts";
import type { Benchmark, Context } from "../frame/benchmark.ts";
import { compare, type Finding, medianOf } from "../frame/finding.ts";
import { type Contestant, type Pace, race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import { noise, randomModel } from "./model.ts";

const BATCHES = [1, 32] as const;

export const networkWorkers: Benchmark = {
  title: "Bi-Real ResNet-18 with two workers",
  about:
    "The network of the benchmark `network` with two workers (ours) against one thread (peer): with one image they share it, " +
    "with 32 each takes images of its own.",
  async *run(context) {
    const pace = { rounds: context.quick ? 3 : 11, warmUp: context.quick ? 1 : 2, sliceMilliseconds: 0 };
    context.expect(BATCHES.length * (pace.rounds + pace.warmUp));
    const packed = await randomModel(birealnet18());
    for (const batch of BATCHES) yield* twoWorkers(packed, batch, pace, context);
  },
};

async function* twoWorkers(packed: Uint8Array, batch: number, pace: Pace, context: Context): AsyncGenerator<Finding> {
  const named = (name: string, run: () => unknown): Contestant => ({ name, version: ownVersion, run });
  const images = noise(batch);
  const one = await load(packed, { batch });
  const two = await loadParallel(packed, { workers: 2, batch });
  context.atEnd(() => two.close());
  const contestants = [
    named("1 thread", () => one.run(images, { count: batch })),
    named("2 workers", () => two.run(images, { count: batch })),
  ];
  const [withOne, withTwo] = (await race(contestants, pace, context.tick)) as readonly [Timing, Timing];
  const { variant } = await two.explain();
  yield compare(`Bi-Real ResNet-18, 224x224, batch ${batch}`, withTwo, withOne, { threads: 2, variant });
  const rate = (timing: Timing): string => ((1000 * batch) / medianOf(timing)).toFixed(1);
  yield {
    type: "note",
    text: `Batch ${batch}: ${rate(withOne)} images a second on one thread, ${rate(withTwo)} with two workers.`,
  };
  two.close();
}
