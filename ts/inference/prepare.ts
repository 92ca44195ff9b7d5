/**
 * Puts a model into the memory of an instance of the core: picks the kernel, plans and reserves memory, lays out the
 * weights. What comes back can be run, by this thread or by a pool of workers.
 */
import { ProxbitError } from "../base/errors.ts";
import type { PackedModel } from "../io/model-file.ts";
import { type KernelInstance, pageBytes } from "../runtime/instantiate.ts";
import { type BinaryKernel, type ProbeResult, probe } from "../runtime/probe.ts";
import { bind, type Call, type Program } from "../runtime/program.ts";
import type { Variant } from "../runtime/variants.ts";
import { type Compiled, type CompileOptions, compile } from "./compile.ts";
import { badLayer, type Images, type InputScale, inputScaleOf } from "./images.ts";

/**
 * Values of so many bytes stay in the cache of a core, or near it: so many images at most go through the layers together.
 * What comes from larger memory is slower than what more images at once would win.
 */
const CACHED_BYTES = 1 << 20;

export interface PrepareOptions {
  /** The kernel of the +-1 by +-1 product; the probe's choice where absent. */
  readonly kernel?: BinaryKernel | undefined;
  /** Images that callers may stage at once. */
  readonly batch: number;
  /** Threads that will run the network: they share each image where `batch` is 1, and take images of their own otherwise. */
  readonly workers: number;
}

export interface Prepared {
  readonly model: PackedModel;
  readonly compiled: Compiled;
  readonly kernel: BinaryKernel;
  /** What the probe found; null where the caller chose the kernel. */
  readonly probed: ProbeResult | null;
  readonly scale: InputScale | null;
  /** Images that go through the layers together. */
  readonly blockImages: number;
  /** Images that can be staged at once: a whole number of blocks. */
  readonly stagedImages: number;
  /** Puts images from the first place on, and zeros after them to the end of their last block; returns the blocks. */
  readonly stage: (images: Images) => number;
  /** What to run after `stage`: `blocks` blocks of images of one kind. */
  readonly program: (blocks: number, kind: "bytes" | "floats") => Program;
  /** The outputs of the first `count` images, after a run. They are overwritten by the next one. */
  readonly outputs: (count: number) => Float32Array;
}

/** @throws ProxbitError `environment` where memory cannot be had, `not-finite` where a weight or a batch norm is not. */
export function prepare(
  model: PackedModel,
  variant: Variant,
  instance: KernelInstance,
  options: PrepareOptions,
): Prepared {
  const probed = options.kernel === undefined ? probe(variant, instance) : null;
  const kernel = options.kernel ?? (probed as ProbeResult).kernel;
  const scale = inputScaleOf(model);
  const { batch, workers } = options;
  const shares = batch === 1;
  const choice = { kernel, parts: shares ? workers : 1, lanes: shares ? 1 : Math.min(workers, batch) };
  const blockImages = imagesTogether(model, choice, batch);

  const compileAt = (base: number): Compiled => compile(model, { ...choice, images: blockImages }, base);
  const sized = compileAt(0);
  const stagedImages = blockImages * Math.ceil(batch / blockImages);
  const staging = stagingAt(sized.end, sized, blockImages, stagedImages);
  const base = reserve(instance, staging.end);
  const compiled = compileAt(base);
  setUp(instance, compiled);

  const { buffer } = instance.memory;
  const { inputSize, outputSize } = compiled;
  const places = stagingAt(compiled.end, compiled, blockImages, stagedImages);
  new Uint32Array(buffer, places.indices, blockImages).forEach((_, i, indices) => {
    indices[i] = i;
  });
  const bytes = new Uint8Array(buffer, places.input, stagedImages * inputSize);
  const floats = new Float32Array(buffer, places.input, stagedImages * inputSize);
  const results = new Float32Array(buffer, places.output, stagedImages * outputSize);
  return {
    model,
    compiled,
    kernel,
    probed,
    scale,
    blockImages,
    stagedImages,
    stage: (images) => {
      const blocks = Math.ceil(images.length / inputSize / blockImages);
      const target = images instanceof Float32Array ? floats : bytes;
      target.set(images);
      // Places without an image are cleared: what overflowed there in an earlier run must not fail this one.
      target.fill(0, images.length, blocks * blockImages * inputSize);
      return blocks;
    },
    program: (blocks, kind) => runOf(compiled, places, blockImages, blocks, kind === "bytes" ? scale : null),
    outputs: (count) => results.subarray(0, count * outputSize),
  };
}

