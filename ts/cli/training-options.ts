/**
 * The options of a training, one description for all commands that train: `train` takes them for its run, `compare` for every run
 * of its grid. An option that is added here is in the help of both, in the calls of both, and in the identity of compared runs.
 */
import type { Command } from "commander";
import { ProxbitError } from "../base/errors.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { LossTerm } from "../train/losses/term.ts";
import type { Method } from "../train/method.ts";
import type { MetricName } from "../train/metrics/metrics.ts";
import type { Optimizer } from "../train/optimizers/optimizers.ts";
import type { Augmentation } from "../train/run/augment.ts";
import type { FitOptions } from "../train/run/fit.ts";
import { withTeacher } from "../train/run/teacher.ts";
import { addEndOptions, type EndOptions } from "./checkpoint.ts";
import { addLossOptions, type LossOptions, objectiveFrom } from "./losses.ts";
import { addMethodOption, type MethodOptions, methodsOf } from "./methods.ts";
import { namingFile, readModelFile } from "./model-file.ts";
import { addOptimizerOptions, augmentation, type OptimizerOptions, optimizerFrom } from "./optimizer.ts";
import { realNumber, wholeNumber } from "./options.ts";
import { addStartOptions, type StartOf, type StartOptions, startOf } from "./start.ts";

export interface TrainingOptions extends OptimizerOptions, LossOptions, StartOptions, MethodOptions, EndOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly augment?: Augmentation;
  readonly labelSmoothing: number;
}

/** A training, out of its options. */
export interface Training {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly batchSize: number;
  /** Random views of the training images; none where undefined. */
  readonly augment?: Augmentation | undefined;
  /** The share of the truth that all classes have alike in the loss; 0 where undefined. */
  readonly labelSmoothing?: number | undefined;
  /** The float network that training starts from: its file's path and bytes. */
  readonly start?: StartOf | undefined;
  /** The terms of the loss; cross-entropy alone where undefined. */
  readonly objective?: readonly LossTerm[] | undefined;
  /** Methods beside the plain training; none where undefined. */
  readonly methods?: readonly Method[] | undefined;
  /** The model file of a teacher, and its path. */
  readonly teacher?: Uint8Array | undefined;
  readonly teacherFile?: string | undefined;
  /** Epochs without a lower test loss after which the run ends; all are made where undefined. */
  readonly patience?: number | undefined;
  /** Metrics beside loss and accuracy. */
  readonly metrics?: readonly MetricName[] | undefined;
}

/** Adds the options with their help; `epochs` is the usual number. */
export function addTrainingOptions(command: Command, epochs: number): Command {
  command
    .option("--epochs <n>", "passes over the training images", wholeNumber("--epochs", 1, 1e6), epochs)
    .option("--batch-size <n>", "images a step", wholeNumber("--batch-size", 1, 65536), 128)
    .option("--augment <views>", "random views of the training images: mirror, shift:PIXELS, or both", augmentation)
    .option(
      "--label-smoothing <share>",
      "of the truth that all classes have alike in the loss, from 0 to 0.99",
      realNumber("--label-smoothing", 0, 0.99),
      0,
    );
  addStartOptions(command);
  addOptimizerOptions(command);
  addLossOptions(command);
  addMethodOption(command);
  return addEndOptions(command);
}

/**
 * The training that the options ask for; the files that they name are read.
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "argument" for options that do not go together, "model-file".
 */
export async function trainingFrom(options: TrainingOptions): Promise<Training> {
  const optimizer = optimizerFrom(options);
  const { epochs, batchSize, augment, labelSmoothing, earlyStopping: patience, metrics } = options;
  if (patience !== undefined && options.average !== undefined) {
    const message = "--average is the mean of a whole run, and --early-stopping may end it before";
    throw new ProxbitError("argument", message, "Leave one of them out.");
  }
  const teacher = options.teacher === undefined ? undefined : await readModelFile(options.teacher);
  const objective = objectiveFrom(options, teacher);
  const start = await startOf(options);
  return {
    ...{ optimizer, epochs, batchSize, augment, labelSmoothing, objective, teacher, patience, metrics },
    ...(teacher === undefined ? {} : { teacherFile: options.teacher }),
    ...methodsOf(options),
    start,
  };
}

/** The options of `fit` that a training and its end make. */
export const fitOptionsOf = (
  { epochs, batchSize, augment, labelSmoothing, patience, metrics = [] }: Omit<Training, "optimizer">,
  { onDivergence, average, keep }: EndOptions,
) =>
  ({
    ...{ epochs, batchSize, augment, labelSmoothing, metrics, onDivergence, average },
    keep: keep === "best" ? keep : "last",
    ...(patience === undefined ? {} : { earlyStopping: { patience } }),
  }) satisfies FitOptions;

/** `data` with the answers of the training's teacher, where it has one. An error names the teacher's file. */
export async function taught<Examples extends Split>(
  { teacher, teacherFile }: Pick<Training, "teacher" | "teacherFile">,
  data: Dataset<Examples>,
  signal: AbortSignal,
): Promise<Dataset<Examples>> {
  if (teacher === undefined) return data;
  return namingFile(teacherFile ?? "the teacher", () => withTeacher(data, teacher, { signal }));
}
