/** `proxbit predict`: the classes of images, and how sure the network is. */

import { stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { Command } from "commander";
import { ProxbitError } from "../../base/errors.ts";
import { imageFilesIn, readPictures } from "../../data/files/pictures.ts";
import { readInput } from "../../images/decode.ts";
import type { ImageInput } from "../../images/input.ts";
import { imageError } from "../../images/picture.ts";
import { imageInputOf } from "../../inference/classify.ts";
import {
  type Labels,
  labelsOf,
  labelWords,
  probabilitiesOf,
  topOf,
  USUAL_THRESHOLD,
} from "../../inference/classify-labels.ts";
import type { Session } from "../../inference/index.ts";
import { type Column, formatTable } from "../../show/table.ts";
import { addBoundOptions, type BoundOptions, boundsFrom } from "../bounds.ts";
import { bar, percent, printable } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { addCommonOptions, oneOfWords, realNumber, wholeNumber } from "../options.ts";
import { countProgress } from "../progress.ts";
import type { Context } from "../run.ts";

const BAR_WIDTH = 24;
const STANDARD_INPUT = "-";
const USUAL_TOP = 3;

interface PredictOptions extends BoundOptions {
  readonly top?: number;
  readonly labels?: Labels;
  readonly threshold?: number;
}

export function predictCommand(context: Context): Command {
  const command = new Command("predict")
    .summary("classify images")
    .description(
      "Says which class each image belongs to, and how probable. Images of another size are resized as in training.",
    )
    .argument("<file>", "a model file that proxbit has written")
    .argument("<images...>", "PNG, JPEG or WebP files, folders of them, or - for an image on standard input")
    .option("--top <n>", "name so many classes for each image (default: all for one image, 3 for more)", topOption)
    .option(
      "--labels <number>",
      "one: an image shows one class of all; many: it shows any number of them (default: what the file says)",
      oneOfWords("--labels", labelWords),
    )
    .option(
      "--threshold <probability>",
      `with many: from which on an image is said to show a class (default: ${USUAL_THRESHOLD})`,
      realNumber("--threshold", 0, 1),
    );
  addBoundOptions(command);
  return addCommonOptions(
    command,
    "proxbit predict mnist.safetensors seven.png",
    "proxbit predict pets.safetensors photos/ more/*.jpg --top 2 --json",
  ).action((file: string, images: readonly string[], options: PredictOptions) =>
    predict(file, images, options, context),
  );
}

const topOption = wholeNumber("--top", 1, 2 ** 24);

interface Named {
  readonly class: string;
  readonly index: number;
  readonly probability: number;
}

/** The answer for one image: its most probable class, and those behind it. */
interface Answer extends Named {
  readonly image: string;
  readonly top: readonly Named[];
  /** The classes from the threshold on, where an image may show any number of them. */
  readonly labels?: readonly Named[];
}

/** The threshold where an image may show any number of classes; null where it shows one. */
function thresholdOf(session: Session, { labels = labelsOf(session), threshold }: PredictOptions): number | null {
  if (labels === "many") return threshold ?? USUAL_THRESHOLD;
  if (threshold === undefined) return null;
  const message = "--threshold is for images that show any number of classes, and those of this file show one";
  throw new ProxbitError("argument", message, "Leave it out, or give --labels many.");
}

async function predict(
  file: string,
  given: readonly string[],
  options: PredictOptions,
  context: Context,
): Promise<void> {
  const { output } = context;
  const session = await loadSession(file, await readModelFile(file), boundsFrom(options));
  const input = imageInputOf(session);
  const threshold = thresholdOf(session, options);
  const names = await namesOf(given);
  if (names.length === 1) return predictOne(session, names[0] as string, { input, threshold }, options, context);
  const answers: Answer[] = [];
  const progress = countProgress(context, "reading");
  const table = () => (threshold === null ? rows(answers) : rowsOfMany(answers));
  try {
    for await (const pixels of picturesOf(names, input, context)) {
      const image = names[answers.length] as string;
      const answer = answerOf(
        session,
        image,
        probabilities(session, pixels, threshold),
        options.top ?? USUAL_TOP,
        threshold,
      );
      answers.push(answer);
      output.event({ type: "prediction", ...answer });
      progress.update(answers.length, names.length);
    }
  } catch (error) {
    // The answers so far are no less true.
    progress.clear();
    if (answers.length > 0) output.text(table());
    throw error;
  } finally {
    progress.clear();
  }
  // No plain object, which has a "constructor" already.
  const counts = new Map<string, number>();
  for (const answer of answers) {
    for (const { class: name } of answer.labels ?? [answer]) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const found = { images: answers.length, counts: Object.fromEntries(counts) };
  output.result(found, table());
}

async function predictOne(
  session: Session,
  image: string,
  { input, threshold }: { readonly input: ImageInput; readonly threshold: number | null },
  { top }: PredictOptions,
  context: Context,
): Promise<void> {
  const { value: pixels } = await picturesOf([image], input, context).next();
  const shares = probabilities(session, pixels as Uint8Array, threshold);
  const answer = answerOf(session, image, shares, top ?? shares.length, threshold);
  const shown = top === undefined ? answer.top.toSorted((a, b) => a.index - b.index) : answer.top;
  const named = answer.labels ?? [answer];
  context.output.result(
    { ...answer, probabilities: shares, classes: session.classNames },
    [
      namesText(named),
      ...chart(
        shown,
        named.map(({ index }) => index),
      ),
    ].join("\n"),
  );
}

const probabilities = (session: Session, pixels: Uint8Array, threshold: number | null): readonly number[] =>
  probabilitiesOf(session.graph, session.run(pixels), threshold === null ? "one" : "many");

function answerOf(
  session: Session,
  image: string,
  shares: readonly number[],
  top: number,
  threshold: number | null,
): Answer {
  const all = topOf(shares, session.classNames, shares.length).map(
    ({ label, index, probability }): Named => ({ class: label, index, probability }),
  );
  const answer = { image, ...(all[0] as Named), top: all.slice(0, top) };
  return threshold === null ? answer : { ...answer, labels: all.filter(({ probability }) => probability >= threshold) };
}

/** The names of classes in a row; a dash where there are none. */
const namesText = (named: readonly Named[]): string =>
  named.length === 0 ? "-" : named.map((one) => printable(one.class)).join(", ");

/** Every image by its path, the images in folders among them. */
async function namesOf(given: readonly string[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const name of given) {
    const isFolder = name !== STANDARD_INPUT && (await stat(name).catch(() => undefined))?.isDirectory();
    const found = isFolder ? await imageFilesIn(name) : [name];
    if (found.length === 0) throw imageError(`${name} has no PNG, JPEG or WebP in it`, "Give a folder of images.");
    for (const one of found) names.push(one);
  }
  return names;
}

async function* picturesOf(
  names: readonly string[],
  input: ImageInput,
  { signal }: Context,
): AsyncGenerator<Uint8Array> {
  const stopped = (): void => stopIfAborted(signal);
  if (!names.includes(STANDARD_INPUT)) return yield* readPictures(names, input, { stopped });
  for (const name of names) {
    if (name !== STANDARD_INPUT) yield* readPictures([name], input, { stopped });
    else yield await readInput(await buffer(process.stdin), input, "standard input");
  }
}

function chart(shown: readonly Named[], marked: readonly number[]): readonly string[] {
  const width = Math.max(...shown.map((one) => printable(one.class).length));
  return shown.map(({ class: name, index, probability }) => {
    const share = `${bar(probability, BAR_WIDTH)} ${percent(probability).padStart(8)}`;
    return `${marked.includes(index) ? ">" : " "} ${printable(name).padEnd(width)}  ${share}`;
  });
}

function rowsOfMany(answers: readonly Answer[]): string {
  const withShares = (named: readonly Named[]): string =>
    named.map((one) => `${printable(one.class)} ${percent(one.probability)}`).join(", ");
  return formatTable(
    [{ title: "image" }, { title: "classes" }],
    answers.map(({ image, labels = [] }) => [printable(image), labels.length === 0 ? "-" : withShares(labels)]),
  );
}

function rows(answers: readonly Answer[]): string {
  const columns = [{ title: "image" }, { title: "class" }, { title: "probability", align: "right" }, { title: "then" }];
  return formatTable(
    columns as readonly Column[],
    answers.map(({ image, class: name, probability, top }) => [
      printable(image),
      printable(name),
      percent(probability),
      top
        .slice(1)
        .map((one) => `${printable(one.class)} ${percent(one.probability)}`)
        .join(", "),
    ]),
  );
}
