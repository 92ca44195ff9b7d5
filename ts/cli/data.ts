/** `--data` and its options, read, and held against a network. */
import { existsSync } from "node:fs";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { unknownName } from "../base/names.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { dataset, datasetNames } from "../data/datasets.ts";
import { dataAt } from "../data/files/place.ts";
import { take } from "../data/split.ts";
import type { ImageInput } from "../images/input.ts";
import type { DataOptions } from "./options.ts";
import { countProgress, downloadProgress } from "./progress.ts";
import type { Context } from "./run.ts";

/** Tells a path from a data set's name. A name that is known is never a path. */
const isPath = (name: string): boolean => !datasetNames.includes(name) && (/[./\\]/.test(name) || existsSync(name));

/** @throws ProxbitError "unknown-name" with the nearest name where `name` is no data set and no path. */
export function checkDataName(name: string): void {
  if (!datasetNames.includes(name) && !isPath(name)) throw unknownName("data set or folder", name, datasetNames);
}

/**
 * The data set called `name`, or at that path, each of its splits cut to `--limit` examples. Reading shows its progress.
 * Images of a folder become those of `input` where a network has said it, and else those of the options.
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "data" where files are missing or malformed, "image" for an
 * image that cannot be had, "aborted".
 */
export async function readData(
  name: string,
  options: DataOptions,
  context: Context,
  input?: ImageInput,
): Promise<Dataset<Split>> {
  checkDataName(name);
  const whole = isPath(name) ? await readPath(name, options, context, input) : await readNamed(name, options, context);
  const { limit } = options;
  return limit === undefined ? whole : { ...whole, train: take(whole.train, limit), test: take(whole.test, limit) };
}

async function readNamed(name: string, options: DataOptions, context: Context): Promise<Dataset<Split>> {
  const { dataDir, dataUrl } = options;
  const given = imageOptions.find(([key]) => options[key] !== undefined);
  if (given !== undefined) {
    throw new ProxbitError("argument", `${given[1]} is for folders of images, and ${name} is none`, "Leave it out.");
  }
  const progress = downloadProgress(context, name);
  return dataset(name, {
    directory: dataDir,
    downloadUrl: dataUrl,
    onDownload: progress.update,
    signal: context.signal,
  }).finally(progress.clear);
}

/** Options of folders of images: their keys, their words, and their names in the library. */
const imageOptions = [
  ["imageSize", "--image-size", "size"],
  ["channels", "--channels", "channels"],
  ["fit", "--fit", "fit"],
  ["background", "--background", "background"],
  ["testShare", "--test-share", "test"],
] as const;

/** The words of the command line for those of the library, in messages about folders. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /Give the size of the network's input, for example 64 for 64 x 64 pixels;/,
    "Add --image-size 64, for 64 x 64 pixels;",
  ],
  [/Give a smaller size or a limit, or .*/, "Add a smaller --image-size, or --limit."],
  [/, and a share for it is given/, ", and --test-share is given"],
  [/Leave the share out\./, "Leave it out."],
  ...imageOptions.map(
    ([, option, word]) => [new RegExp(`^${word} is for folders`), `${option} is for folders`] as const,
  ),
];

const inWords = (text: string): string => WORDS.reduce((line, [from, to]) => line.replace(from, to), text);

async function readPath(
  path: string,
  options: DataOptions,
  context: Context,
  input: ImageInput | undefined,
): Promise<Dataset<Split>> {
  const { dataDir, dataUrl } = options;
  if (dataDir !== undefined || dataUrl !== undefined) {
    const option = dataDir === undefined ? "--data-url" : "--data-dir";
    throw new ProxbitError("argument", `${option} is for data sets by name, and ${path} is a path`, "Leave it out.");
  }
  const { imageSize: size, channels, fit, background, testShare: test, limit } = options;
  const progress = countProgress(context, "reading");
  const onProgress = ({ read, of }: { readonly read: number; readonly of: number }) => progress.update(read, of);
  try {
    const settings = { size, channels, fit, background, test, limit };
    return await dataAt(path, { ...settings, onProgress, signal: context.signal }, input);
  } catch (cause) {
    if (!isProxbitError(cause)) throw cause;
    throw new ProxbitError(cause.code, inWords(cause.message), inWords(cause.remedy), { cause });
  } finally {
    progress.clear();
  }
}

/** @throws ProxbitError "shape" where a network for images of `inputShape` cannot take those of the data set `name`. */
export function checkImageShape(inputShape: readonly number[], { shape }: Split, name: string): void {
  if (shape.length === inputShape.length && shape.every((size, axis) => size === inputShape[axis])) return;
  throw new ProxbitError(
    "shape",
    `the network takes images of [${inputShape.join(", ")}], ${name} has [${shape.join(", ")}]`,
    "Give a data set and a network whose images have one shape, [height, width, channels].",
  );
}

/** The way out of a batch that is not filled, where its size is an option. */
export const smallerBatch = (count: number): string => `Add --batch-size ${count} or less, or take more images.`;

/** @throws ProxbitError "data" where the images do not fill a step; `remedy` says what to give for so many. */
export function checkBatch({ count }: Split, batchSize: number, remedy: (count: number) => string): void {
  if (count >= batchSize) return;
  throw new ProxbitError("data", `${count} images do not fill a batch of ${batchSize}`, remedy(count));
}
