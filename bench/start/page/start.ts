/** A page that fetches the core, loads a packed model and runs one image, once. It reports the time of each. */
import { load } from "../../../ts/inference/index.ts";
import type { Start } from "../benchmark.ts";

const core = new URL("../../../ts/wasm/inference-relaxed/proxbit_wasm_bg.wasm", import.meta.url);

async function start(packed: readonly number[], imageSize: number): Promise<Start> {
  const [bytes, image] = [Uint8Array.from(packed), new Uint8Array(imageSize)];
  const asked = performance.now();
  const source = await (await fetch(core)).arrayBuffer();
  const began = performance.now();
  const session = await load(bytes, { variant: "relaxed", source });
  const loaded = performance.now();
  session.run(image);
  return { fetch: began - asked, load: loaded - began, run: performance.now() - loaded };
}

declare global {
  interface Window {
    start: typeof start;
  }
}

window.start = start;
