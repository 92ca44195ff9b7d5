/**
 * Random variations of images, drawn anew for every epoch. They are made in the caller's thread while the workers train, and
 * follow from the run's seed, the epoch and the place of the image in it. Whoever reads examples in their own order, as
 * evaluations do, sees them as they are; so does the estimation of batch statistics.
 */
import { booleanOf, integerIn, numberIn, plainObject, reading, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { type RandomStream, randomStream } from "../nn/random.ts";
import { type Examples, isStream, type Numbers, type Pass, type Split, type Stream, variationsOf } from "./dataset.ts";
import { mixed } from "./mixed.ts";
import { stream } from "./stream.ts";
import { concatenated, picked, section } from "./subset.ts";
import { rotated, shifted, squareOut, turned, withContrast } from "./variations.ts";

export interface Variations {
  /** Images are mirrored left to right, one in two; false where absent. */
  readonly mirror?: boolean | undefined;
  /** Pixels of zeros around the image, out of which a window of its size is cut; 0 where absent. */
  readonly crop?: number | undefined;
  /** Degrees by which images are turned at most, to either side, between their pixels; 0 where absent. */
  readonly rotate?: number | undefined;
  /** The share of the range of numbers, in [0, 1], that is added or taken away at most. The range of floats is 1. */
  readonly brightness?: number | undefined;
  /** The share, in [0, 1], by which distances from a channel's mean grow or shrink at most. */
  readonly contrast?: number | undefined;
  /** The side of a square that is set to 0 (DeVries and Taylor, 2017), in pixels; it may reach over the border. */
  readonly cutout?: number | undefined;
  /** Mixes each image and its truth with another one's, by shares of Beta(alpha, alpha), alpha 0.001 to 1 (Zhang et al., ICLR 2018). */
  readonly mixup?: number | undefined;
  /** Puts a part of another image into each, and mixes the truth by areas of Beta(alpha, alpha) (Yun et al., ICCV 2019). */
  readonly cutmix?: number | undefined;
  /** The number of classes; needed where labels are mixed, which makes targets of them. */
  readonly classes?: number | undefined;
}

const KEYS = ["mirror", "crop", "rotate", "brightness", "contrast", "cutout", "mixup", "cutmix", "classes"];

/** Below it, shares are 0 or 1 to all digits, and a draw of them may not end. */
const LEAST_ALPHA = 0.001;

type Checked = Required<{ [K in keyof Variations]: NonNullable<Variations[K]> }>;

function checkVariations(value: unknown): Checked {
  const subject: Subject = { code: "argument", what: "augmented" };
  const given = plainObject(value, KEYS, subject);
  const number = (key: string, most: number): number => numberIn(given[key] ?? 0, 0, most, key, subject);
  const whole = (key: string, most: number): number => integerIn(given[key] ?? 0, 0, most, key, subject);
  const checked = {
    mirror: booleanOf(given.mirror ?? false, "mirror", subject),
    ...{ crop: whole("crop", 4096), rotate: number("rotate", 180), brightness: number("brightness", 1) },
    ...{ contrast: number("contrast", 1), cutout: whole("cutout", 4096), mixup: number("mixup", 1) },
    ...{ cutmix: number("cutmix", 1), classes: whole("classes", 2 ** 24) },
  };
  for (const key of ["mixup", "cutmix"] as const) {
    const alpha = checked[key];
    if (alpha > 0 && alpha < LEAST_ALPHA) reject(subject, key, `0, or ${LEAST_ALPHA} to 1`, given[key]);
  }
  if (checked.mixup > 0 && checked.cutmix > 0) reject(subject, "cutmix", "absent where mixup is given", given.cutmix);
  return checked;
}

/** Images that are mixed with each other stand in a group of so many, by their places in the epoch. */
const GROUP = 64;

/** The largest and smallest number of a kind; floats have no bounds. */
const RANGES = {
  Uint8Array: [0, 255],
  Int8Array: [-128, 127],
  Uint16Array: [0, 65535],
  Float32Array: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
} as const;

/** Writes one image's variation over it. */
function vary(image: Numbers, shape: readonly [number, number, number], wanted: Checked, random: RandomStream): void {
  const [low, high] = RANGES[image[Symbol.toStringTag]];
  const range = Number.isFinite(high) ? high - low : 1;
  /** In [-most, most]. */
  const between = (most: number): number => most * (2 * random.uniform() - 1);
  let pixels = Float64Array.from(image);
  if (wanted.mirror && random.below(2) === 1) pixels = turned(pixels, shape);
  if (wanted.crop > 0) {
    const [down, right] = [random.below(2 * wanted.crop + 1), random.below(2 * wanted.crop + 1)];
    pixels = shifted(pixels, shape, down - wanted.crop, right - wanted.crop);
  }
  if (wanted.rotate > 0) pixels = rotated(pixels, shape, between(wanted.rotate));
  if (wanted.contrast > 0) withContrast(pixels, shape, 1 + between(wanted.contrast));
  if (wanted.brightness > 0) {
    const more = between(wanted.brightness) * range;
    pixels.forEach((pixel, i) => {
      pixels[i] = pixel + more;
    });
  }
  if (wanted.cutout > 0) squareOut(pixels, shape, wanted.cutout, random.below(shape[0]), random.below(shape[1]));
  const isWhole = Number.isFinite(high);
  pixels.forEach((pixel, i) => {
    image[i] = isWhole ? Math.min(high, Math.max(low, Math.round(pixel))) : pixel;
  });
}

/** A pass whose groups are varied; it begins at a place within one. */
function varied(
  inner: Pass,
  from: number,
  total: number,
  shape: readonly [number, number, number],
  wanted: Checked,
  drawn: (use: "varied" | "mixed", place: number) => RandomStream,
): Pass {
  const size = shape[0] * shape[1] * shape[2];
  let rest: Split | null = null;
  let next = Math.floor(from / GROUP) * GROUP;
  let skipped = from - next;
  const group = async (): Promise<Split> => {
    const given = await inner.next(Math.min(GROUP, total - next));
    // A copy: a source may hand out its own memory.
    const own = picked(
      given,
      Uint32Array.from({ length: given.count }, (_, i) => i),
    );
    for (let i = 0; i < own.count; i++) {
      vary(own.images.subarray(i * size, (i + 1) * size), shape, wanted, drawn("varied", next + i));
    }
    const result = mixed(own, shape, wanted, (i) => drawn("mixed", next + i));
    next += given.count;
    return result;
  };
  return {
    next: async (count) => {
      const parts: Split[] = [];
      for (let missing = count; missing > 0 && (rest !== null || next < total); ) {
        const whole: Split = rest ?? (await group());
        const there: Split = skipped > 0 ? section(whole, skipped, whole.count) : whole;
        skipped = 0;
        const used = Math.min(missing, there.count);
        parts.push(section(there, 0, used));
        rest = used === there.count ? null : section(there, used, there.count);
        missing -= used;
      }
      return concatenated(parts as [Split, ...Split[]]);
    },
    end: inner.end,
  };
}

/**
 * The same images, varied at random whenever a network trains on them. A mixed truth needs a loss that reads targets, as
 * `losses.crossEntropy({ truth: "targets" })`.
 *
 * @throws ProxbitError "argument" for options out of range, "shape" for examples that are no images `[height, width, channels]`.
 * @example
 * const train = augmented(photos, { mirror: true, crop: 4, rotate: 10, cutout: 8 });
 */
export function augmented(examples: Examples, variations: Variations): Stream {
  const wanted = checkVariations(variations);
  const { shape, count }: Pick<Examples, "shape" | "count"> = reading("augmented", "a split or a stream", () => ({
    shape: [...examples.shape],
    count: examples.count,
  }));
  if (shape.length !== 3) {
    throw new ProxbitError(
      "shape",
      `examples of [${shape.join(", ")}] are no images`,
      "Augment images of [height, width, channels].",
    );
  }
  const plain = isStream(examples)
    ? examples
    : stream({ count, read: (indices) => picked(examples, indices) }, { shape, ...givenScale(examples) });
  // Variations of varied images draw from streams of their own: the same draws again would mirror a mirrored image back.
  const depth = variationsOf(plain).length;
  const level = depth === 0 ? "" : `/${depth}`;
  return {
    ...plain,
    varied: { plain, variations: wanted },
    pass: (order, from = 0) => {
      if (order === null || order.isPlain) return plain.pass(order, from);
      const inner = plain.pass(order, Math.floor(from / GROUP) * GROUP);
      const drawn = (use: string, place: number): RandomStream =>
        randomStream(order.seed, `${use}/${order.epoch}/${place}${level}`);
      return varied(inner, from, count, shape as readonly [number, number, number], wanted, drawn);
    },
  };
}

/** The scale of integers; that of floats is not to be given. */
const givenScale = ({ images, scale, offset }: Split): Partial<Split> =>
  images[Symbol.toStringTag] === "Float32Array" ? {} : { scale, offset };
