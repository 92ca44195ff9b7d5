/**
 * From a picture to the names of its classes: the picture becomes the network's input, logits become probabilities.
 *
 * The file's input description says how. Shape, `inputScale` and `inputOffset` are those of training. `inputFit` and
 * `inputBackground` say how a picture of another size gets there; `cover` and white where the file is silent.
 */
import { integerIn, isList, numberIn, oneOf, plainObject, reading, type Subject } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { type Drawable, pixelsOf, sizeOfDrawable } from "../images/browser.ts";
import { backgroundOf, fitOf, type ImageInput } from "../images/input.ts";
import type { Picture } from "../images/picture.ts";
import { fitPicture } from "../images/resize.ts";
import type { PackedModel } from "../io/model-reader.ts";
import { inputShapeOf } from "../nn/network.ts";
import {
  type Classify,
  type ClassifyOptions,
  classNamesOf,
  type FileLike,
  type ImageSource,
  type Run,
} from "./classes.ts";
import {
  type Labels,
  labelsOf,
  labelWords,
  type Prediction,
  probabilitiesOf,
  topOf,
  USUAL_THRESHOLD,
} from "./classify-labels.ts";
import type { Images } from "./images.ts";

const SUBJECT: Subject = { code: "argument", what: "classify" };
const FILE: Subject = { code: "model-file", what: "the model file's metadata" };
const USUAL_TOP = 5;

/** The position of the first of the largest values. */
export function largestAt(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  }
  return best;
}

/**
 * The description of a picture that `model` takes.
 *
 * @throws ProxbitError `shape` where the network does not read images of one or three channels.
 * @throws ProxbitError `model-file` where the file's description is none.
 */
export function imageInputOf({ graph, metadata }: Pick<PackedModel, "graph" | "metadata">): ImageInput {
  const shape = inputShapeOf(graph);
  const [height, width, channels] = shape;
  if (shape.length !== 3 || !height || !width || (channels !== 1 && channels !== 3)) {
    const remedy = "Give its numbers, as run takes them, with their count.";
    throw new ProxbitError("shape", `the network takes inputs of [${shape.join(", ")}], which are no pictures`, remedy);
  }
  const fit = fitOf(metadata.inputFit, { ...FILE, what: `${FILE.what}: inputFit` });
  return { height, width, channels, fit, background: backgroundOf(metadata.inputBackground, FILE) };
}

/** The way from an output to an answer. */
interface Way {
  readonly labels: Labels;
  readonly top: number;
  readonly threshold: number;
}

function wayOf(options: ClassifyOptions, model: PackedModel, classes: number): Way {
  const labels = oneOf(options.labels ?? labelsOf(model), labelWords, "labels", SUBJECT);
  const usual = labels === "one" ? Math.min(USUAL_TOP, classes) : classes;
  const top = integerIn(options.top ?? usual, 1, classes, "top", SUBJECT);
  const threshold = numberIn(options.threshold ?? USUAL_THRESHOLD, 0, 1, "threshold", SUBJECT);
  if (labels === "one" && options.threshold !== undefined) {
    const message = "classify: a threshold is for pictures that show several classes, and this file's show one";
    throw new ProxbitError("argument", message, 'Leave threshold out, or add labels: "many".');
  }
  return { labels, top, threshold };
}

/** The work of `classify` of a session whose `run` is `run`. */
export function classifierOf(model: PackedModel, run: Run): Classify {
  const names = classNamesOf(model);
  const answer = async (images: Images, count: number, way: Way): Promise<readonly (readonly Prediction[])[]> => {
    const outputs = await run(images, { count });
    return Array.from({ length: count }, (_, image) => {
      const output = outputs.subarray(image * names.length, (image + 1) * names.length);
      const found = topOf(probabilitiesOf(model.graph, output, way.labels), names, way.top);
      return way.labels === "one" ? found : found.filter(({ probability }) => probability >= way.threshold);
    });
  };
  const classify = async (
    source: ImageSource | readonly ImageSource[] | Images,
    given: ClassifyOptions & { readonly count?: number } = {},
  ): Promise<readonly Prediction[] | readonly (readonly Prediction[])[]> => {
    const options: typeof given = plainObject(given, ["top", "labels", "threshold", "count"], SUBJECT);
    const way = wayOf(options, model, names.length);
    if (options.count !== undefined) {
      const count = integerIn(options.count, 1, Number.MAX_SAFE_INTEGER, "count", SUBJECT);
      return answer(source as Images, count, way);
    }
    const input = imageInputOf(model);
    if (!isList(source)) {
      const [only] = await answer(fitPicture(await pictureOf(source as ImageSource, "the image"), input), 1, way);
      return only as readonly Prediction[];
    }
    const answers: (readonly Prediction[])[] = [];
    for (const [index, one] of (source as readonly ImageSource[]).entries()) {
      const pixels = fitPicture(await pictureOf(one, `image ${index}`), input);
      answers.push((await answer(pixels, 1, way))[0] as readonly Prediction[]);
    }
    return answers;
  };
  return classify as Classify;
}

const REMEDY = "Give ImageData, an element of the page, a Blob, a file's bytes, or numbers with their count.";

/** The pixels of any source. A decoder is loaded at the first file. */
async function pictureOf(source: unknown, what: string): Promise<Picture> {
  if (typeof source !== "object" || source === null) {
    throw new ProxbitError("argument", `${what} cannot be ${describe(source)}`, REMEDY);
  }
  const read = reading(what, "a picture whose parts can be read", () => bytesOf(source));
  const bytes = await read;
  if (bytes !== undefined) {
    const { decodeImage } = await import("../images/decode.ts");
    return decodeImage(bytes, what);
  }
  if (ArrayBuffer.isView(source)) {
    const message = `${what} is ${describe(source)} without a count`;
    throw new ProxbitError("argument", message, "Give { count: 1 } for one input as run takes it.");
  }
  const drawn = sizeOfDrawable(source);
  if (drawn !== undefined) return pixelsOf(source as Drawable, drawn.width, drawn.height, what);
  if ("data" in source && "width" in source && "height" in source) return checkedPixels(source, what);
  throw new ProxbitError("argument", `${what} cannot be ${describe(source)}`, REMEDY);
}

/** The bytes of a file, or a promise of them; undefined for what is none. */
function bytesOf(source: object): Uint8Array | Promise<Uint8Array> | undefined {
  if ("arrayBuffer" in source && typeof source.arrayBuffer === "function") {
    return (source as FileLike).arrayBuffer().then((buffer) => new Uint8Array(buffer));
  }
  const tag = Object.prototype.toString.call(source);
  if (tag === "[object ArrayBuffer]") return new Uint8Array(source as ArrayBuffer);
  if (tag !== "[object Uint8Array]") return undefined;
  const { buffer, byteOffset, byteLength } = source as Uint8Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checkedPixels(source: { data: unknown; width: unknown; height: unknown }, what: string): Picture {
  const { data, width, height } = source;
  const sized = [width, height].every((side) => Number.isSafeInteger(side) && (side as number) > 0);
  const view = ArrayBuffer.isView(data) ? (data as Uint8Array) : undefined;
  if (sized && view?.BYTES_PER_ELEMENT === 1 && view.length > 0 && view.length === 4 * Number(width) * Number(height)) {
    return { width: Number(width), height: Number(height), data: view };
  }
  const message = `${what} must have width x height x 4 bytes of red, green, blue and alpha`;
  throw new ProxbitError("image", message, "Give ImageData as getImageData returns it.");
}
