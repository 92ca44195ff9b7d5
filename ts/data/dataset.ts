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
  /** The answers that the network should give: for each example as many numbers as the output has. */
  readonly targets?: Float32Array | undefined;
  /** The weight of each example in the loss, finite and not negative; 1 where absent. */
  readonly sampleWeights?: Float32Array | undefined;
}

/** A {@link Split} of images of bytes, `[height, width, channels]`. */
export interface ImageSplit extends Split {
  readonly images: Uint8Array;
  readonly shape: readonly [number, number, number];
}

/**
 * The order of a pass: drawn from a seed and the number of an epoch, or null for the source's own. A plain pass has examples as
 * they are, where others vary them.
 */
export type PassOrder = { readonly seed: number; readonly epoch: number; readonly isPlain?: true } | null;

/** One pass over the examples. */
export interface Pass {
  /** The next `count` examples; fewer only where the pass ends. */
  readonly next: (count: number) => Promise<Split>;
  /** Lets go of the source before its end. */
  readonly end: () => Promise<void>;
}

/** A data set whose examples are read when they are needed. */
export interface Stream {
  readonly count: number;
  readonly shape: readonly number[];
  /** Begins a pass at the example of this place in the order. */
  readonly pass: (order: PassOrder, from?: number) => Pass;
  /** The examples of these numbers; null for a source without numbers. */
  readonly read: ((indices: Uint32Array) => Promise<Split>) | null;
  /** The examples that each pass varies anew, and how, as `augmented` takes it; absent where they stay as they are. */
  readonly varied?: { readonly plain: Stream; readonly variations: Readonly<Record<string, unknown>> } | undefined;
}

/** The variations of examples, from the innermost on. */
export function variationsOf(examples: Examples): readonly Readonly<Record<string, unknown>>[] {
  const found: Readonly<Record<string, unknown>>[] = [];
  for (let at: Examples = examples; isStream(at) && at.varied !== undefined; at = at.varied.plain) {
    found.unshift(at.varied.variations);
  }
  return found;
}

/** The examples that a trainer learns from: examples in memory, or such as are read meanwhile. */
export type Examples = Split | Stream;

export const isStream = (examples: Examples): examples is Stream => "pass" in examples;

/** Examples to train on and to test on, with the words that a model file keeps of them. */
export interface Dataset<Part extends Examples = Split> {
  readonly name: string;
  /** The classes by number; none where examples have no classes. */
  readonly classes: readonly string[];
  readonly train: Part;
  readonly test: Part;
  /** The way of a picture into `shape`, which a model file keeps for later pictures; absent where nobody resized. */
  readonly input?: { readonly fit: string; readonly background: string } | undefined;
}
