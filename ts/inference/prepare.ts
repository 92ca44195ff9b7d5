/**
 * Puts a model into the memory of an instance of the core: picks the kernel, plans and reserves memory, lays out the
 * weights. What comes back can be run, by this thread or by a pool of workers.
 */
import { isArrayOf } from "../base/arrays.ts";
import { ProxbitError } from "../base/errors.ts";
import { nextTurn } from "../base/turn.ts";
import type { PackedModel } from "../io/model-reader.ts";
import type { Graph } from "../nn/graph.ts";
import { bind, link } from "../program/bind.ts";
import { addressed, callOf, k } from "../program/inference-call.ts";
import { kernels } from "../program/kernels.ts";
import { type LaneLayout, layOutLanes } from "../program/lanes.ts";
import { addressOf, at, type Place } from "../program/place.ts";
import { type Job, type Program, placed } from "../program/program.ts";
import { createSegment } from "../program/segment.ts";
import { type KernelInstance, pageBytes } from "../runtime/instantiate.ts";
import { type BinaryKernel, type ProbeResult, probe } from "../runtime/probe.ts";
import type { Variant } from "../runtime/variants.ts";
import { type Bounds, boundsOf, checkMemory } from "./bounds.ts";
import { type Compiled, compile } from "./compile.ts";
import type { CompileOptions } from "./create-context.ts";
import { isOfFirstHalf } from "./halves.ts";
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
  /** Bounds on memory, and the caller's signal; the usual ones where absent. */
  readonly bounds?: Bounds | undefined;
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
  readonly program: (blocks: number, kind: "bytes" | "floats") => Program<number>;
  /** Each output of the first `count` images, after a run. They are overwritten by the next one. */
  readonly outputs: (count: number) => readonly Float32Array[];
}

/**
 * The thread is given back to its caller between two calls where the set-up takes long.
 *
 * @throws ProxbitError `environment` where memory cannot be had, `model-file` where it is more than allowed, `aborted`
 * after the signal, `not-finite` where a weight or a batch norm is not, and `argument` where the core lacks a kernel.
 */
export async function prepare(
  model: PackedModel,
  variant: Variant,
  instance: KernelInstance,
  options: PrepareOptions,
): Promise<Prepared> {
  const bounds = options.bounds ?? boundsOf({}, { code: "argument", what: "prepare" });
  const probed = options.kernel === undefined ? probe(variant, instance) : null;
  const kernel = options.kernel ?? (probed as ProbeResult).kernel;
  const scale = inputScaleOf(model);
  const { batch, workers } = options;
  const shares = batch === 1;
  const lanes = shares ? 1 : Math.min(workers, batch);
  const hasCodewords = "bb_codeword_conv_real" in instance.exports;
  const run = compileRun(model, { kernel, hasCodewords, parts: shares ? workers : 1 }, Math.ceil(batch / lanes));
  const { compiled, blockImages } = run;
  const { segment, inputSize } = compiled;
  checkCore(model.graph, [...compiled.setup, ...compiled.program.flat(2)], instance);

  const blocks = Array.from({ length: lanes }, () => segment.allocate(run.layout.bytes));
  const stagedImages = blockImages * Math.ceil(batch / blockImages);
  const staging: Staging = {
    indices: segment.constant(new Uint8Array(Uint32Array.from({ length: blockImages }, (_, i) => i).buffer)),
    input: segment.allocate(4 * stagedImages * inputSize),
    outputs: compiled.outputs.map(({ size }) => segment.allocate(4 * stagedImages * size)),
  };
  checkMemory(segment.bytes(), bounds);
  bounds.check();
  segment.settle(reserve(instance, segment.bytes()));
  const { buffer } = instance.memory;
  const memory = new Uint8Array(buffer);
  for (const write of segment.writes()) memory.set(write.bytes, write.address);
  const addressIn = run.layout.addressIn(blocks);
  const setup = [...compiled.setup, ...blocks.flatMap((_, lane) => run.layout.setup(lane))];
  const calls = placed([setup.map((call) => [call])], addressIn);
  await inPieces(steps(instance, calls, "while the model was loaded"), bounds);

  const bytes = new Uint8Array(buffer, addressOf(staging.input), stagedImages * inputSize);
  const floats = new Float32Array(buffer, addressOf(staging.input), stagedImages * inputSize);
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
      const target = isArrayOf(images, "Float32Array") ? floats : bytes;
      target.set(images);
      // Places without an image are cleared: what overflowed there in an earlier run must not fail this one.
      target.fill(0, images.length, blocks * blockImages * inputSize);
      return blocks;
    },
    program: (count, kind) => {
      const given = { compiled, staging, images: blockImages, scale: kind === "bytes" ? scale : null };
      return placed(runOf(given, lanes, count), addressIn);
    },
    outputs: (count) =>
      compiled.outputs.map(({ size }, i) => {
        return new Float32Array(buffer, addressOf(staging.outputs[i] as Place), count * size);
      }),
  };
}

