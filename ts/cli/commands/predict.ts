/** `proxbit predict`: the classes of images, and how sure the network is. */

import { stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { Command } from "commander";
import { imageFilesIn, readPictures } from "../../data/files/pictures.ts";
import { readInput } from "../../images/decode.ts";
import type { ImageInput } from "../../images/input.ts";
import { imageError } from "../../images/picture.ts";
import { imageInputOf, probabilitiesOf, topOf } from "../../inference/classify.ts";
import type { Session } from "../../inference/index.ts";
import { type Column, formatTable } from "../../show/table.ts";
import { bar, percent, printable } from "../format.ts";
import { stopIfAborted } from "../interrupt.ts";
import { loadSession, readModelFile } from "../model-file.ts";
import { addCommonOptions, wholeNumber } from "../options.ts";
import { countProgress } from "../progress.ts";
import type { Context } from "../run.ts";

const BAR_WIDTH = 24;
const STANDARD_INPUT = "-";
const USUAL_TOP = 3;

interface PredictOptions {
  readonly top?: number;
}

export function predictCommand(context: Context): Command {
  const command = new Command("predict")
    .summary("classify images")
    .description(
      "Says which class each image belongs to, and how probable. Images of another size are resized as in training.",
    )
    .argument("<file>", "a model file that proxbit has written")
    .argument("<images...>", "PNG, JPEG or WebP files, folders of them, or - for an image on standard input")
    .option("--top <n>", "name so many classes for each image (default: all for one image, 3 for more)", topOption);
  return addCommonOptions(
    command,
    "proxbit predict mnist.safetensors seven.png",
    "proxbit predict pets.safetensors photos/ more/*.jpg --top 2 --json",
  ).action((file: string, images: readonly string[], options: PredictOptions) =>
    predict(file, images, options, context),
  );
}

const topOption = wholeNumber("--top", 1, 2 ** 24);

/** The answer for one image. */
interface Answer {
  readonly image: string;
  readonly class: string;
  readonly index: number;
  readonly probability: number;
  readonly top: readonly { readonly class: string; readonly index: number; readonly probability: number }[];
}

async function predict(
  file: string,
  given: readonly string[],
  options: PredictOptions,
  context: Context,
): Promise<void> {
  const { output } = context;
  const session = await loadSession(file, await readModelFile(file));
  const input = imageInputOf(session);
  const names = await namesOf(given);
  if (names.length === 1) return predictOne(session, names[0] as string, input, options, context);
  const answers: Answer[] = [];
  const progress = countProgress(context, "reading");
  try {
    for await (const pixels of picturesOf(names, input, context)) {
      const image = names[answers.length] as string;
      const answer = answerOf(session, image, probabilities(session, pixels), options.top ?? USUAL_TOP);
      answers.push(answer);
      output.event({ type: "prediction", ...answer });
      progress.update(answers.length, names.length);
    }
  } finally {
    progress.clear();
  }
  // No plain object, which has a "constructor" already.
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer.class, (counts.get(answer.class) ?? 0) + 1);
  output.result({ images: answers.length, counts: Object.fromEntries(counts) }, rows(answers));
}

async function predictOne(
  session: Session,
  image: string,
  input: ImageInput,
  { top }: PredictOptions,
  context: Context,
): Promise<void> {
  const { value: pixels } = await picturesOf([image], input, context).next();
  const shares = probabilities(session, pixels as Uint8Array);
  const answer = answerOf(session, image, shares, top ?? shares.length);
  const shown = top === undefined ? answer.top.toSorted((a, b) => a.index - b.index) : answer.top;
  context.output.result(
    { ...answer, probabilities: shares, classes: session.classNames },
    [printable(answer.class), ...chart(shown, answer.index)].join("\n"),
  );
}

const probabilities = (session: Session, pixels: Uint8Array): readonly number[] =>
  probabilitiesOf(session.graph, session.run(pixels));

function answerOf(session: Session, image: string, shares: readonly number[], top: number): Answer {
  const best = topOf(shares, session.classNames, top).map(({ label, index, probability }) => ({
    ...{ class: label, index, probability },
  }));
  return { image, ...(best[0] as Answer["top"][number]), top: best };
}

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

function chart(shown: Answer["top"], best: number): readonly string[] {
  const width = Math.max(...shown.map((one) => printable(one.class).length));
  return shown.map(({ class: name, index, probability }) => {
    const share = `${bar(probability, BAR_WIDTH)} ${percent(probability).padStart(8)}`;
    return `${index === best ? ">" : " "} ${printable(name).padEnd(width)}  ${share}`;
  });
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