/** As many images as leave the values of a run in the cache, at least one. */
function imagesTogether(model: PackedModel, choice: Omit<CompileOptions, "images">, batch: number): number {
  const perLane = Math.ceil(batch / choice.lanes);
  if (perLane === 1) return 1;
  const { laneBytes } = compile(model, { ...choice, images: 1 }, 0);
  return Math.max(1, Math.min(perLane, Math.floor(CACHED_BYTES / laneBytes)));
}

/** Where images wait and outputs are left; all addresses in bytes. */
interface Staging {
  readonly indices: number;
  readonly input: number;
  readonly output: number;
  readonly end: number;
}

function stagingAt(base: number, compiled: Compiled, blockImages: number, stagedImages: number): Staging {
  const rounded = (bytes: number): number => 16 * Math.ceil(bytes / 16);
  const input = base + rounded(4 * blockImages);
  const output = input + rounded(4 * stagedImages * compiled.inputSize);
  return { indices: base, input, output, end: output + rounded(4 * stagedImages * compiled.outputSize) };
}

/**
 * The network over the first `blocks` blocks of staged images, bytes where a scale is given. One lane takes block after
 * block, its layers cut for all workers; several lanes take turns, each a task of its own from end to end.
 */
function runOf(
  compiled: Compiled,
  staging: Staging,
  blockImages: number,
  blocks: number,
  scale: InputScale | null,
): Program {
  const { lanes, inputSize, outputSize } = compiled;
  const blockProgram = (lane: Compiled["lanes"][number], block: number): Program => {
    const [inputs, outputs] = [blockImages * inputSize, blockImages * outputSize];
    const from = staging.input + block * inputs * (scale === null ? 4 : 1);
    const enter: Call =
      scale === null
        ? { node: "input", kernel: "copy", arguments: [from, lane.input, 4 * inputs] }
        : {
            node: "input",
            kernel: "gather_bytes",
            arguments: [from, staging.indices, blockImages, inputSize, scale.scale, scale.offset, lane.input],
          };
    const to = staging.output + 4 * block * outputs;
    const leave: Call = { node: "", kernel: "copy", arguments: [lane.output, to, 4 * outputs] };
    return [[[enter]], ...lane.program, [[leave]]];
  };
  const numbers = Array.from({ length: blocks }, (_, block) => block);
  const [first] = lanes;
  if (first !== undefined && lanes.length === 1) return numbers.flatMap((block) => blockProgram(first, block));
  const tasks = lanes.map((lane, index) =>
    numbers.filter((block) => block % lanes.length === index).flatMap((block) => blockProgram(lane, block).flat(2)),
  );
  return [tasks.filter((task) => task.length > 0)];
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
  runner(instance, [[compiled.setup]], "while the model was loaded")();
  for (const { flips, channels, mask, layout } of compiled.flipJobs) {
    memory.set(layout.mask(memory.slice(flips, flips + channels)), mask);
  }
}

/** Binds a program to the instance; what comes back runs it, and throws where a call met a number that is not finite. */
export function runner(instance: KernelInstance, program: Program, when: string): () => void {
  const { phases, calls } = bind(program, instance.exports);
  const tasks = phases.flat();
  return () => {
    for (const task of tasks) {
      const place = task();
      if (place !== 0) throw badLayer(calls[place - 1]?.node, when);
    }
  };
}
