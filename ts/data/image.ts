/**
 * PNG files as the bytes that a network takes. There are `height * width * channels` of them, rows from the top,
 * channels running fastest. Nothing is resized, blended or turned to gray in silence. An image that does not fit is an
 * error with its remedy. Node only; `pngjs` decodes.
 */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { requireNode, systemCode } from "../io/node.ts";
import { readWholeFile } from "../io/read.ts";

const SIGNATURE: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Position of the interlace method in the first chunk. */
const INTERLACE = 28;

function imageError(message: string, remedy: string, cause?: unknown): ProxbitError {
  return new ProxbitError("image", message, remedy, cause === undefined ? undefined : { cause });
}

async function readBytes(path: string): Promise<Uint8Array> {
  requireNode("Reading an image file", "Decode the image with a canvas and pass its bytes.");
  try {
    return await readWholeFile(path);
  } catch (cause) {
    throw imageError(
      `${path} cannot be read (${systemCode(cause) ?? String(cause)})`,
      "Give the path of a PNG file.",
      cause,
    );
  }
}

/** Width and height from the first chunk, before a decoder allocates by them. */
function pixelsOf(bytes: Uint8Array, what: string): { readonly width: number; readonly height: number } {
  if (SIGNATURE.some((byte, index) => bytes[index] !== byte)) {
    throw imageError(`${what} is not a PNG`, "Convert the image to PNG first.");
  }
  if (bytes.length < 24) throw imageError(`${what} ends within its first chunk`, "Save or copy the image again.");
  // The decoder bounds what it inflates by the image's size, but not for interlaced images.
  if (bytes[INTERLACE] !== undefined && bytes[INTERLACE] !== 0) {
    throw imageError(`${what} is an interlaced PNG, which is not supported`, "Save the image without interlacing.");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 24);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** Red, green, blue and alpha of every pixel, 8 bits each; deeper samples are scaled down. */
async function decodePixels(bytes: Uint8Array, what: string): Promise<Uint8Array> {
  const { PNG } = await import("pngjs");
  try {
    return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).data;
  } catch (cause) {
    throw imageError(`${what} is a damaged PNG`, "Save or copy the image again.", cause);
  }
}

/**
 * Reads a PNG of exactly `shape` = `[height, width, channels]`, channels 1 (gray) or 3 (red, green, blue).
 *
 * A gray file serves three channels, each a copy. A file in colour serves one channel only where all its pixels are
 * gray.
 *
 * @param source the path of a file, or its bytes.
 * @returns bytes 0 … 255, `height * width * channels` of them.
 * @throws ProxbitError "image" for another size, a transparent image, and colour where one channel is asked for.
 * @throws ProxbitError "image" for a file that is missing, damaged or no PNG.
 */
export async function readImage(
  source: string | Uint8Array,
  shape: readonly number[],
): Promise<Uint8Array<ArrayBuffer>> {
  const what = typeof source === "string" ? source : "the image";
  const [height = 0, width = 0, channels = 0] = shape;
  if (shape.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw imageError(
      `a PNG cannot fill an input of shape ${describe(shape)}`,
      "Use a network whose input is [height, width, 1] or [height, width, 3], or pass the values yourself.",
    );
  }
  const bytes = typeof source === "string" ? await readBytes(source) : source;
  const size = pixelsOf(bytes, what);
  if (size.height !== height || size.width !== width) {
    throw imageError(
      `${what} is ${size.width} x ${size.height} pixels (width x height); the network takes ${width} x ${height}`,
      `Resize the image to ${width} x ${height} pixels.`,
    );
  }
  const pixels = await decodePixels(bytes, what);
  const result = new Uint8Array(height * width * channels);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const [red = 0, green = 0, blue = 0, alpha = 0] = pixels.subarray(4 * pixel, 4 * pixel + 4);
    if (alpha !== 255)
      throw imageError(`${what} is transparent in places`, "Flatten the image onto a background first.");
    if (channels === 3) result.set([red, green, blue], 3 * pixel);
    else if (red === green && green === blue) result[pixel] = red;
    else throw imageError(`${what} is in colour; the network takes gray`, "Convert the image to grayscale first.");
  }
  return result;
}
