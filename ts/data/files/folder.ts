/**
 * A folder of pictures as a data set. Its folders are the classes: `photos/cat/1.jpg`, `photos/dog/2.png`. Where there are
 * `train` and `test` (or `val`, `valid`, `validation`) beside each other, each holds the classes. Else a share of each
 * class is kept for testing.
 *
 * Which pictures test and in which order all stand follows from names and seed alone, so every machine makes the same
 * data set. Each picture has a draw by its own name, so one more leaves the others where they are, but for a neighbour. The
 * order is mixed, so the first so many pictures are of all classes.
 */
import {
  callbackOf,
  integerIn,
  isList,
  numberIn,
  oneOf,
  plainObject,
  reject,
  type Subject,
  signalOf,
} from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { checkImage, type Decoder, decoders } from "../../images/decode.ts";
import { backgroundOf, type Fit, fitOf, type ImageInput } from "../../images/input.ts";
import { requireNode } from "../../io/node.ts";
import { randomStream } from "../../nn/random.ts";
import type { Dataset, ImageSplit } from "../dataset.ts";
import { split } from "../split.ts";
import { entriesIn, imageFilesIn, type ReadOptions, readBytes, readPictures, type Seen } from "./pictures.ts";

/** Progress of reading: pictures read, of all. */
export interface ReadProgress {
  readonly read: number;
  readonly of: number;
}

