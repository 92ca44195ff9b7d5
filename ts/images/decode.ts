/**
 * Files of pictures as pixels: PNG, JPEG and WebP. The beginning of a file tells its kind, not its name.
 *
 * Three decoders serve: sharp where it is installed (Node), `createImageBitmap` in a browser, and fast-png and jpeg-js
 * anywhere. Each gets only a file whose structure was checked before. Exif orientation is obeyed by all.
 */
import { ProxbitError } from "../base/errors.ts";
import { browserDecodes, decodeInBrowser } from "./browser.ts";
import type { ImageInput } from "./input.ts";
import { decodeJpeg, isJpeg, jpegFacts } from "./jpeg.ts";
import { isTransposed, orientationOf, upright } from "./orientation.ts";
import { imageError, type Picture } from "./picture.ts";
import { decodePng, isPng, pngFacts } from "./png.ts";
import { fitPicture, isEnlarged } from "./resize.ts";
import { decodeWithSharp, findSharp, fitWithSharp, type Sharp } from "./sharp.ts";
import { isWebp, webpFacts } from "./webp.ts";

/** `auto` is sharp where it is installed, then the browser, then JavaScript. */
export type Decoder = "auto" | "sharp" | "javascript";

export const decoders: readonly Decoder[] = ["auto", "sharp", "javascript"];

interface Checked {
  readonly kind: "png" | "jpeg" | "webp";
  /** As the picture is meant to be seen. */
  readonly width: number;
  readonly height: number;
  readonly orientation: number;
  /** Its colours are amounts of four inks. */
  readonly isCmyk: boolean;
  /** The file without trailing bytes. */
  readonly whole: Uint8Array;
}

/**
 * Checks the structure of a file, without decoding pixels; `what` names it in errors.
 *
 * @throws ProxbitError "image" for a file that is damaged, short, or no PNG, JPEG or WebP.
 */
export function checkImage(bytes: Uint8Array, what: string): Checked {
  if (isPng(bytes)) {
    const { width, height, exif, chunks } = pngFacts(bytes, what);
    const end = (chunks.at(-1) as Uint8Array).byteOffset + 12 - bytes.byteOffset;
    return turned("png", width, height, orientationOf(exif), bytes.subarray(0, end));
  }
  if (isJpeg(bytes)) {
    const { width, height, orientation, whole, components } = jpegFacts(bytes, what);
    return { ...turned("jpeg", width, height, orientation, whole), isCmyk: components.length === 4 };
  }
  if (isWebp(bytes)) {
    const { width, height, exif, whole } = webpFacts(bytes, what);
    return turned("webp", width, height, orientationOf(exif), whole);
  }
  throw imageError(`${what} is no PNG, JPEG or WebP`, "Convert the image to PNG or JPEG first.");
}

function turned(kind: Checked["kind"], width: number, height: number, orientation: number, whole: Uint8Array): Checked {
  const sides = isTransposed(orientation) ? { width: height, height: width } : { width, height };
  return { kind, ...sides, orientation, isCmyk: false, whole };
}

/** @throws ProxbitError "environment" where sharp is asked for and not installed. */
function sharpFor(decoder: Decoder): Sharp | undefined {
  if (decoder === "javascript") return undefined;
  const sharp = findSharp();
  if (sharp !== undefined || decoder === "auto") return sharp;
  throw new ProxbitError("environment", "sharp is not installed", "Run `npm install sharp`, or leave the decoder out.");
}

/**
 * The pixels of a file, as they are meant to be seen.
 *
 * @throws ProxbitError "image" for a file that is damaged, short or of a kind that nothing here decodes.
 */
export async function decodeImage(bytes: Uint8Array, what: string, decoder: Decoder = "auto"): Promise<Picture> {
  const checked = checkImage(bytes, what);
  const sharp = sharpFor(decoder);
  if (sharp !== undefined) return decodeWithSharp(sharp, checked.whole, what);
  const { kind, whole, orientation } = checked;
  if (decoder === "auto" && browserDecodes()) {
    const found = await decodeInBrowser(new Blob([plain(whole)]), what).catch((error: unknown): undefined => {
      // A browser may lack memory for a bitmap, or refuse to give pixels. JavaScript says where the file is damaged.
      if (kind === "webp") throw error;
      return undefined;
    });
    if (found !== undefined) return found;
  }
  if (kind === "png") return upright(await decodePng(whole, what), orientation);
  if (kind === "jpeg") return upright(await decodeJpeg(whole, what), orientation);
  throw imageError(
    `${what} is a WebP, which needs sharp or a browser`,
    "Convert it to PNG, or run `npm install sharp`.",
  );
}

/** A Blob takes no shared memory. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

/**
 * A file as the bytes of a network's input, `height * width * channels` of them.
 *
 * @throws ProxbitError "image" as {@link decodeImage} says.
 */
export async function readInput(
  bytes: Uint8Array,
  input: ImageInput,
  what: string,
  decoder: Decoder = "auto",
): Promise<Uint8Array> {
  const sharp = sharpFor(decoder);
  const checked = checkImage(bytes, what);
  // sharp moves a picture that it enlarges by half a pixel.
  if (sharp === undefined || isEnlarged(checked, input)) {
    return fitPicture(await decodeImage(bytes, what, decoder), input);
  }
  return fitWithSharp(sharp, checked, input, what);
}
