/** tfjs-backend-wasm on one thread, in Node and in a page. */
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths, version_wasm } from "@tensorflow/tfjs-backend-wasm";

export { tf, version_wasm as tfWasmVersion };

// In full, so that a bundler finds the files. The backend takes the one for SIMD, and wants to know of all.
const modules: Readonly<Record<string, URL>> = {
  "tfjs-backend-wasm.wasm": new URL(
    "../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
    import.meta.url,
  ),
  "tfjs-backend-wasm-simd.wasm": new URL(
    "../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
    import.meta.url,
  ),
  "tfjs-backend-wasm-threaded-simd.wasm": new URL(
    "../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm",
    import.meta.url,
  ),
};

export async function useWasmBackend(): Promise<void> {
  if (tf.getBackend() === "wasm") return;
  const paths = Object.entries(modules).map(([name, url]) => {
    return [name, url.protocol === "file:" ? decodeURI(url.pathname) : url.href];
  });
  setWasmPaths(Object.fromEntries(paths));
  setThreadsCount(1);
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs-backend-wasm could not be started");
}
