/**
 * Inference: load a packed model and run it. This entry pulls in neither the trainer nor a Node built-in.
 *
 * @example
 * import { load } from "proxbit/inference";
 * const session = await load(bytes);
 * const [best] = await session.classify(pngBytes); // { label: "cat", index: 3, probability: 0.93 }
 * const logits = session.run(pixels);
 */
export { isProxbitError, ProxbitError } from "../base/errors.ts";
export type { LayerPart, Obstacle } from "../obstacles.ts";
export type { BinaryKernel } from "../runtime/probe.ts";
export type {
  AnyWorker,
  CoreModule,
  CoreResponse,
  CoreSource,
  GivenCore,
  SourceOptions,
  WorkerOptions,
  WorkerSource,
} from "../runtime/source.ts";
export type { Variant } from "../runtime/variants.ts";
export type { LoadBounds } from "./bounds.ts";
export {
  type Classify,
  type ClassifyOptions,
  type FileLike,
  type ImageSource,
  type PageImage,
  type Pixels,
  softmax,
} from "./classes.ts";
export type { Labels, Prediction } from "./classify-labels.ts";
export type { ExplainedLayer, Explanation } from "./explain-session.ts";
export { formatExplanation } from "./explain-session-text.ts";
export type { OutputFact, SessionFacts } from "./facts.ts";
export type { Images, RunOptions } from "./images.ts";
export { loadParallel } from "./load-parallel.ts";
export type { ParallelOptions, ParallelSession } from "./parallel.ts";
export type { InferenceProfile, PartTime, ProfileOptions } from "./profile.ts";
export { type LoadOptions, load, type Session } from "./session.ts";
