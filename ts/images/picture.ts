/**
 * A decoded picture, and the error for one that cannot be had.
 *
 * Pixels are bytes, rows from the top: red, green, blue and alpha of each pixel. Alpha is straight, not multiplied in.
 * Samples of 16 bits are rounded to 8. Gamma and colour profiles are left as they are, as Pillow leaves them.
 */
import { ProxbitError } from "../base/errors.ts";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** `width * height * 4` bytes. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** The most pixels of a file, which is also the bound of libvips: some 16,384 x 16,384. */
export const MAXIMUM_PIXELS = 2 ** 28;

/** The most millions of pixels that JavaScript decodes, because it holds all of them several times. */
export const MEGAPIXELS = 100;

export const SAVE_AGAIN = "Save or copy the image again.";

export function imageError(message: string, remedy: string, cause?: unknown): ProxbitError {
  return new ProxbitError("image", message, remedy, cause === undefined ? undefined : { cause });
}

/** @throws ProxbitError "image" for no pixels, or more than {@link MAXIMUM_PIXELS}. */
export function checkSize(width: number, height: number, what: string): void {
  const pixels = width * height;
  if (pixels > 0 && pixels <= MAXIMUM_PIXELS) return;
  const message = `${what} says that it has ${width} x ${height} pixels; 1 to ${MAXIMUM_PIXELS} are read`;
  throw imageError(message, "Check the file, or save it smaller.");
}
