/** Our network with more images at once and with two workers. */
import { loadParallel } from "../../ts/inference/parallel.ts";
import { load } from "../../ts/inference/session.ts";
import type { Context } from "../frame/benchmark.ts";
import { compare, type Finding, medianOf } from "../frame/finding.ts";
import { type Contestant, type Pace, race, type Timing } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";

const BATCHES = [1, 32] as const;

export const throughputRounds = (pace: Pace): number => BATCHES.length * (pace.rounds + pace.warmUp);

/** Two workers against one thread, batch 1 (they share the image) and 32 (each takes images of its own). */
export async function* throughput(
  packed: Uint8Array,
  image: Float32Array,
  pace: Pace,
  context: Context,
): AsyncGenerator<Finding> {
  const named = (name: string, run: () => unknown): Contestant => ({ name, version: ownVersion, run });
  for (const batch of BATCHES) {
    const images = Float32Array.from({ length: batch * image.length }, (_, at) => image[at % image.length] as number);
    const one = await load(packed, { batch });
    const two = await loadParallel(packed, { workers: 2, batch });
    context.atEnd(() => two.close());
    const contestants = [named("1 thread", () => one.run(images)), named("2 workers", () => two.run(images))];
    const [withOne, withTwo] = (await race(contestants, pace, context.tick)) as readonly [Timing, Timing];
    const { variant } = two.explain();
    yield compare(`Bi-Real ResNet-18, 224x224, batch ${batch}`, withTwo, withOne, { threads: 2, variant });
    const rate = (timing: Timing): string => ((1000 * batch) / medianOf(timing)).toFixed(1);
    yield {
      type: "note",
      text: `Batch ${batch}: ${rate(withOne)} images a second on one thread, ${rate(withTwo)} with two workers.`,
    };
    two.close();
  }
}
