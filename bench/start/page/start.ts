/** A page that loads a packed model and runs one image, once: it says how long that took. */
import { load } from "../../../ts/inference/index.ts";
import type { Start } from "../benchmark.ts";

async function start(packed: readonly number[], imageSize: number): Promise<Start> {
  const [bytes, image] = [Uint8Array.from(packed), new Uint8Array(imageSize)];
  const began = performance.now();
  const session = await load(bytes);
  const loaded = performance.now();
  session.run(image);
  return { load: loaded - began, run: performance.now() - loaded };
}

declare global {
  interface Window {
    start: typeof start;
  }
}

window.start = start;
