/** A training run with its progress: what `proxbit train` and the demo have in common. */
import { isProxbitError, ProxbitError } from "../errors.ts";
import type { Dataset } from "../io/dataset.ts";
import { writeFileAtomic } from "../io/write.ts";
import type { Graph } from "../nn/graph.ts";
import { formatSummary, summary } from "../nn/summary.ts";
import type { Evaluation } from "../train/events.ts";
import type { Optimizer } from "../train/optimizers.ts";
import { Trainer } from "../train/trainer.ts";
import { percent, sizes } from "./format.ts";
import { stopIfAborted } from "./interrupt.ts";
import { describeTraining } from "./model-file.ts";
import { countProgress, trainingProgress } from "./progress.ts";
import type { Context } from "./run.ts";
import { reportStep } from "./step-report.ts";

export interface TrainingRun {
  readonly graph: Graph;
  readonly data: Dataset;
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly batchSize: number;
  /** All cores, at most eight, where undefined. */
  readonly workers: number | undefined;
  readonly seed: number;
  /** Whether a step is explained and measured before the first epoch. */
  readonly profile: boolean;
  /** Where the model file goes. */
  readonly file: string;
}

interface TrainingResult {
  /** The hard-signed network on the test images. */
  readonly evaluation: Evaluation;
  readonly workers: number;
  /** Time in `fit`, validation included. */
  readonly seconds: number;
  /** Size of the file, and of all parameters as 32-bit floats. */
  readonly packedBytes: number;
  readonly floatBytes: number;
}

/**
 * Trains, evaluates, and writes the model file as the last step; whatever ends the run before leaves no file. The threads
 * have ended when this returns or throws.
 */
export async function runTraining(run: TrainingRun, context: Context): Promise<TrainingResult> {
  const { output, signal } = context;
  const { graph, data, optimizer, epochs, batchSize, workers, seed } = run;
  const network = summary(graph);
  output.text(`${formatSummary(network)}\n`);
  output.event({ type: "network", ...network });
  const trainer = await Trainer.create(graph, { optimizer, seed, ...(workers === undefined ? {} : { workers }) });
  const training = trainingProgress(context);
  const testing = countProgress(context, "testing");
  try {
    output.event({ type: "start", workers: trainer.workers, variant: trainer.variant });
    if (run.profile) {
      const { explanation, profile, text } = await reportStep(trainer, batchSize, 0, data.train);
      output.event({ type: "explanation", ...explanation });
      output.event({ type: "profile", ...profile });
      output.text(`${text}\n`);
    }
    const began = performance.now();
    for await (const event of trainer.fit(data, { epochs, batchSize, signal, onValidate: training.validate })) {
      output.event(event);
      if (event.type === "step") training.step(event);
      else training.epoch(event);
    }
    const seconds = (performance.now() - began) / 1000;
    const evaluation = await trainer.evaluate(data.test, { signal, onProgress: testing.update });
    const bytes = await trainer.pack(describeTraining(run));
    stopIfAborted(signal);
    await writeFileAtomic(run.file, bytes);
    const { floatBytes } = network.totals;
    return { evaluation, workers: trainer.workers, seconds, packedBytes: bytes.length, floatBytes };
  } catch (cause) {
    if (!isProxbitError(cause) || cause.code !== "aborted") throw cause;
    throw new ProxbitError("aborted", cause.message, "No model file was written.", { cause });
  } finally {
    training.clear();
    testing.clear();
    trainer.close();
  }
}

/** The lines about a run that people read at its end. */
export function trainingLines(run: TrainingRun, result: TrainingResult): readonly (readonly [string, string])[] {
  const { evaluation, seconds, workers, packedBytes, floatBytes } = result;
  const threads = `${workers} worker${workers === 1 ? "" : "s"}`;
  return [
    ["trained", `${run.epochs} epoch${run.epochs === 1 ? "" : "s"} in ${seconds.toFixed(1)} s with ${threads}`],
    [
      "test accuracy",
      `${percent(evaluation.accuracy)} of ${evaluation.images} images, weights and activations hard-signed`,
    ],
    ["model file", `${run.file}: ${sizes(packedBytes, floatBytes)}`],
  ];
}
