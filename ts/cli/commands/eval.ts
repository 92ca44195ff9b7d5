/** `proxbit eval`: a model file on all test images of a data set, by the inference entry point alone. */
import { Command } from "commander";
import { ProxbitError } from "../../base/errors.ts";
import type { Dataset, Split } from "../../data/dataset.ts";
import { datasetNames } from "../../data/datasets.ts";
import type { ImageInput } from "../../images/input.ts";
import { imageInputOf } from "../../inference/classify.ts";
import type { Session } from "../../inference/index.ts";
import { floatBytes } from "../../io/model-file.ts";
import { formatConfusion } from "../../show/confusion.ts";
import { confusionPicture } from "../../show/confusion-picture.ts";
import { confusionMatrix } from "../../train/metrics/counts.ts";
import { addBoundOptions, type BoundOptions, boundsFrom } from "../bounds.ts";
import { classify, medianLatency } from "../classify.ts";
import { checkImageShape, readData } from "../data.ts";
import { milliseconds, pairs, percent, printable, sizes } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { addCommonOptions, addDataOptions, type DataOptions } from "../options.ts";
import { checkPicture, writePicture } from "../picture-file.ts";
import { countProgress } from "../progress.ts";
import type { Context } from "../run.ts";

/** The matrix grows with the square of the classes, and is left out where there are more. */
const MOST_CLASSES = 1024;

interface EvalOptions extends DataOptions, BoundOptions {
  readonly picture?: string;
}

export function evalCommand(context: Context): Command {
  const command = new Command("eval").summary("measure a model file on the test images of a data set");
  command
    .description("Runs a packed model file on all test images of a data set: accuracy, time of one image, size.")
    .argument("<file>", "a model file that proxbit has written")
    .option("--picture <file>", "draw the confusion matrix to FILE.svg, or to FILE.png by Chromium");
  addDataOptions(command, "optional");
  addBoundOptions(command);
  return addCommonOptions(
    command,
    "proxbit eval mnist.safetensors --data mnist",
    "proxbit eval pets.safetensors --data photos --picture confusion.svg",
  ).action((file: string, options: EvalOptions) => evaluate(file, options, context));
}

async function evaluate(file: string, options: EvalOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const { picture } = options;
  if (picture !== undefined) await checkPicture(picture, "--picture");
  const bytes = await readModelFile(file);
  const session = await loadSession(file, bytes, boundsFrom(options));
  if (picture !== undefined && session.classNames.length > MOST_CLASSES) {
    throw new ProxbitError(
      "argument",
      `--picture draws at most ${MOST_CLASSES} classes, and the network has ${session.classNames.length}`,
      "Leave --picture out.",
    );
  }
  const given = datasetOf(session, options);
  const data = await readData(given, options, context, pictureInput(session));
  const { test, name: dataset } = data;
  const { dataset: trainedOn } = session.metadata;
  if (trainedOn !== undefined && trainedOn !== dataset) {
    output.note(`note: this model was trained on ${printable(trainedOn)}, not on ${dataset}`);
  }
  checkImageShape(session.inputShape, test, dataset);
  const labels = labelsFor(session, data);
  const images = runnable(test);
  stopIfAborted(signal);

  const progress = countProgress(context, "testing");
  const began = performance.now();
  const predictions = await classify(session, images, (done, of) => {
    stopIfAborted(signal);
    progress.update(done, of);
  }).finally(progress.clear);
  const seconds = (performance.now() - began) / 1000;
  const right = predictions.reduce((sum, predicted, image) => sum + (predicted === labels[image] ? 1 : 0), 0);

  const testAccuracy = right / test.count;
  const latencyMs = medianLatency(session, images.subarray(0, images.length / test.count));
  const floats = floatBytes(session.graph);
  const { kernel, variant } = await session.explain();
  const { classNames } = session;
  const hasMatrix = classNames.length <= MOST_CLASSES;
  const confusion = hasMatrix ? confusionMatrix(predictions, labels, classNames.length) : null;
  if (picture !== undefined && confusion !== null) {
    const title = `${percent(testAccuracy)} of ${test.count} images of ${dataset}`;
    await writePicture(picture, confusionPicture(confusion, classNames, title));
  }
  const facts = pairs([
    ["test accuracy", `${percent(testAccuracy)}, ${right} of ${test.count} images of ${dataset}`],
    ["one image", `${milliseconds(latencyMs)} (median), kernel ${kernel}, core ${variant}`],
    ["model file", sizes(bytes.length, floats)],
    ...(picture === undefined ? [] : [["picture", picture] as const]),
  ]);
  output.result(
    {
      dataset,
      testAccuracy,
      images: test.count,
      seconds,
      latencyMs,
      packedBytes: bytes.length,
      floatBytes: floats,
      kernel,
      variant,
      classes: classNames,
      confusion,
      ...(picture === undefined ? {} : { picture }),
    },
    confusion === null ? facts : `${facts}\n\n${formatConfusion(confusion, classNames)}`,
  );
}

