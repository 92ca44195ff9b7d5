/**
 * A labelled image data set in memory. Images are bytes, NHWC, `count * height * width * channels` of them; the network
 * sees `byte * scale + offset`. Labels are class indices below `classes.length`.
 */
export interface Split {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  /** `[height, width, channels]`. */
  readonly shape: readonly [number, number, number];
  readonly scale: number;
  readonly offset: number;
}

export interface Dataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: Split;
  readonly test: Split;
}
