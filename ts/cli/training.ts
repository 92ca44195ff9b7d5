/** A training run with its progress, which `proxbit train` and the demo share. */
import { rm } from "node:fs/promises";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { removeCheckpoint } from "../io/checkpoint-store.ts";
import { systemCode } from "../io/node.ts";
import { checkWritable, writeFileAtomic } from "../io/write.ts";
import { methodOf } from "../methods/index.ts";
import type { Graph } from "../nn/graph.ts";
import { formatSummary, summary } from "../nn/summary.ts";
import type { FlipRatio } from "../train/plan/flips.ts";
import type { EpochEvent, Evaluation } from "../train/run/events.ts";
import type { ResumeStart } from "../train/run/resume.ts";
import { Trainer } from "../train/run/trainer.ts";
import { checkKept, commandOf, commandToResume, type KeptRun, keptRun } from "./checkpoint.ts";
import { epochNotes, failedCheckpoint } from "./epoch-notes.ts";
import { describeTraining } from "./model-file.ts";
import { countProgress, trainingProgress } from "./progress.ts";
import type { Context } from "./run.ts";
import { startFrom, startLine } from "./start.ts";
import { reportStep } from "./step-report.ts";
import { fitOptionsOf, type Training, taught } from "./training-options.ts";
import { writeNetwork } from "./write-network.ts";

export interface TrainingRun extends Training {
  readonly graph: Graph;
  readonly data: Dataset;
  /** All cores, at most eight, where undefined. */
  readonly workers: number | undefined;
  readonly seed: number;
  /** Counts flips of binary weights; undefined counts none. */
  readonly flipRatio?: boolean | undefined;
  /** Evaluates the soft network beside the hard-signed one; undefined does so too. */
  readonly soft?: boolean | undefined;
  /** Checkpoints; undefined keeps the run only where it is stopped. */
  readonly kept?: KeptRun | undefined;
  /** Explains and measures a step before the first epoch. */
  readonly profile: boolean;
  /** The path of the model file. */
  readonly file: string;
}

/** The weights that the run starts from, as a run that goes on is held against them. */
const startsOf = ({ start }: TrainingRun): readonly ResumeStart[] => {
  if (start === undefined) return [];
  const { bytes, rescale, layers } = start;
  return [{ source: bytes, rescale: rescale ? "filter" : "none", layers }];
};

export interface TrainingResult {
  /** The hard-signed network on the test images. */
  readonly evaluation: Evaluation;
  /** Both accuracies after the last epoch in which some quantizer was soft; null where there was none. */
  readonly soft: SoftScore | null;
  /** Means over the last epoch; null where it was not asked for. */
  readonly flipRatio: FlipRatio | null;
  readonly workers: number;
  /** The epochs that were made, fewer than asked for where the run was stopped early. */
  readonly epochs: number;
  /** The epoch whose weights the file has; undefined for the last one. */
  readonly keptEpoch: number | undefined;
  /** Time of all epochs, validation included; of a run that went on, those before, too. */
  readonly seconds: number;
  /** Size of the file, and of all parameters as 32-bit floats. */
  readonly packedBytes: number;
  readonly floatBytes: number;
}

/** Accuracies on the test images after an epoch, both with batch statistics of their own. */
export interface SoftScore {
  readonly epoch: number;
  readonly softAccuracy: number;
  readonly hardAccuracy: number;
}

/** Room for a model file's header. */
const HEADER_BYTES = 1 << 16;

/**
 * Trains, evaluates, and writes the model file as the last step. A run that is stopped before leaves a checkpoint; one that is
 * stopped behind its last step leaves its file. The threads have ended when this returns or throws.
 */