/** The data set that was asked for, or the one that the file was trained on. */
function datasetOf(session: Session, { data }: DataOptions): string {
  const { dataset } = session.metadata;
  if (data !== undefined) return data;
  if (dataset !== undefined && datasetNames.includes(dataset)) return dataset;
  const message =
    dataset === undefined
      ? "the model file does not say on which data set it was trained"
      : `this model was trained on ${printable(dataset)}, which is no data set with a place of its own`;
  throw new ProxbitError("argument", message, "Add --data NAME or --data FOLDER.");
}

/** The file's description of a picture; undefined where the network reads no pictures. */
function pictureInput(session: Session): ImageInput | undefined {
  const channels = session.inputShape.length === 3 ? session.inputShape[2] : 0;
  return channels === 1 || channels === 3 ? imageInputOf(session) : undefined;
}

/** The labels by the network's numbers: a folder may lack classes, which moves the numbers of the others. */
export function labelsFor(
  { classNames, metadata }: Pick<Session, "classNames" | "metadata">,
  { classes, test, name }: Dataset,
): ArrayLike<number> {
  if (test.labels.length === 0) {
    throw new ProxbitError(
      "data",
      `${name} has answers of real numbers, and eval counts the right classes`,
      "Give data with classes, or measure the network by trainer.evaluate with metrics.",
    );
  }
  if (metadata.classes === undefined || classes.length === 0) {
    const beyond = test.labels.find((label) => label >= classNames.length);
    if (beyond === undefined) return test.labels;
    throw new ProxbitError(
      "data",
      `${name} has a class ${beyond}, and the network's classes are 0 to ${classNames.length - 1}`,
      "Give the data that the network was trained for.",
    );
  }
  if (classes.length === classNames.length && classes.every((word, at) => word === classNames[at])) return test.labels;
  const double = [classes, classNames].flatMap((words) => words.filter((word, at) => words.indexOf(word) !== at))[0];
  if (double !== undefined) {
    throw new ProxbitError(
      "data",
      `two classes are called ${printable(double)}, and the classes of ${name} are not those of the network in its order`,
      "Give data whose classes are those of the network, or train it with a name for each class.",
    );
  }
  const numbers = classes.map((word) => classNames.indexOf(word));
  const unknown = numbers.indexOf(-1);
  if (unknown < 0) return Array.from(test.labels, (label) => numbers[label] as number);
  throw new ProxbitError(
    "data",
    `${name} has a class ${printable(classes[unknown] as string)}, which the network does not know`,
    `Give data of these classes: ${classNames.map(printable).join(", ")}.`,
  );
}

/** Inputs as a session takes them. Bytes stay, because the file says what they mean. */
function runnable({ images, scale, offset }: Split): Uint8Array | Float32Array {
  if (images instanceof Uint8Array || images instanceof Float32Array) return images;
  return Float32Array.from(images, (value) => Math.fround(value * scale) + offset);
}
