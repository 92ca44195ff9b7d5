/** `proxbit train`: a data set, a network and a quantizer in, a packed model file out. */
import { Command } from "commander";
import { checkWritable } from "../../io/write.ts";
import { freeze } from "../../nn/freeze.ts";
import { inputShapeOf } from "../../nn/network.ts";
import { factsOfMethods } from "../../train/method.ts";
import { addCheckpointOptions, type CheckpointOptions, keptRun } from "../checkpoint.ts";
import { checkBatch, checkDataName, checkImageShape, readData, smallerBatch } from "../data.ts";
import { pairs } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { accumulatorOf, quantizersOf } from "../model-file.ts";
import { networkMaker, networkText } from "../network.ts";
import { checkModule } from "../obeys.ts";
import { checkBinaryWeights, quantizerFor } from "../optimizer.ts";
import {
  addCommonOptions,
  addDataOptions,
  addQuantizerOptions,
  addWorkersOption,
  type DataOptions,
  type QuantizerOptions,
  quantizersFrom,
  wholeNumber,
} from "../options.ts";
import type { Context } from "../run.ts";
import { runTraining, type TrainingRun } from "../training.ts";
import { trainingLines } from "../training-lines.ts";
import { addTrainingOptions, type TrainingOptions, trainingFrom } from "../training-options.ts";

interface TrainOptions extends DataOptions, QuantizerOptions, TrainingOptions, CheckpointOptions {
  readonly data: string;
  readonly model: string;
  readonly workers?: number;
  readonly seed: number;
  readonly flipRatio?: boolean;
  readonly soft: boolean;
  readonly profile?: boolean;
  readonly out: string;
}

/** The usual number of epochs. */
const EPOCHS = 5;

export function trainCommand(context: Context): Command {
  const command = new Command("train").summary("train a binary network and write its model file");
  command.description(
    "Trains a binary network in worker threads and writes it, packed to 1 bit a weight, to a model file. The same " +
      "network, data, seed and options give the same file, byte for byte, however many workers there are.",
  );
  addDataOptions(command, "required")
    .requiredOption("--out <file>", "the model file to write, for example out/model.safetensors")
    .option("--model <name|file.ts>", networkText, "cnn");
  addQuantizerOptions(command).option(
    "--seed <n>",
    "of the first weights and the order of the images",
    wholeNumber("--seed", 0, 2 ** 32 - 1),
    0,
  );
  addTrainingOptions(command, EPOCHS)
    .option("--flip-ratio", "show the share of the binary weights that change their sign in a step")
    .option("--no-soft", "do not evaluate the soft network beside the hard-signed one, which takes as long once more")
    .option("--profile", "before training, show what runs in a step and measure where its time goes");
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
  const chosen = quantizersFrom(quantizerFor(options));
  const kept = keptRun(options, options.out);
  const training = await trainingFrom(options);
  checkDataName(options.data);
  const makeNetwork = await networkMaker(options.model);
  await checkWritable(options.out);
  const data = await readData(options.data, options, context);
  stopIfAborted(context.signal);
  checkBatch(data.train, options.batchSize, smallerBatch);
  const given = { inputShape: data.train.shape, classes: data.classes.length, ...chosen };
  const made = await makeNetwork(given);
  await checkModule(options.model, makeNetwork, made, { typed: quantizerFor(options), given });
  const graph = options.freeze === undefined ? made : freeze(made, options.freeze);
  checkBinaryWeights(options, [graph]);
  checkImageShape(inputShapeOf(graph), data.train, data.name);
  const run: TrainingRun = {
    ...training,
    ...{ graph, data, kept },
    workers: options.workers,
    seed: options.seed,
    profile: options.profile ?? false,
    flipRatio: options.flipRatio ?? false,
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
      ...(run.methods === undefined ? {} : { methods: factsOfMethods(run.methods) }),
      epochs: result.epochs,
      ...(result.keptEpoch === undefined ? {} : { keptEpoch: result.keptEpoch }),
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
