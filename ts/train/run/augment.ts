/**
 * Random views of training images: mirrored left to right with probability 1/2, moved by up to `shift` pixels in each
 * direction (what moves in from outside is byte 0, as in pad-and-crop). Evaluation and batch statistics see the images as
 * they are. The core takes a view as 32 bits (`crates/kernels/src/gather.rs`).
 */
import { booleanOf, integerIn, plainObject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { randomStream } from "../../nn/random.ts";
import type { Shape } from "../../nn/shapes.ts";

export interface Augmentation {
  /** Whether images are mirrored left to right, one in two; false where absent. */
  readonly mirror?: boolean;
  /** Pixels by which images are moved at most, in each direction, 0 .. 127; 0 where absent. */
  readonly shift?: number;
}

/** An augmentation of inputs of `shape` with its defaults, or null for none. Throws "argument". */
export function checkAugmentation(value: Augmentation | undefined, shape: Shape): Required<Augmentation> | null {
  if (value === undefined) return null;
  const subject: Subject = { code: "argument", what: "fit: augment" };
  const given = plainObject(value, ["mirror", "shift"], subject);
  const mirror = booleanOf(given.mirror ?? false, "mirror", subject);
  const shift = integerIn(given.shift ?? 0, 0, 127, "shift", subject);
  if (!mirror && shift === 0) return null;
  if (shape.length === 3) return { mirror, shift };
  throw new ProxbitError(
    "argument",
    `augment mirrors and moves images [height, width, channels], and the network takes [${shape.join(", ")}]`,
    "Leave augment out, or build the network over images.",
  );
}

/** The views of `count` images in `epoch`, a function of (`seed`, `epoch`) alone. */
export function drawViews(
  { mirror, shift }: Required<Augmentation>,
  count: number,
  seed: number,
  epoch: number,
): Uint32Array {
  const stream = randomStream(seed, `augment/${epoch}`);
  const move = (): number => (shift === 0 ? 0 : stream.below(2 * shift + 1) - shift) & 0xff;
  return Uint32Array.from({ length: count }, () => {
    const mirrored = mirror ? stream.below(2) : 0;
    return mirrored | (move() << 8) | (move() << 16);
  });
}
