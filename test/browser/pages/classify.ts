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

const FRAMES = 12;

/** A video of the page's own making, which is green first and blue at its end. */
async function recordVideo(): Promise<Blob> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 48];
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const paint = async (colour: string): Promise<void> => {
    for (let frame = 0; frame < FRAMES; frame++) {
      context.fillStyle = colour;
      context.fillRect(0, 0, canvas.width, canvas.height);
      await new Promise(requestAnimationFrame);
    }
  };
  await paint("rgb(30 200 40)");
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: "video/webm;codecs=vp8" });
  const parts: Blob[] = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  await paint("rgb(30 200 40)");
  await paint("rgb(20 40 220)");
  recorder.stop();
  await stopped;
  return new Blob(parts, { type: "video/webm" });
}

/** The answers to a video without a source, to one that has no frame yet, to a loaded one, and to one that has ended. */
async function classifyVideo({ model }: Pick<Files, "model">): Promise<readonly string[]> {
  const session = await load(Uint8Array.from(model));
  const video = document.createElement("video");
  video.muted = true;
  const until = (event: string) =>
    new Promise<void>((resolve, reject) => {
      video.addEventListener(event, () => resolve(), { once: true });
      video.addEventListener("error", () => reject(new Error(`no video: ${video.error?.message}`)), { once: true });
    });
  const answer = async (): Promise<string> => {
    const [best] = await session.classify(video, { top: 1 });
    return best?.label ?? "nothing";
  };
  const refusal = (): Promise<string> =>
    answer().catch((error: unknown) => (isProxbitError(error) ? error.code : String(error)));
  const unloaded = await refusal();
  const loaded = until("loadeddata");
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  video.src = URL.createObjectURL(await recordVideo());
  await Promise.all([loaded, shown]);
  // As it is while its size alone is known.
  Object.defineProperty(video, "readyState", { value: 1, configurable: true });
  const early = await refusal();
  Reflect.deleteProperty(video, "readyState");
  const first = await answer();
  const ended = until("ended");
  await video.play();
  await ended;
  return [unloaded, early, first, await answer()];
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
    classifyVideo: typeof classifyVideo;
  }
}

window.classifyAll = classify;
window.classifyVideo = classifyVideo;
