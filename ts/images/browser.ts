/** Pictures of a browser: `createImageBitmap` decodes, and a canvas gives the pixels. */
import { imageError, type Picture, SAVE_AGAIN } from "./picture.ts";

/** Anything that a canvas can draw. */
export type Drawable =
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

/** By the tag of an object, which is the same in every realm: the names of its own width and height. */
const SIZES: Readonly<Record<string, readonly [width: string, height: string]>> = {
  ImageBitmap: ["width", "height"],
  HTMLCanvasElement: ["width", "height"],
  OffscreenCanvas: ["width", "height"],
  HTMLImageElement: ["naturalWidth", "naturalHeight"],
  HTMLVideoElement: ["videoWidth", "videoHeight"],
  VideoFrame: ["displayWidth", "displayHeight"],
};

/** A video knows its size before it shows a frame; until then a canvas draws nothing of it (HTML, `readyState`). */
const HAVE_CURRENT_DATA = 2;

/** The size of a {@link Drawable}, 0 x 0 while it shows nothing; undefined for anything else. */
export function sizeOfDrawable(source: object): { readonly width: number; readonly height: number } | undefined {
  const tag = Object.prototype.toString.call(source).slice(8, -1);
  const names = SIZES[tag];
  if (names === undefined) return undefined;
  if (tag === "HTMLVideoElement" && Number(Reflect.get(source, "readyState")) < HAVE_CURRENT_DATA) {
    return { width: 0, height: 0 };
  }
  const [width, height] = names.map((name) => Number(Reflect.get(source, name)));
  return { width: width ?? 0, height: height ?? 0 };
}

export const browserDecodes = (): boolean =>
  typeof createImageBitmap === "function" && typeof OffscreenCanvas === "function";

/** @throws ProxbitError "image" for a file that the browser cannot decode. */
export async function decodeInBrowser(file: Blob, what: string): Promise<Picture> {
  const options: ImageBitmapOptions = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(file, options).catch((cause: unknown) => {
    throw imageError(`${what} cannot be decoded by this browser`, SAVE_AGAIN, cause);
  });
  try {
    return pixelsOf(bitmap, bitmap.width, bitmap.height, what);
  } finally {
    bitmap.close();
  }
}

/** The pixels that `source` shows, at `width` x `height`. */
export function pixelsOf(source: Drawable, width: number, height: number, what: string): Picture {
  if (width === 0 || height === 0) throw imageError(`${what} has no pixels yet`, "Wait until it is loaded.");
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw imageError("this browser gives no canvas", "Pass the pixels as ImageData.");
  context.drawImage(source, 0, 0, width, height);
  try {
    return context.getImageData(0, 0, width, height);
  } catch (cause) {
    const remedy = "Serve the image with cross-origin headers and set crossOrigin on its element.";
    throw imageError(`${what} is of another origin, so its pixels cannot be read`, remedy, cause);
  }
}
