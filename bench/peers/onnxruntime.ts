/** onnxruntime-web on one thread, in Node and in a page. */
import * as ort from "onnxruntime-web";
import { encodeOnnx, type OnnxModel } from "./onnx.ts";

export { ort };

export const ortVersion: string = ort.env.versions.web ?? "unknown";

/** A session over the WebAssembly backend. */
export function ortSession(model: OnnxModel): Promise<ort.InferenceSession> {
  ort.env.wasm.numThreads = 1;
  return ort.InferenceSession.create(encodeOnnx(model), { executionProviders: ["wasm"] });
}
