/** The classes of a session: what may be asked and is answered, their names and their probabilities. */
import { reading, reject } from "../base/checks.ts";
import type { PackedModel } from "../io/model-reader.ts";
import { outputsOf, shapesOf } from "../nn/network.ts";
import { elementsOf } from "../nn/shapes.ts";
import { type Labels, type Prediction, sharesOf } from "./classify-labels.ts";
import type { Images, RunOptions } from "./images.ts";

/** Pixels as a canvas gives them: red, green, blue and alpha of each, rows from the top. ImageData is one. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** The sizes by which a page's elements are told: a canvas, an image, an ImageBitmap, a video or one frame of it. */
export interface PageImage {
  readonly width?: unknown;
  readonly height?: unknown;
  readonly displayWidth?: number;
}

/** A file in memory, as `Blob` and `File` are. */
export interface FileLike {
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A picture: pixels, an element or bitmap of a page, a file, or the bytes of a PNG, JPEG or WebP. */
export type ImageSource = Pixels | PageImage | FileLike | Uint8Array | ArrayBuffer;

export interface ClassifyOptions {
  /**
   * The number of classes that are named at most, the most probable first. Where absent 5, or all where there are fewer; and all
   * from the threshold on where a picture may show several.
   */
  readonly top?: number;
  /**
   * "one": a picture shows one class of all. "many": it shows any number of them, perhaps none, and each has a probability of its
   * own. Where absent it is what the file says; "many" of a silent file that ends in sigmoid, else "one".
   */
  readonly labels?: Labels;
  /** With "many": the probability, in [0, 1], from which on a class is named; 0.5 where absent. */
  readonly threshold?: number;
}

/** The ways to ask for classes; a list of pictures gives a list of answers. */
export interface Classify {
  /** The classes of one picture, the most probable first; of many labels those from the threshold on, which may be none. */
  (source: ImageSource, options?: ClassifyOptions): Promise<readonly Prediction[]>;
  /** The classes of each of `sources`. */
  (sources: readonly ImageSource[], options?: ClassifyOptions): Promise<readonly (readonly Prediction[])[]>;
  /** The classes of `count` inputs, which stand one after the other in `images` as `run` takes them. */
  (images: Images, options: ClassifyOptions & { readonly count: number }): Promise<readonly (readonly Prediction[])[]>;
}

/** softmax(logits): exp(x_i - max) / sum. @throws ProxbitError `argument` for anything but a list of finite numbers. */
export function softmax(logits: ArrayLike<number>): readonly number[] {
  const wanted = "a list of finite numbers";
  const values = reading("softmax", wanted, (): readonly unknown[] => Array.from(logits));
  const isList = typeof logits === "object" && "length" in logits;
  if (!isList || !values.every(Number.isFinite)) {
    reject({ code: "argument", what: "softmax" }, "the logits", wanted, logits);
  }
  return sharesOf(values as readonly number[]);
}

/** The names of the classes out of the file; their numbers where it holds none. */
export function classNamesOf({ graph, metadata }: Pick<PackedModel, "graph" | "metadata">): readonly string[] {
  const classes = elementsOf(shapesOf(graph).get(outputsOf(graph)[0] as string) ?? []);
  const numbers = (): readonly string[] => Array.from({ length: classes }, (_, index) => String(index));
  const { classes: text } = metadata;
  if (text === undefined) return numbers();
  try {
    const names: unknown = JSON.parse(text);
    const fits = Array.isArray(names) && names.length === classes && names.every((name) => typeof name === "string");
    return fits ? names : numbers();
  } catch {
    return numbers();
  }
}

/** The `run` of a session, which may be one of several threads. */
export type Run = (images: Images, options: RunOptions) => Float32Array | Promise<Float32Array>;
