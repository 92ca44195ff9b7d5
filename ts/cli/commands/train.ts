/** `proxbit train`: a data set, a network and a quantizer in, a packed model file out. */
import { Command } from "commander";
import { ProxbitError } from "../../base/errors.ts";
import { checkWritable } from "../../io/write.ts";
import { freeze } from "../../nn/freeze.ts";
import { modelNames } from "../../nn/models/index.ts";
import { inputShapeOf } from "../../nn/network.ts";
import type { Augmentation } from "../../train/run/augment.ts";
import { addCheckpointOptions, type CheckpointOptions, keptRun } from "../checkpoint.ts";
import { checkDataName, checkImageShape, readData } from "../data.ts";
import { pairs } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { addLossOptions, type LossOptions, names, objectiveFrom } from "../losses.ts";
import { accumulatorOf, quantizersOf, readModelFile } from "../model-file.ts";
import { networkMaker } from "../network.ts";
import {
  addOptimizerOptions,
  augmentation,
  checkBinaryWeights,
  type OptimizerOptions,
  optimizerFrom,
  quantizerFor,
} from "../optimizer.ts";
import {
  addCommonOptions,
  addDataOptions,
  addQuantizerOptions,
  addWorkersOption,
  type DataOptions,
  type QuantizerOptions,
  quantizersFrom,
  realNumber,
  wholeNumber,
} from "../options.ts";
import type { Context } from "../run.ts";
import { runTraining, type TrainingRun } from "../training.ts";
import { trainingLines } from "../training-lines.ts";

interface TrainOptions extends DataOptions, QuantizerOptions, OptimizerOptions, LossOptions, CheckpointOptions {
  readonly data: string;
  readonly model: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly workers?: number;
  readonly seed: number;
  readonly augment?: Augmentation;
  readonly labelSmoothing: number;
  readonly from?: string;
  readonly rescale?: boolean;
  readonly fromLayers?: readonly string[];
  readonly flipRatio?: boolean;
  readonly soft: boolean;
  readonly profile?: boolean;
  readonly out: string;
}

export function trainCommand(context: Context): Command {
  const command = new Command("train").summary("train a binary network and write its model file");
  command.description(
    "Trains a binary network in worker threads and writes it, packed to 1 bit a weight, to a model file. The same " +
      "network, data, seed and options give the same file, byte for byte, however many workers there are.",
  );
  addDataOptions(command, "required")
    .requiredOption("--out <file>", "the model file to write, for example out/model.safetensors")
    .option(
      "--model <name|file.ts>",
      `network: ${modelNames.join(", ")}, or a module that exports one, whose code runs`,
      "cnn",
    );
  addQuantizerOptions(command)
    .option("--epochs <n>", "passes over the training images", wholeNumber("--epochs", 1, 1e6), 5)
    .option("--batch-size <n>", "images a step", wholeNumber("--batch-size", 1, 65536), 128)
    .option("--seed <n>", "of the first weights and the order of the images", wholeNumber("--seed", 0, 2 ** 32 - 1), 0)
    .option("--augment <views>", "random views of the training images: mirror, shift:PIXELS, or both", augmentation)
    .option(
      "--label-smoothing <share>",
      "of the truth that all classes have alike in the loss, from 0 to 0.99",
      realNumber("--label-smoothing", 0, 0.99),
      0,
    )
    .option("--from <file>", "start from this model: the same one trained with --quantizer none, or a packed one")
    .option(
      "--from-layers <names>",
      "with --from: take these layers only, of a model that may be another",
      names("--from-layers"),
    )
    .option("--rescale", "with --from: divide the weights of each filter by the mean of their magnitudes");
  addOptimizerOptions(command)
    .option("--flip-ratio", "show the share of the binary weights that change their sign in a step")
    .option("--no-soft", "do not evaluate the soft network beside the hard-signed one, which takes as long once more")
    .option("--profile", "before training, show what runs in a step and measure where its time goes");
  addLossOptions(command);
  addCheckpointOptions(command);
  addWorkersOption(command);
  return addCommonOptions(
    command,
    "proxbit train --data mnist --model cnn --quantizer bnn++ --epochs 5 --out mnist.safetensors",
    "proxbit train --data mnist --model cnn --quantizer poly --task bwaa --accumulator wrap --out narrow.safetensors",
    "proxbit train --data photos --image-size 64 --model resnet20 --epochs 30 --out pets.safetensors",
    "proxbit train --data fashion-mnist --model ./my-network.ts --out fashion.safetensors",
    "proxbit train --data mnist --binary-optimizer bop --learning-rate 0.01 --schedule cosine --flip-ratio --out bop.safetensors",
    "proxbit train --data mnist --teacher float.safetensors --temperature 4 --early-stopping 5 --epochs 50 --out small.safetensors",
    "proxbit train --data mnist --from float.safetensors --rescale --augment shift:2 --out tuned.safetensors",
    "proxbit train --data mnist --epochs 100 --checkpoint run.ckpt --out mnist.safetensors",
    "proxbit train --data mnist --epochs 100 --checkpoint run.ckpt --resume --out mnist.safetensors",
  ).action((options: TrainOptions) => train(options, context));
}

