/** The commands' view of a step of training: its kernels, and on request where its time goes. */

import { ProxbitError } from "../base/errors.ts";
import type { Split } from "../data/dataset.ts";
import { split } from "../data/split.ts";
import { inputShapeOf, shapesOf } from "../nn/network.ts";
import { randomStream } from "../nn/random.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { TrainingExplanation } from "../train/explain/explain-training.ts";
import { formatTrainingExplanation, formatTrainingProfile } from "../train/explain/explain-training-text.ts";
import type { TrainingProfile } from "../train/explain/profile-training.ts";
import type { Trainer } from "../train/run/trainer.ts";

interface StepReport {
  readonly explanation: TrainingExplanation;
  /** Absent where nothing was measured. */
  readonly profile?: TrainingProfile;
  readonly text: string;
}

/** Explains a step at `progress` of a run. Measures it too, on the images of `measured`, where that has any, unless `signal` stops it. */
export async function reportStep(
  trainer: Trainer,
  batchSize: number,
  progress: number,
  measured: Split | null,
  signal: AbortSignal,
): Promise<StepReport> {
  const explanation = trainer.explain({ batchSize, progress });
  const text = formatTrainingExplanation(explanation);
  if (measured === null) return { explanation, text };
  const profile = await trainer.profile(measured, { batchSize, progress, signal });
  return { explanation, profile, text: `${text}\n\n${formatTrainingProfile(profile)}` };
}

/** Bytes of the images that are made up to measure with. */
const MOST_IMAGE_BYTES = 2 ** 30;

/**
 * Random images that fill a step, whose time does not depend on their values.
 *
 * @throws ProxbitError "argument" for more than a GiB.
 */
export function randomImages({ graph }: Trainer, count: number): Split {
  const [height = 1, width = 1, channels = 1] = inputShapeOf(graph);
  const classes = elementsOf(shapesOf(graph).get(graph.output) ?? [1]);
  const stream = randomStream(0, "images to measure with");
  const bytes = count * height * width * channels;
  if (bytes > MOST_IMAGE_BYTES) {
    const message = `${count} images of ${height}x${width}x${channels} are more than can be measured here`;
    throw new ProxbitError("argument", message, "Give a smaller --batch-size or --input-shape.");
  }
  const block = Uint8Array.from({ length: Math.min(bytes, 1 << 16) }, () => stream.below(256));
  const images = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += block.length) images.set(block.subarray(0, bytes - at), at);
  const labels = Uint8Array.from({ length: count }, () => stream.below(Math.min(classes, 256)));
  return split(images, labels, [height, width, channels]);
}