export async function runTraining(run: TrainingRun, context: Context): Promise<TrainingResult> {
  const { output, signal } = context;
  const { graph, optimizer, batchSize, workers, seed, objective, methods, metrics = [] } = run;
  const network = summary(graph);
  output.text(`${formatSummary(network)}\n`);
  output.event({ type: "network", ...network });
  const kept = run.kept ?? keptRun({ onDivergence: "stop", keep: "last" }, run.file);
  await checkWritable(run.file, network.totals.packedBytes + HEADER_BYTES);
  await checkKept(kept, run.file);
  const data = await taught(run, run.data, signal);
  const setting = {
    optimizer,
    seed,
    ...(objective === undefined ? {} : { objective }),
    ...(methods === undefined ? {} : { methods }),
    ...(workers === undefined ? {} : { workers }),
  };
  const trainer = kept.resume
    ? await Trainer.resume(kept.path, { methods: methodOf, ...setting, graph, allow: kept.allow, start: startsOf(run) })
    : await Trainer.create(graph, setting);
  const training = trainingProgress(context);
  const testing = countProgress(context, "testing");
  let isWrittenTo: string | null = null;
  try {
    output.event({ type: "start", workers: trainer.workers, variant: trainer.variant });
    if (kept.resume) tellWhere(trainer, kept, context);
    else if (run.start) {
      const layers = await startFrom(trainer, run.start);
      output.event({ type: "from", file: run.start.file, layers });
      output.text(startLine(run.start, layers, graph));
    }
    if (run.profile) {
      const { explanation, profile, text } = await reportStep(trainer, batchSize, 0, data.train, signal);
      output.event({ type: "explanation", ...explanation });
      output.event({ type: "profile", ...profile });
      output.text(`${text}\n`);
    }
    const history = [...(trainer.left()?.history ?? [])];
    let soft: SoftScore | null = history.reduce<SoftScore | null>((last, event) => softScoreOf(event) ?? last, null);
    let flipRatio: FlipRatio | null = history.at(-1)?.flipRatio ?? null;
    let failure: string | null = null;
    const { soft: validateSoft = true, flipRatio: counted = false } = run;
    const { path, every, isWritten, average, keep } = kept;
    const checkpoint = isWritten ? { to: path, every } : undefined;
    const options = {
      ...fitOptionsOf(run, kept),
      ...{ soft: validateSoft, flipRatio: counted, signal, checkpoint },
      onValidate: training.validate,
    };
    for await (const event of kept.resume ? trainer.continueFit(data, options) : trainer.fit(data, options)) {
      output.event(event);
      if (event.type === "step") {
        training.step(event);
        continue;
      }
      history.push(event);
      training.epoch(event);
      for (const note of epochNotes(event)) output.note(note);
      soft = softScoreOf(event) ?? soft;
      flipRatio = event.flipRatio ?? null;
      if (typeof keep === "number") await keepEpoch(run, trainer, event.epoch, keep, context);
      const now = event.checkpoint?.failure ?? null;
      if (now !== null && now !== failure) output.note(failedCheckpoint(now));
      failure = now;
    }
    const seconds = history.reduce((sum, event) => sum + event.seconds, 0);
    // Written before it is evaluated, so that nothing which happens there can lose it.
    const words = { ...(keep === "best" ? { keep } : {}), ...(average === undefined ? {} : { average }) };
    const last = history.at(-1);
    const made = { epochs: last?.epoch ?? run.epochs, keptEpoch: last?.kept };
    const bytes = await trainer.pack({ ...describeTraining({ ...run, ...made }), ...words });
    await writeNetwork(run.file, bytes);
    isWrittenTo = run.file;
    if (!kept.isNamed)
      await removeOr(
        (why) => `the checkpoint ${kept.path} stays: ${why}`,
        context,
        () => removeCheckpoint(kept.path),
      );
    const evaluation = await trainer.evaluate(data.test, { signal, metrics, onProgress: testing.update });
    const { floatBytes } = network.totals;
    const size = { packedBytes: bytes.length, floatBytes };
    return { evaluation, soft, flipRatio, workers: trainer.workers, ...made, seconds, ...size };
  } catch (cause) {
    throw await asEnding(cause, { trainer, kept, file: isWrittenTo });
  } finally {
    training.clear();
    testing.clear();
    trainer.close();
  }
}

/** Writes the network after an epoch beside the file, and removes the one that is too old. */
async function keepEpoch(
  run: TrainingRun,
  trainer: Trainer,
  epoch: number,
  keep: number,
  context: Context,
): Promise<void> {
  const fileOf = (number: number): string => `${run.file}.epoch-${number}`;
  try {
    await writeFileAtomic(fileOf(epoch), await trainer.pack(describeTraining({ ...run, epochs: epoch })));
  } catch (error) {
    if (!isProxbitError(error) || error.code !== "output") throw error;
    const { message } = error;
    context.output.note(`the network of epoch ${epoch} was not kept, and training goes on: ${message}`);
    return;
  }
  const old = fileOf(epoch - keep);
  await removeOr(
    (why) => `${old} was not removed, and training goes on: ${why}`,
    context,
    () => rm(old, { force: true }),
  );
}

/** Removes what is not needed any more. Where that fails there is a note, for no run may be lost by it. */
async function removeOr(
  note: (why: string) => string,
  { output }: Context,
  remove: () => Promise<void>,
): Promise<void> {
  try {
    await remove();
  } catch (error) {
    output.note(note(systemCode(error) ?? String(error)));
  }
}

/** Says where a run goes on. */
function tellWhere(trainer: Trainer, { path }: KeptRun, { output }: Context): void {
  const left = trainer.left();
  if (left === null) return;
  const { epoch, epochs, step, steps } = left;
  output.note(`going on from ${path}: ${epoch} of ${epochs} epochs and ${step} of ${steps} steps are done`);
  output.event({ type: "resume", checkpoint: path, epoch, epochs, step, steps });
}

/** The rest of a run that ended early: its trainer, and its file where that is written. */
interface Ending {
  readonly trainer: Trainer;
  readonly kept: KeptRun;
  readonly file: string | null;
}

/** The error of a run that ended early, with the way to go on; a run that was stopped is saved first. */
async function asEnding(cause: unknown, { trainer, kept, file }: Ending): Promise<unknown> {
  if (!isProxbitError(cause)) return cause;
  const { code, message, remedy } = cause;
  if (code === "not-finite" && kept.onDivergence === "rollback") {
    const words = "Going back to good weights did not help. Begin the run anew with a lower --learning-rate.";
    return new ProxbitError(code, message, words, { cause });
  }
  if (code === "not-finite" && kept.isWritten) {
    const way = "--resume --on-divergence rollback --allow on-divergence";
    return new ProxbitError(code, message, `${remedy} Or go on from the checkpoint: add ${way}.`, { cause });
  }
  if (code !== "aborted") return cause;
  if (file !== null) {
    const words = `The network was trained to its end and stands in ${file}; evaluate it by \`${commandOf("eval", file)}\`.`;
    return new ProxbitError(code, message, words, { cause });
  }
  if (trainer.left() === null) return new ProxbitError(code, message, "No model file was written.", { cause });
  try {
    await trainer.save(kept.path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return new ProxbitError(code, `${message}, and no checkpoint was written: ${why}`, "Begin the run anew.", {
      cause,
    });
  }
  return new ProxbitError(code, `${message}; it is kept in ${kept.path}`, `Go on with \`${commandToResume()}\`.`, {
    cause,
  });
}

const softScoreOf = ({ epoch, validation }: EpochEvent): SoftScore | null =>
  validation?.soft === undefined
    ? null
    : { epoch, softAccuracy: validation.soft.accuracy, hardAccuracy: validation.accuracy };