/** A compiled network, and where the values of a run lie in a lane's block. */
interface Run {
  readonly compiled: Compiled;
  readonly layout: LaneLayout;
  readonly blockImages: number;
}

/**
 * Compiles for as many images together as leave their values in the cache, at least one and at most `perLane`. How much memory
 * an image takes is known when the network is compiled for one.
 */
function compileRun(model: PackedModel, options: Omit<CompileOptions, "images">, perLane: number): Run {
  const runFor = (images: number): Run => {
    const compiled = compile(model, { ...options, images });
    const nowhere = createSegment().allocate(0);
    const staging = { indices: nowhere, input: nowhere, outputs: compiled.outputs.map(() => nowhere) };
    const program = blockOf({ compiled, staging, images, scale: null }, 0);
    const layout = layOutLanes(program, { borders: compiled.borders, moments: "phases" });
    return { compiled, layout, blockImages: images };
  };
  const one = runFor(1);
  const images = Math.max(1, Math.min(perLane, Math.floor(CACHED_BYTES / one.layout.bytes)));
  return images === 1 ? one : runFor(images);
}

/** Where images wait and outputs are left. */
interface Staging {
  readonly indices: Place;
  readonly input: Place;
  /** A place for each output. */
  readonly outputs: readonly Place[];
}

/** A network with its staging: blocks of so many images, bytes where a scale is given. */
interface Blocks {
  readonly compiled: Compiled;
  readonly staging: Staging;
  readonly images: number;
  readonly scale: InputScale | null;
}

/** The network over a block of staged images: they go in, go through the layers, and their outputs go out. */
function blockOf({ compiled, staging, images, scale }: Blocks, block: number): Program {
  const { inputSize, input, outputs } = compiled;
  const inputs = images * inputSize;
  const from = at(staging.input, block * inputs * (scale === null ? 4 : 1));
  const batch = { indices: staging.indices, count: images, row: inputSize };
  const enter =
    scale === null
      ? k.copy({ from, to: input, bytes: 4 * inputs })
      : k.gatherBytes({ data: from, ...batch, scale: scale.scale, offset: scale.offset, out: input });
  const leave = outputs.map(({ place, size }, i) => {
    const bytes = 4 * images * size;
    return callOf("", "gather", k.copy({ from: place, to: at(staging.outputs[i] as Place, block * bytes), bytes }));
  });
  // They are part of no layer, whatever one may be called.
  return [[[callOf("", "gather", enter)]], ...compiled.program, leave.map((call) => [call])];
}

/**
 * The network over the first `count` blocks. One lane takes block after block, its layers cut for all workers; several lanes
 * take turns, each a job of its own from end to end.
 */
function runOf(given: Blocks, lanes: number, count: number): Program {
  const numbers = Array.from({ length: count }, (_, block) => block);
  if (lanes === 1) return numbers.flatMap((block) => blockOf(given, block));
  const jobs = Array.from({ length: lanes }, (_, lane) =>
    numbers
      .filter((block) => block % lanes === lane)
      .flatMap((block) => blockOf(given, block).flat(2))
      .map((call) => addressed(call, (place: Place) => ({ ...place, lane }))),
  );
  return [jobs.filter((job) => job.length > 0)];
}

/** A caller may have given a core that is too small for the network. */
function checkCore(graph: Graph, calls: Job, { exports }: KernelInstance): void {
  // The small core lacks parts of kernels as well, which networks of the second half may take.
  const names = isOfFirstHalf(graph) ? calls.map(({ kernel }) => kernel) : Object.keys(kernels);
  const lacking = names.find((name) => !(name in exports));
  if (lacking === undefined) return;
  throw new ProxbitError(
    "argument",
    `\`source\` is a core without ${lacking}, which the network takes`,
    "Give the file proxbit/wasm/NAME.wasm with inference- in its name, of this version of proxbit.",
  );
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

/** Binds a program to the instance; what comes back runs it, and throws where a call met a number that is not finite. */
export function runner(instance: KernelInstance, program: Program<number>, when: string): () => void {
  const all = steps(instance, program, when);
  return () => {
    for (const step of all) step();
  };
}

/** The same, job by job. */
function steps(instance: KernelInstance, program: Program<number>, when: string): readonly (() => void)[] {
  const { phases, calls } = link(bind(program), instance.exports);
  return phases.flat().map((job) => () => {
    const place = job();
    if (place !== 0) throw badLayer(calls[place - 1]?.node, when);
  });
}

/** So many milliseconds at most go by before others have the thread, but for what one call takes. */
const PIECE_MS = 20;

/** Makes all steps, in pieces between which the caller may give up. */
async function inPieces(all: readonly (() => void)[], { check }: Bounds): Promise<void> {
  let began = performance.now();
  for (const step of all) {
    step();
    if (performance.now() - began < PIECE_MS) continue;
    await nextTurn();
    check();
    began = performance.now();
  }
}
