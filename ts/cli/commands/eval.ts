/** `proxbit eval`: a model file on all test images of a data set, by the inference entry point alone. */
import { Command } from "commander";
import { ProxbitError } from "../../base/errors.ts";
import type { Session } from "../../inference/index.ts";
import { floatBytes } from "../../io/model-file.ts";
import { classify, medianLatency } from "../classify.ts";
import { checkImageShape, readData } from "../data.ts";
import { milliseconds, pairs, percent, printable, sizes } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { addCommonOptions, addDataOptions, type DataOptions } from "../options.ts";
import { countProgress } from "../progress.ts";
import type { Context } from "../run.ts";

export function evalCommand(context: Context): Command {
  const command = new Command("eval").summary("measure a model file on the test images of a data set");
  command
    .description("Runs a packed model file on all test images of a data set: accuracy, time of one image, size.")
    .argument("<file>", "a model file that proxbit has written");
  addDataOptions(command, "optional");
  return addCommonOptions(command, "proxbit eval mnist.safetensors --data mnist").action(
    (file: string, options: DataOptions) => evaluate(file, options, context),
  );
}

async function evaluate(file: string, options: DataOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const bytes = await readModelFile(file);
  const session = await loadSession(file, bytes);
  const name = datasetOf(session, options, output.note);
  const { test, name: dataset } = await readData(name, options, context);
  checkImageShape(session.inputShape, test, name);
  stopIfAborted(signal);

  const progress = countProgress(context, "testing");
  const began = performance.now();
  const predictions = await classify(session, test.images, (done, of) => {
    stopIfAborted(signal);
    progress.update(done, of);
  }).finally(progress.clear);
  const seconds = (performance.now() - began) / 1000;
  const right = predictions.reduce((sum, predicted, image) => sum + (predicted === test.labels[image] ? 1 : 0), 0);

  const testAccuracy = right / test.count;
  const imageBytes = test.images.length / test.count;
  const latencyMs = medianLatency(session, test.images.subarray(0, imageBytes));
  const floats = floatBytes(session.graph);
  const { kernel, variant } = session.explain();
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
    },
    pairs([
      ["test accuracy", `${percent(testAccuracy)}, ${right} of ${test.count} images of ${dataset}`],
      ["one image", `${milliseconds(latencyMs)} (median), kernel ${kernel}, core ${variant}`],
      ["model file", sizes(bytes.length, floats)],
    ]),
  );
}

/** The data set that was asked for, or the one that the file was trained on. */
function datasetOf(session: Session, { data }: DataOptions, note: (line: string) => void): string {
  const { dataset } = session.metadata;
  if (data !== undefined) {
    if (dataset !== undefined && dataset !== data)
      note(`note: this model was trained on ${printable(dataset)}, not on ${data}`);
    return data;
  }
  if (dataset !== undefined) return dataset;
  throw new ProxbitError(
    "argument",
    "the model file does not say on which data set it was trained",
    "Add --data NAME.",
  );
}
