/** A page that classifies one picture, given in every way in which a page can hold it. */
import { isProxbitError, load } from "../../../ts/inference/index.ts";

interface Files {
  readonly model: readonly number[];
  readonly png: readonly number[];
  readonly jpeg: readonly number[];
}

const SIDE = 16;

async function imageElement(file: Blob): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await image.decode();
  return image;
}

/** The class of the picture by each way to give it. */
async function classify({ model, png, jpeg }: Files): Promise<Record<string, string>> {
  const session = await load(Uint8Array.from(model));
  const file = new Blob([Uint8Array.from(png)], { type: "image/png" });
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(bitmap, 0, 0);
  const offscreen = new OffscreenCanvas(SIDE, SIDE);
  (offscreen.getContext("2d") as OffscreenCanvasRenderingContext2D).drawImage(bitmap, 0, 0, SIDE, SIDE);
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  const sources = {
    bitmap,
    canvas,
    offscreen,
    frame,
    blob: file,
    bytes: Uint8Array.from(png),
    jpeg: Uint8Array.from(jpeg).buffer,
    pixels: context.getImageData(0, 0, canvas.width, canvas.height),
    element: await imageElement(file),
    short: Uint8Array.from(png).subarray(0, -1),
    shortJpeg: Uint8Array.from(jpeg).subarray(0, -2),
    unloaded: new Image(),
  };
  const answers: Record<string, string> = {};
  for (const [name, source] of Object.entries(sources)) {
    answers[name] = await session.classify(source, { top: 1 }).then(
      ([best]) => best?.label ?? "nothing",
      (error: unknown) => (isProxbitError(error) ? error.code : String(error)),
    );
  }
  frame.close();
  return answers;
}

declare global {
  interface Window {
    classifyAll: typeof classify;
  }
}

window.classifyAll = classify;
