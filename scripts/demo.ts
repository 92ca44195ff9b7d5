/**
 * `npm run demo`: a small convolutional network learns MNIST with BNN++ weights and binary activations. It is packed to
 * 1 bit a weight. A fresh process that knows nothing but the packed file runs it again.
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Command } from "commander";
import { milliseconds, pairs, percent } from "../ts/cli/format.ts";
import { addCommonOptions, addWorkersOption, wholeNumber } from "../ts/cli/options.ts";
import { type Context, runWithContext, throwErrors } from "../ts/cli/run.ts";
import { runTraining, type TrainingRun } from "../ts/cli/training.ts";
import { trainingLines } from "../ts/cli/training-lines.ts";
import { drawGray, sideBySide } from "../ts/cli/write-picture.ts";
import type { ImageSplit } from "../ts/data/dataset.ts";
import { mnist } from "../ts/data/mnist.ts";
import { checkWritable } from "../ts/io/write.ts";
import { cnn } from "../ts/nn/models/cnn.ts";
import { cosine } from "../ts/quantizers/schedule.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { checkInFreshProcess, describeDisagreement } from "./demo-check.ts";

const SETTINGS = {
  weightQuantizer: "bnn++",
  activationQuantizer: "poly",
  epochs: 4,
  batchSize: 128,
  /** Adam's step size over the run. */
  learningRate: cosine(2e-3, 1e-5),
  seed: 1,
  profile: false,
  file: "out/mnist-bnnpp.safetensors",
};

interface DemoOptions {
  readonly epochs: number;
  readonly workers?: number;
}

async function demo({ epochs, workers }: DemoOptions, context: Context): Promise<void> {
  const { weightQuantizer, activationQuantizer, file } = SETTINGS;
  const { output } = context;
  // Where the folder cannot be made, the check says so.
  await mkdir(dirname(file), { recursive: true }).catch(() => {});
  await checkWritable(file);
  const data = await mnist();
  const graph = cnn({
    inputShape: data.train.shape,
    classes: data.classes.length,
    weightQuantizer,
    activationQuantizer,
  });
  const optimizer = optimizers.adam({ learningRate: SETTINGS.learningRate });
  const run: TrainingRun = { ...SETTINGS, graph, data, optimizer, epochs, workers };
  const trained = await runTraining(run, context);
  const { predictions, accuracy } = trained.evaluation;

  output.text(
    `\n${pairs(trainingLines(run, trained))}\n\nThe file again, in a fresh process that has only the inference entry:\n`,
  );
  const check = await checkInFreshProcess(file, predictions, context.signal);
  output.text(`${gallery(data.test, predictions)}\n`);
  output.result(
    {
      dataset: data.name,
      quantizer: weightQuantizer,
      workers: trained.workers,
      trainImages: data.train.count,
      testImages: data.test.count,
      seconds: trained.seconds,
      testAccuracy: accuracy,
      soft: trained.soft,
      packedAgrees: check.agrees,
      packedBytes: trained.packedBytes,
      floatBytes: trained.floatBytes,
      latencyMs: check.latencyMs,
    },
    pairs([
      [
        "packed file agrees",
        `${check.agrees} of ${check.images} predictions are the trainer's; ${percent(check.accuracy)} right`,
      ],
      ["one image", `${milliseconds(check.latencyMs)} (median), kernel ${check.kernel}, core ${check.variant}`],
      ["try", `npm run -s proxbit -- explain ${file}`],
    ]),
  );
  const disagreement = describeDisagreement(check);
  if (disagreement !== undefined) throw new Error(disagreement);
}

/**
 * The first test images with the network's answers, and one that it gets wrong. They are as many as fit the terminal.
 */
function gallery({ images, labels, shape, count }: ImageSplit, predictions: Uint32Array): string {
  const [height, width, channels] = shape;
  const size = height * width * channels;
  // A digit of MNIST fills the inner 20 x 20 pixels.
  const crop = 4;
  const shown = Math.max(1, Math.min(6, Math.floor(((process.stdout.columns ?? 80) + 2) / (width - 2 * crop + 2))));
  const mistake = labels.findIndex((label, image) => label !== predictions[image]);
  const chosen = Array.from({ length: Math.min(shown, count) }, (_, image) => image);
  if (mistake >= shown) chosen.splice(-1, 1, mistake);
  const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  return sideBySide(
    chosen.map((image) => ({
      lines: drawGray(images.subarray(image * size, (image + 1) * size), height, width, crop, colour),
      width: width - 2 * crop,
      caption: caption(labels[image] ?? 0, predictions[image] ?? 0),
    })),
  );
}

function caption(label: number, predicted: number): string {
  return label === predicted ? `says ${predicted}` : `says ${predicted}, is a ${label}`;
}

function demoCommand(context: Context): Command {
  const command = new Command("demo")
    .description(
      "Trains a binary network on MNIST, packs it, and checks the packed file in a fresh process, image for image.",
    )
    .option("--epochs <n>", "passes over the training images", wholeNumber("--epochs", 1, 1000), SETTINGS.epochs);
  addWorkersOption(command);
  addCommonOptions(command, "npm run demo", "npm run -s demo -- --workers 1 --json");
  return throwErrors(command).action((options: DemoOptions) => demo(options, context));
}

process.exitCode = await runWithContext(process.argv.includes("--json"), async (context) => {
  await demoCommand(context).parseAsync();
});
