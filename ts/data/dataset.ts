/**
 * Examples in memory. An example is an input and its truth: a class, or real numbers that the network should answer.
 */

/** Inputs as they lie in memory. The network sees `number * scale + offset` of integers, and floats as they are. */
export type Numbers = Uint8Array | Int8Array | Uint16Array | Float32Array;

/** Class numbers. `split` keeps them in bytes where they fit; the trainer reads them as 32 bits. */
export type ClassNumbers = Uint8Array | Uint16Array | Uint32Array;

/** `count` examples. {@link split} makes and checks one. */
export interface Split {
  readonly count: number;
  /** The inputs, one after the other: `count` times the product of `shape`; images are NHWC. */
  readonly images: Numbers;
  /** The class of each example, below 2^24; empty where no example has a class. */
  readonly labels: ClassNumbers;
  /** The shape of one input, one to four axes; of an image `[height, width, channels]`. */
  readonly shape: readonly number[];
  /** Factor and summand of integers on their way into the network; 1 and 0 for floats. */
  readonly scale: number;
  readonly offset: number;
  /** What the network should answer: for each example as many numbers as the output has. */
  readonly targets?: Float32Array | undefined;
  /** The weight of each example in the loss, finite and not negative; 1 where absent. */
  readonly sampleWeights?: Float32Array | undefined;
}

/** A {@link Split} of images of bytes, `[height, width, channels]`. */
export interface ImageSplit extends Split {
  readonly images: Uint8Array;
  readonly shape: readonly [number, number, number];
}

export interface Dataset<Examples extends Split = Split> {
  readonly name: string;
  /** The classes by number; none where examples have no classes. */
  readonly classes: readonly string[];
  readonly train: Examples;
  readonly test: Examples;
  /** The way of a picture into `shape`, which a model file keeps for later pictures; absent where nobody resized. */
  readonly input?: { readonly fit: string; readonly background: string } | undefined;
}
