/**
 * A session: a packed model in the memory of its own instance of the core. Loading checks the whole file, plans memory,
 * lays out the weights and picks the fastest kernel; after that a run allocates nothing but its result.
 */

import { integerIn, oneOf, plainObject, type Subject } from "../checks.ts";
import { describe } from "../describe.ts";
import { ProxbitError } from "../errors.ts";
import { decodeModel, type PackedModel } from "../io/model-file.ts";
import type { Graph } from "../nn/graph.ts";
import { inputShapeOf } from "../nn/shapes.ts";
import { instantiate, type KernelInstance, pageBytes } from "../runtime/instantiate.ts";
import { loadModule } from "../runtime/load.ts";
import { BINARY_KERNELS, type BinaryKernel, probe } from "../runtime/probe.ts";
import { bind, type Call } from "../runtime/program.ts";
import { detectVariant, type Variant } from "../runtime/variants.ts";
import { type Compiled, compile } from "./compile.ts";
import type { Explanation } from "./explain.ts";

export interface LoadOptions {
  /** The build of the core, `plain` or `relaxed`; the best that runs here where absent. */
  readonly variant?: Variant;
  /** The kernel of the +-1 by +-1 product; the winner of the start-up probe where absent. */
  readonly kernel?: BinaryKernel;
  /** Images worked on at once, from 1 (where absent) to 256: more gives more images a second, later. */
  readonly batch?: number;
  /** The core of that variant, compiled or as bytes: for runtimes that cannot fetch it by its address. */
  readonly source?: WebAssembly.Module | BufferSource;
}

export interface Session {
  readonly graph: Graph;
  /** What the trainer wrote into the file: data set, classes, scale and offset of the input. */
  readonly metadata: Readonly<Record<string, string>>;
  /** `[height, width, channels]` or `[size]` of one image. */
  readonly inputShape: readonly number[];
  readonly classes: number;
  /**
   * Runs the network on one or many images, NHWC, one after the other in `images`.
   *
   * @param images bytes, to which the file's input scale and offset are applied, or floats, taken as they are.
   * @returns the outputs, `[images][classes]`.
   * @throws ProxbitError `argument` for anything but such an array, `shape` where the length is no whole number of images,
   * `model-file` for bytes where the file does not say their scale, `not-finite` for an input or output that is not
   * finite and where a layer met NaN.
   */
  run(images: Uint8Array | Uint8ClampedArray | Float32Array): Float32Array;
  explain(): Explanation;
}

/**
 * Loads a model file.
 *
 * @throws ProxbitError `model-file` for a file that is corrupt or not ours, `environment` where the core cannot run,
 * `argument` for bad options.
 */
export async function load(bytes: Uint8Array, options: LoadOptions = {}): Promise<Session> {
  const model = decodeModel(bytes);
  const subject: Subject = { code: "argument", what: "load" };
  plainObject(options, ["variant", "kernel", "batch", "source"], subject);
  const batch = integerIn(options.batch ?? 1, 1, 256, "batch", subject);
  if (options.kernel !== undefined) oneOf(options.kernel, BINARY_KERNELS, "kernel", subject);
  const variant = await detectVariant({ shared: false, ...(options.variant && { variant: options.variant }) });
  const module = await loadModule(variant, options.source === undefined ? {} : { source: options.source });
  const instance = instantiate(module, {});
  const probed = options.kernel === undefined ? probe(variant, instance) : null;
  const kernel = options.kernel ?? probed?.kernel ?? "lookup";

  const sized = compile(model, batch, kernel, 0);
  const indices = sized.end;
  const pixels = indices + 16 * Math.ceil((4 * batch) / 16);
  const base = reserve(instance, pixels + batch * sized.inputSize);
  const compiled = compile(model, batch, kernel, base);
  setUp(instance, compiled);
  new Uint32Array(instance.memory.buffer, base + indices, batch).set(Array.from({ length: batch }, (_, i) => i));
  const explanation: Explanation = {
    variant,
    kernel,
    chosenBy: probed === null ? "caller" : "probe",
    ...(probed === null ? {} : { probeMicroseconds: probed.microseconds }),
    layers: compiled.layers,
    memoryBytes: instance.memory.buffer.byteLength,
    notes: notesOn(variant),
  };
  return {
    graph: model.graph,
    metadata: model.metadata,
    inputShape: inputShapeOf(model.graph),
    classes: compiled.outputSize,
    run: runner(model, instance, compiled, batch, base + indices, base + pixels),
    explain: () => explanation,
  };
}

/** Memory of our own, zeroed; returns its first address. */
function reserve(instance: KernelInstance, bytes: number): number {
  try {
    return instance.memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes;
  } catch (error) {
    const message = `the model needs ${Math.ceil(bytes / (1 << 20))} MiB of memory, which cannot be had`;
    throw new ProxbitError("environment", message, "Use a smaller batch or a smaller network.", { cause: error });
  }
}