export interface ImageFolderOptions {
  /** Height and width of the network's input, or one number for both. The size of all files where they have one size. */
  readonly size?: number | readonly [height: number, width: number] | undefined;
  /** 3 (where absent) is colour, 1 is gray. */
  readonly channels?: 1 | 3 | undefined;
  /** The way of a picture into another shape; `cover` where absent: resized, and its middle cut out. */
  readonly fit?: Fit | undefined;
  /** The colour behind transparent pixels and around a contained picture, `#rrggbb`; white where absent. */
  readonly background?: string | undefined;
  /** The share of each class that is kept for testing where the folder has no part for it, 0.01 to 0.99; 0.2 where absent. */
  readonly test?: number | undefined;
  /** The seed of the choice and the order, a whole number from 0; 0 where absent. */
  readonly seed?: number | undefined;
  /** At most so many pictures are read of each part. */
  readonly limit?: number | undefined;
  /** `auto` (where absent) takes sharp where it is installed, else JavaScript. */
  readonly decoder?: Decoder | undefined;
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
  /** Stops the reading. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = ["size", "channels", "fit", "background", "test", "seed", "limit", "decoder", "onProgress", "signal"];
const SUBJECT: Subject = { code: "argument", what: "imageFolder" };
const TEST_FOLDERS: readonly string[] = ["test", "val", "valid", "validation"];
const MOST_PIXELS = 16384;
/** A typed array of more would not fit into the trainer's memory beside itself. */
const MOST_BYTES = 2 ** 31;

interface Picture {
  readonly path: string;
  /** The path from the folder of the classes on, with slashes. */
  readonly name: string;
  readonly label: number;
}

interface Parts {
  readonly classes: readonly string[];
  readonly train: readonly Picture[];
  readonly test: readonly Picture[];
}

/**
 * Reads the pictures below `directory` (Node): PNG, JPEG and WebP, turned as their cameras say.
 *
 * @throws ProxbitError "data" for a folder that is missing, has fewer than two classes, or a class without pictures.
 * @throws ProxbitError "data" where files have several sizes and `size` is absent, and for more than 2 GiB.
 * @throws ProxbitError "image" for a file that is damaged or short; "argument" for options; "aborted" after the signal.
 */
export async function imageFolder(directory: string, given: ImageFolderOptions = {}): Promise<Dataset<ImageSplit>> {
  const options: ImageFolderOptions = plainObject(given, OPTIONS, SUBJECT);
  if (typeof directory !== "string" || directory === "") {
    reject(SUBJECT, "the folder", "the path of a directory", directory);
  }
  const { path } = requireNode(
    "Reading a folder of images",
    "Decode the images with a canvas, and pass them to split.",
  );
  const settings = checked(options);
  const parts = await partsOf(directory, options);
  const { size, decoder, signal, onProgress } = options;
  const sides: Sides = size === undefined ? await sameSize((parts.train[0] as Picture).path) : sidesOf(size);
  const input: ImageInput = { height: sides.height, width: sides.width, ...settings };
  const of = parts.train.length + parts.test.length;
  checkBytes(of, input);
  const reading = { decoder, check: sides.check, stopped: () => stopIfAborted(signal) };
  const read = (pictures: readonly Picture[], before: number): Promise<ImageSplit> =>
    readPart(pictures, input, parts.classes.length, reading, (count) => onProgress?.({ read: before + count, of }));
  const train = await read(parts.train, 0);
  const test = await read(parts.test, train.count);
  const { fit, background } = input;
  return {
    name: path.basename(path.resolve(directory)),
    classes: parts.classes,
    train,
    test,
    input: { fit, background },
  };
}

type Settings = Omit<ImageInput, "height" | "width">;

function checked(options: ImageFolderOptions): Settings {
  const { size, channels = 3, fit, background, decoder, limit, test, seed } = options;
  if (test !== undefined) numberIn(test, 0.01, 0.99, "test", SUBJECT);
  if (seed !== undefined) integerIn(seed, 0, Number.MAX_SAFE_INTEGER, "seed", SUBJECT);
  callbackOf(options.onProgress, "onProgress", SUBJECT);
  signalOf(options.signal, "signal", SUBJECT);
  if (channels !== 1 && channels !== 3) reject(SUBJECT, "channels", "1 (gray) or 3 (colour)", channels);
  if (decoder !== undefined) oneOf(decoder, decoders, "decoder", SUBJECT);
  if (size !== undefined) sidesOf(size);
  if (limit !== undefined) integerIn(limit, 1, 2 ** 31, "limit", SUBJECT);
  return { channels, fit: fitOf(fit, SUBJECT), background: backgroundOf(background, SUBJECT) };
}

/** The size of the network's input, and the check of each picture where it follows from the pictures. */
type Sides = Pick<ImageInput, "height" | "width"> & Pick<ReadOptions, "check">;

/** Throws where bytes of `count` images would not fit into memory. */
function checkBytes(count: number, { height, width, channels }: ImageInput): void {
  const bytes = count * height * width * channels;
  if (bytes > MOST_BYTES) {
    throw new ProxbitError(
      "data",
      `${count} images of ${height} x ${width} take ${bytes} bytes; at most ${MOST_BYTES} are kept in memory`,
      "Give a smaller size or a limit, or read the images in batches, as a stream.",
    );
  }
}

function sidesOf(size: unknown): Sides {
  const sides: readonly unknown[] = isList(size) ? size : [size, size];
  if (sides.length !== 2) reject(SUBJECT, "size", "a number, or [height, width]", size);
  const [height, width] = sides.map((side) => integerIn(side, 1, MOST_PIXELS, "size", SUBJECT));
  return { height: height as number, width: width as number };
}

/** A check that a picture has the size of the one at `first`, as all have to where nobody has said the network's. */
async function sameSize(first: string): Promise<Sides> {
  const size = checkImage(await readBytes(first), first);
  const check = (bytes: Uint8Array, path: string): void => {
    const { height, width } = checkImage(bytes, path);
    if (height === size.height && width === size.width) return;
    throw new ProxbitError(
      "data",
      `the images have several sizes: ${first} is ${size.width} x ${size.height}, ${path} is ${width} x ${height}`,
      "Give the size of the network's input, for example 64 for 64 x 64 pixels; the images are resized.",
    );
  };
  return { height: size.height, width: size.width, check };
}

async function readPart(
  pictures: readonly Picture[],
  input: ImageInput,
  classes: number,
  reading: ReadOptions,
  tell: (count: number) => void,
): Promise<ImageSplit> {
  const { height, width, channels } = input;
  const size = height * width * channels;
  const images = new Uint8Array(pictures.length * size);
  const paths = pictures.map(({ path }) => path);
  let count = 0;
  for await (const bytes of readPictures(paths, input, reading)) {
    images.set(bytes, count * size);
    tell(++count);
  }
  return split(
    images,
    pictures.map(({ label }) => label),
    [height, width, channels],
    { classes },
  );
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ProxbitError("aborted", "the reading of images was stopped", "Start it again.");
}

async function partsOf(directory: string, options: ImageFolderOptions): Promise<Parts> {
  const { path } = requireNode("Reading a folder of images", "Pass the images to split.");
  const { limit = Number.POSITIVE_INFINITY } = options;
  const seed = integerIn(options.seed ?? 0, 0, Number.MAX_SAFE_INTEGER, "seed", SUBJECT);
  const share = numberIn(options.test ?? 0.2, 0.01, 0.99, "test", SUBJECT);
  const folders = await foldersIn(directory);
  const [testFolder, another] = TEST_FOLDERS.filter((name) => folders.includes(name));
  const isParted = folders.includes("train") && testFolder !== undefined;
  if (isParted && another !== undefined) {
    const message = `${directory} has two folders for testing, ${testFolder} and ${another}`;
    throw new ProxbitError("data", message, "Keep one of them beside train, and put the other elsewhere.");
  }
  if (isParted && options.test !== undefined) {
    const message = `${directory} has a folder ${testFolder} for testing, and a share for it is given`;
    throw new ProxbitError("argument", message, "Leave the share out.");
  }
  const root = isParted ? path.join(directory, "train") : directory;
  const classes = isParted ? await foldersIn(root) : folders;
  if (classes.length < 2) {
    const found = classes.length === 0 ? "no folder" : `one folder, ${classes[0]}`;
    throw new ProxbitError(
      "data",
      `${root} has ${found} in it, and each class needs one`,
      "Put the images of each class into a folder of its own, as in photos/cat and photos/dog.",
    );
  }
  // Both parts share it: a link would bring a picture that is trained on into the test.
  const seen: Seen = { folders: new Set(), pictures: new Set() };
  const byClass = await classesIn(root, classes, classes, seen);
  const parts = isParted
    ? { train: byClass.flat(), test: await testPictures(path.join(directory, testFolder), classes, seen) }
    : heldOut(
        byClass.map((pictures) => drawn(pictures, seed, "held out")),
        share,
        directory,
      );
  const pick = (part: "train" | "test") => drawn(parts[part], seed, part).slice(0, limit);
  return { classes, train: pick("train"), test: pick("test") };
}

/** Folders that a test may lack, but none that training lacks. */
async function testPictures(root: string, classes: readonly string[], seen: Seen): Promise<readonly Picture[]> {
  const names = await foldersIn(root);
  const unknown = names.find((name) => !classes.includes(name));
  if (unknown !== undefined || names.length === 0) {
    const message =
      unknown === undefined ? `${root} has no folder in it` : `${root} has a class ${unknown}, unlike train`;
    throw new ProxbitError("data", message, "Give the folders of both parts the same names.");
  }
  return (await classesIn(root, names, classes, seen)).flat();
}

/** The pictures of each of `names`, folders of `root`; one after the other, so that links which meet are named the same. */
async function classesIn(
  root: string,
  names: readonly string[],
  classes: readonly string[],
  seen: Seen,
): Promise<readonly (readonly Picture[])[]> {
  const { path } = requireNode("Reading a folder of images", "Pass the images to split.");
  const found: (readonly Picture[])[] = [];
  for (const name of names) {
    const paths = await picturesOf(path.join(root, name), seen);
    const label = classes.indexOf(name);
    const nameOf = (one: string): string => path.relative(root, one).replaceAll(path.sep, "/");
    found.push(paths.map((one) => ({ path: one, name: nameOf(one), label })));
  }
  return found;
}

function heldOut(byClass: readonly (readonly Picture[])[], share: number, directory: string): Omit<Parts, "classes"> {
  const tests = byClass.map((pictures) => Math.max(1, Math.round(share * pictures.length)));
  const short = byClass.find((pictures, label) => pictures.length <= (tests[label] as number));
  if (short !== undefined) {
    throw new ProxbitError(
      "data",
      `a class of ${directory} has too few images to keep some for testing: ${short[0]?.path} and ${short.length - 1} more`,
      "Give at least two images of each class, or folders train and test.",
    );
  }
  return {
    test: byClass.flatMap((pictures, label) => pictures.slice(0, tests[label])),
    train: byClass.flatMap((pictures, label) => pictures.slice(tests[label])),
  };
}

async function picturesOf(folder: string, seen: Seen): Promise<readonly string[]> {
  const paths = await imageFilesIn(folder, seen);
  if (paths.length > 0) return paths;
  throw new ProxbitError("data", `${folder} has no PNG, JPEG or WebP in it`, "Add images of the class, or remove it.");
}

const foldersIn = async (directory: string): Promise<readonly string[]> =>
  (await entriesIn(directory)).flatMap(({ name, isFolder }) => (isFolder ? [name] : []));

/** The pictures in the order of a draw for each, by the stream of (`seed`, `use` and its name). */
function drawn(pictures: readonly Picture[], seed: number, use: string): readonly Picture[] {
  return pictures
    .map((picture) => ({ picture, draw: randomStream(seed, `${use}/${picture.name}`).below(2 ** 32) }))
    .sort((a, b) => a.draw - b.draw)
    .map(({ picture }) => picture);
}
