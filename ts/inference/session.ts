/**
 * A session: a packed model in the memory of its own instance of the core. Loading checks the whole file, plans memory,
 * lays out the weights and picks the fastest kernel; after that a run allocates nothing but its result.
 */

import { isArrayOf } from "../base/arrays.ts";
import { integerIn, oneOf, plainObject, type Subject } from "../base/checks.ts";
import { type Closable, closable } from "../base/closable.ts";
import { ProxbitError } from "../base/errors.ts";
import { later } from "../base/later.ts";
import type { LoadedModel, PackedModel } from "../io/model-reader.ts";
import { compileCore } from "../runtime/compile-core.ts";
import { inferenceCores, smallCores } from "../runtime/inference-cores.ts";
import { instantiate, type KernelInstance } from "../runtime/instantiate.ts";
import { BINARY_KERNELS, type BinaryKernel } from "../runtime/probe.ts";
import { checkSource, type SourceOptions } from "../runtime/source.ts";
import { detectVariant, type Variant } from "../runtime/variants.ts";
import { BOUNDS, boundsOf, checkOperations, type LoadBounds } from "./bounds.ts";
import { codewordLayersOf } from "./codewords.ts";
import { factsOf, type SessionFacts } from "./facts.ts";
import { bringHalves, isOfFirstHalf, readModel } from "./halves.ts";
import { type Images, inputOf, type RunOptions } from "./images.ts";
import { createClassify } from "./later-classify.ts";
import { explain } from "./later-explain.ts";
import { type Prepared, prepare, runner } from "./prepare.ts";
import type { InferenceProfile, ProfileOptions } from "./profile.ts";
import { byName, createResults } from "./results.ts";

export interface LoadOptions extends LoadBounds, SourceOptions {
  /** The build of the core, `plain` or `relaxed`; the best that runs here where absent. */
  readonly variant?: Variant;
  /** The kernel of the +-1 by +-1 product; the winner of the start-up probe where absent. */
  readonly kernel?: BinaryKernel;
  /**
   * Images worked on at once, from 1 (where absent) to 256; fewer where they would not stay in the cache. For small
   * networks more gives more images a second, later.
   */
  readonly batch?: number;
}

export interface Session extends SessionFacts, Closable {
  /**
   * Runs the network on one image, NHWC. Several images come as a list, or one after the other with their `count`.
   *
   * @param images bytes, to which the file's input scale and offset are applied, or floats, taken as they are.
   * @returns the first output, `[images][classes]`.
   * @throws ProxbitError `argument` for anything but such an array, `shape` where the length is not that of `count` images,
   * `model-file` for bytes where the file does not say their scale, `not-finite` for an input or output that is not
   * finite and where a layer met NaN, `worker` where the session was closed.
   */
  run(images: Images | readonly Images[], options?: RunOptions): Float32Array;
  /** Does the same, and returns all outputs by name, each `[images][...shape]`. */
  runAll(images: Images | readonly Images[], options?: RunOptions): Readonly<Record<string, Float32Array>>;
  /**
   * Measures runs of as many black images as go through the layers together, with a clock around every call: the time does
   * not depend on what is in an image. Between two runs others have the thread. `formatExplanation` puts it beside the explanation. Pages load the code for it at the
   * first call.
   *
   * @throws ProxbitError `argument` for bad options, `worker` where the session was closed, `environment` where that code cannot
   * be loaded, `aborted` after `signal`.
   */
  profile(options?: ProfileOptions): Promise<InferenceProfile>;
}

/**
 * Loads a model file.
 *
 * @throws ProxbitError `model-file` for a file that is corrupt or not ours, or takes more than the bounds allow,
 * `environment` where the core cannot run, `argument` for bad options, `aborted` after `signal`.
 */
export async function load(bytes: Uint8Array, options: LoadOptions = {}): Promise<Session> {
  const subject: Subject = { code: "argument", what: "load" };
  plainObject(options, ["variant", "kernel", "batch", "source", ...BOUNDS], subject);
  const bounds = boundsOf(options, subject);
  bounds.check();
  const batch = integerIn(options.batch ?? 1, 1, 256, "batch", subject);
  if (options.kernel !== undefined) oneOf(options.kernel, BINARY_KERNELS, "kernel", subject);
  checkSource(options.source, subject);
  const model = await readModel(bytes);
  checkOperations(model, bounds);
  // The network says which core it takes.
  const [{ variant, module }] = await Promise.all([loadCore(model, options), bringHalves(model.graph)]);
  bounds.check();
  const instance = instantiate(module, {});
  const prepared = await prepare(model, variant, instance, { kernel: options.kernel, batch, workers: 1, bounds });
  return closableSession(model, sessionOver(model, variant, instance, prepared));
}

type Working = Omit<Session, keyof SessionFacts | keyof Closable> & Pick<SessionFacts, "explain">;

/** All that needs the instance and its memory. */
function sessionOver(model: LoadedModel, variant: Variant, instance: KernelInstance, prepared: Prepared): Working {
  const { blockImages, compiled, program, scale } = prepared;
  const { inputSize } = compiled;
  const fromFloats = runner(instance, program(1, "floats"), "while it ran");
  const fromBytes = scale === null ? fromFloats : runner(instance, program(1, "bytes"), "while it ran");
  const runOutputs = (given: Images | readonly Images[], options?: RunOptions): readonly Float32Array[] => {
    const { images, count } = inputOf(model, scale, given, options);
    const network = isArrayOf(images, "Float32Array") ? fromFloats : fromBytes;
    const results = createResults(prepared, count);
    for (let first = 0; first < count; first += blockImages) {
      const valid = Math.min(blockImages, count - first);
      prepared.stage(images.subarray(first * inputSize, (first + valid) * inputSize));
      network();
      results.take(first, valid);
    }
    return results.checked();
  };
  const run: Session["run"] = (images, runOptions) => runOutputs(images, runOptions)[0] as Float32Array;
  return {
    explain: () => explain(variant, prepared, instance.memory),
    profile: async (profileOptions = {}) => {
      const { profileRun } = await later(async () => await import("./profile.ts"));
      const black = new Float32Array(blockImages * inputSize);
      const stage = (): void => void prepared.stage(black);
      return profileRun(model.graph, program(1, "floats"), instance, blockImages, stage, profileOptions);
    },
    run,
    runAll: (images, runOptions) => byName(model, runOutputs(images, runOptions)),
  };
}

/** A session that lets go of its instance when it is closed, whoever still holds the session. */
function closableSession(model: LoadedModel, working: Working): Session {
  let open: Working | null = working;
  const opened = (): Working => {
    if (open === null) throw new ProxbitError("worker", "the session was closed", "Load the model again.");
    return open;
  };
  const run: Session["run"] = (images, options) => opened().run(images, options);
  return {
    ...factsOf(model),
    classify: createClassify(model, run),
    explain: async () => opened().explain(),
    profile: async (options) => opened().profile(options),
    run,
    runAll: (images, options) => opened().runAll(images, options),
    ...closable(() => {
      open = null;
    }),
  };
}

/** The core that the caller gives, else the smallest that runs the network. The small one has no `popcnt64`, and no codewords. */
async function loadCore(
  model: PackedModel,
  { variant, kernel, source }: LoadOptions,
): Promise<{ variant: Variant; module: WebAssembly.Module }> {
  const found = await detectVariant({ shared: false, ...(variant && { variant }) });
  const isSmall = kernel !== "popcnt64" && isOfFirstHalf(model.graph) && codewordLayersOf(model).size === 0;
  const cores = isSmall ? smallCores : inferenceCores;
  return { variant: found, module: await compileCore(found, source ?? cores) };
}