async function train(options: TrainOptions, context: Context): Promise<void> {
  // All faults are found before data is read and hours go by.
  const optimizer = optimizerFrom(options);
  const chosen = quantizersFrom(quantizerFor(options));
  if (options.rescale && options.from === undefined) {
    throw new ProxbitError("argument", "--rescale is for the weights of --from", "Give --from too, or leave it out.");
  }
  if (options.fromLayers && options.from === undefined) {
    throw new ProxbitError("argument", "--from-layers are layers of --from", "Give --from too, or leave it out.");
  }
  const objective = objectiveFrom(options);
  const teacher = options.teacher === undefined ? undefined : await readModelFile(options.teacher);
  const kept = keptRun(options, options.out);
  const start = options.from === undefined ? undefined : await readModelFile(options.from);
  checkDataName(options.data);
  const makeNetwork = await networkMaker(options.model);
  await checkWritable(options.out);
  const data = await readData(options.data, options, context);
  stopIfAborted(context.signal);
  const made = await makeNetwork({
    inputShape: data.train.shape,
    classes: data.classes.length,
    ...chosen,
  });
  const graph = options.freeze === undefined ? made : freeze(made, options.freeze);
  checkBinaryWeights(options, graph);
  checkImageShape(inputShapeOf(graph), data.train, data.name);
  const run: TrainingRun = {
    graph,
    data,
    optimizer,
    epochs: options.epochs,
    batchSize: options.batchSize,
    workers: options.workers,
    seed: options.seed,
    profile: options.profile ?? false,
    augment: options.augment,
    labelSmoothing: options.labelSmoothing,
    start: start && {
      file: options.from as string,
      bytes: start,
      rescale: options.rescale ?? false,
      layers: options.fromLayers,
    },
    objective,
    teacher,
    patience: options.earlyStopping,
    metrics: options.metrics,
    flipRatio: options.flipRatio ?? false,
    kept,
    soft: options.soft,
    file: options.out,
  };
  const result = await runTraining(run, context);
  const quantizers = quantizersOf(graph);
  const { evaluation, soft, flipRatio, workers, seconds, packedBytes, floatBytes } = result;
  context.output.result(
    {
      dataset: data.name,
      model: graph.name,
      quantizer: quantizers.weightQuantizer,
      activationQuantizer: quantizers.activationQuantizer,
      accumulator: accumulatorOf(graph),
      epochs: options.epochs,
      batchSize: options.batchSize,
      seed: options.seed,
      workers,
      trainImages: data.train.count,
      testImages: data.test.count,
      seconds,
      testLoss: evaluation.loss,
      testAccuracy: evaluation.accuracy,
      ...(evaluation.metrics === undefined ? {} : { testMetrics: evaluation.metrics }),
      soft,
      ...(flipRatio === null ? {} : { flipRatio }),
      file: options.out,
      packedBytes,
      floatBytes,
    },
    pairs(trainingLines(run, result)),
  );
}
