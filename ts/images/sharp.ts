/**
 * sharp (libvips), where it is installed: it decodes and resizes in threads of its own. It is an optional peer, found at
 * run time, so that no bundler follows it.
 *
 * Its pixels differ from those of JavaScript by a few levels, by a dozen at sharp edges. Another JPEG decoder smooths colours
 * otherwise, a photo that is made much smaller is averaged earlier, and its part is cut out in whole pixels.
 */
import { findNode } from "../io/node.ts";
import type { ImageInput } from "./input.ts";
import { colorOf } from "./input.ts";
import { imageError, MAXIMUM_PIXELS, type Picture, SAVE_AGAIN } from "./picture.ts";
import { grayOf, shownOf } from "./resize.ts";

interface Raw {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number; readonly channels: number };
}

/** The part of sharp's pipeline that is used here. */
interface Pipeline {
  autoOrient(): Pipeline;
  resize(width: number, height: number, options: Readonly<Record<string, unknown>>): Pipeline;
  flatten(options: Readonly<Record<string, unknown>>): Pipeline;
  extract(part: Readonly<Record<"left" | "top" | "width" | "height", number>>): Pipeline;
  pipelineColourspace(space: string): Pipeline;
  toColourspace(space: string): Pipeline;
  ensureAlpha(): Pipeline;
  removeAlpha(): Pipeline;
  raw(options: Readonly<Record<string, unknown>>): Pipeline;
  toBuffer(options: { readonly resolveWithObject: true }): Promise<Raw>;
}

export type Sharp = (bytes: Uint8Array, options: Readonly<Record<string, unknown>>) => Pipeline;

let found: Sharp | null | undefined;

/** sharp as proxbit or the program that uses it finds it; undefined where it is not installed or does not start. */
export function findSharp(): Sharp | undefined {
  found ??= search() ?? null;
  return found ?? undefined;
}

function search(): Sharp | undefined {
  const node = findNode();
  if (node === undefined) return undefined;
  for (const from of [import.meta.url, node.path.join(process.cwd(), "any.js")]) {
    try {
      return node.module.createRequire(from)("sharp");
    } catch {
      // Not to be found from here.
    }
  }
  return undefined;
}

// Colour profiles are left alone, as in JavaScript. A warning is damage, such as a JPEG that ends too early.
const OPTIONS = { failOn: "warning", limitInputPixels: MAXIMUM_PIXELS, ignoreIcc: true };

async function bytesOf(pipeline: Pipeline, channels: number, what: string): Promise<Raw> {
  try {
    const raw = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    const { buffer, byteOffset, byteLength } = raw.data;
    // Not the Buffer itself, whose methods differ from those of plain bytes.
    if (raw.info.channels === channels) return { ...raw, data: new Uint8Array(buffer, byteOffset, byteLength) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw imageError(`${what} is damaged: ${why.trim().replace(/\s+/g, " ")}`, SAVE_AGAIN, cause);
  }
  throw imageError(`${what} has colours that cannot be read`, "Save it as a usual JPEG or PNG.");
}

/** The picture at its own size, as it is meant to be seen. */
export async function decodeWithSharp(sharp: Sharp, bytes: Uint8Array, what: string): Promise<Picture> {
  const pipeline = sharp(bytes, OPTIONS).autoOrient().toColourspace("srgb").ensureAlpha();
  const { data, info } = await bytesOf(pipeline, 4, what);
  return { width: info.width, height: info.height, data };
}

/** The bytes of the input, `height * width * channels` of them; for pictures of which no axis grows. */
export async function fitWithSharp(
  sharp: Sharp,
  { whole, isCmyk, ...size }: Readonly<Record<"width" | "height", number>> & { whole: Uint8Array; isCmyk: boolean },
  input: ImageInput,
  what: string,
): Promise<Uint8Array> {
  const { width, height, channels, fit } = input;
  const [r, g, b] = colorOf(input.background);
  const background = { r, g, b };
  // Left to itself, sharp covers an input with whole pixels of it, and is half a pixel off where they are odd.
  const upright = sharp(whole, OPTIONS).autoOrient().extract(shownOf(size, input));
  // Gray would make the background gray, too. Inks become colours at the end alone, as where a picture is decoded.
  const pipeline = (isCmyk ? upright : upright.pipelineColourspace("srgb"))
    .flatten({ background })
    .resize(width, height, { fit: fit === "cover" ? "fill" : fit, kernel: "linear", background })
    .toColourspace("srgb")
    .removeAlpha();
  const { data } = await bytesOf(pipeline, 3, what);
  return channels === 1 ? grayOf(data) : data;
}