/** Writes weights and descriptors, and makes the calls that lay them out. */
function setUp(instance: KernelInstance, compiled: Compiled): void {
  const memory = new Uint8Array(instance.memory.buffer);
  for (const write of compiled.writes) memory.set(write.bytes, write.address);
  runAll(instance, compiled.setup, "while the model was loaded")();
  for (const { flips, channels, mask, layout } of compiled.flipJobs) {
    memory.set(layout.mask(memory.subarray(flips, flips + channels)), mask);
  }
}

/** Binds calls to the instance; what comes back runs them, and throws where one met a number that is not finite. */
function runAll(instance: KernelInstance, calls: readonly Call[], when: string): () => void {
  const program = bind([[calls]], instance.exports);
  const task = program.phases[0]?.[0] ?? (() => 0);
  return () => {
    const place = task();
    if (place === 0) return;
    const failed = program.calls[place - 1];
    const message = `layer "${failed?.node}" met NaN or an infinite number ${when}`;
    throw new ProxbitError("not-finite", message, "Give finite pixels; if they are, train the model again.");
  };
}

function runner(
  model: PackedModel,
  instance: KernelInstance,
  compiled: Compiled,
  batch: number,
  indices: number,
  pixels: number,
): Session["run"] {
  const { input, inputSize, output, outputSize } = compiled;
  const [scale, offset] = [metadataNumber(model, "inputScale"), metadataNumber(model, "inputOffset")];
  const knowsBytes = scale !== undefined && offset !== undefined;
  const gather: Call[] = knowsBytes
    ? [
        {
          node: "input",
          kernel: "gather_bytes",
          arguments: [pixels, indices, batch, inputSize, scale, offset, input],
        },
      ]
    : [];
  const network = runAll(instance, compiled.calls, "while it ran");
  const fromBytes = runAll(instance, gather, "while it ran");
  const { buffer } = instance.memory;
  const bytesIn = new Uint8Array(buffer, pixels, batch * inputSize);
  const floatsIn = new Float32Array(buffer, input, batch * inputSize);
  const out = new Float32Array(buffer, output, batch * outputSize);
  return (images) => {
    checkNumbers(images);
    if (images.length === 0 || images.length % inputSize !== 0) {
      const shape = `[${inputShapeOf(model.graph).join(", ")}]`;
      const message = `the network takes images of ${shape}, ${inputSize} numbers each; ${images.length} were given`;
      throw new ProxbitError("shape", message, "Give whole images, one after the other, channels last.");
    }
    if (!knowsBytes && !(images instanceof Float32Array)) {
      const message = "the model file does not say how bytes become numbers (inputScale, inputOffset)";
      throw new ProxbitError(
        "model-file",
        message,
        "Give a Float32Array, scaled as in training, or pack the model again.",
      );
    }
    const count = images.length / inputSize;
    const results = new Float32Array(count * outputSize);
    for (let first = 0; first < count; first += batch) {
      const valid = Math.min(batch, count - first);
      const part = images.subarray(first * inputSize, (first + valid) * inputSize);
      // Places without an image are cleared: what overflowed there in an earlier run must not fail this one.
      if (part instanceof Float32Array) {
        floatsIn.fill(0, valid * inputSize).set(part);
      } else {
        bytesIn.fill(0, valid * inputSize).set(part);
        fromBytes();
      }
      network();
      results.set(out.subarray(0, valid * outputSize), first * outputSize);
    }
    const bad = results.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const message = `output ${bad % outputSize} of image ${Math.floor(bad / outputSize)} is ${results[bad]}`;
      throw new ProxbitError("not-finite", message, "Give smaller pixels; if they are small, train the model again.");
    }
    return results;
  };
}

/** Pools and activations may swallow a NaN, so what goes in is looked at before anything runs. */
function checkNumbers(images: unknown): void {
  if (images instanceof Uint8Array || images instanceof Uint8ClampedArray) return;
  if (!(images instanceof Float32Array)) {
    const message = `images must be a Uint8Array, Uint8ClampedArray or Float32Array, not ${describe(images)}`;
    throw new ProxbitError("argument", message, "Give bytes from 0 to 255, or floats as the network takes them.");
  }
  const bad = images.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new ProxbitError("not-finite", `number ${bad} of the input is ${images[bad]}`, "Give finite pixels.");
}

function metadataNumber(model: PackedModel, key: string): number | undefined {
  const text = model.metadata[key];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  const message = `the model file's metadata says ${key} is ${JSON.stringify(text)}, which is no number`;
  throw new ProxbitError("model-file", message, "Pack the model again.");
}

function notesOn(variant: Variant): readonly string[] {
  return variant.startsWith("relaxed")
    ? []
    : ["relaxed SIMD is not in use: the look-up kernel runs about half as fast; use Node 22 or a current browser"];
}
