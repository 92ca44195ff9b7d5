/**
 * A session on several threads. The caller's thread puts images into shared memory and waits without blocking; workers run
 * the network. Alone in a batch, an image is shared: each worker takes rows or filters of a layer, and all meet before the
 * next one. In larger batches each worker takes images of its own. No number depends on how the work was shared.
 */
import { isArrayOf } from "../base/arrays.ts";
import { integerIn, oneOf, plainObject, type Subject } from "../base/checks.ts";
import { type Closable, closable } from "../base/closable.ts";
import { ProxbitError } from "../base/errors.ts";
import { inferenceCores } from "../runtime/inference-cores.ts";
import { instantiate } from "../runtime/instantiate.ts";
import { BINARY_KERNELS, type BinaryKernel } from "../runtime/probe.ts";
import type { SourceOptions, WorkerOptions } from "../runtime/source.ts";
import { MOST_WORKERS, type Pool, startPool } from "../runtime/start-pool.ts";
import { detectVariant, isShared, type Variant } from "../runtime/variants.ts";
import { BOUNDS, boundsOf, checkOperations, type LoadBounds } from "./bounds.ts";
import type { Explanation } from "./explain-session.ts";
import { factsOf, type SessionFacts } from "./facts.ts";
import { bringHalves, readModel } from "./halves.ts";
import { badLayer, type Images, inputOf, type RunOptions } from "./images.ts";
import { createClassify } from "./later-classify.ts";
import { explain } from "./later-explain.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { byName, createResults } from "./results.ts";

export interface ParallelOptions extends LoadBounds, SourceOptions, WorkerOptions {
  /** Threads, from 1 to 64. */
  readonly workers: number;
  /** The build of the core, `plain-shared` or `relaxed-shared`; the best that runs here where absent. */
  readonly variant?: Variant;
  /** The kernel of the +-1 by +-1 product; the winner of the start-up probe where absent. */
  readonly kernel?: BinaryKernel;
  /** 1 (where absent): all workers share each image, for the shortest wait. From 2 to 256: images worked on at once. */
  readonly batch?: number;
}

export interface ParallelSession extends SessionFacts, Closable {
  readonly workers: number;
  /**
   * Runs the network as `Session.run` does, with the same results, and without blocking the caller's thread. Runs that
   * were asked for earlier come first. `images` must not change until the promise is settled.
   *
   * @throws ProxbitError as `Session.run`, and `worker` where a thread has died or the session was closed.
   */
  run(images: Images | readonly Images[], options?: RunOptions): Promise<Float32Array>;
  /** Does the same, and resolves to all outputs by name, as `Session.runAll` does. */
  runAll(images: Images | readonly Images[], options?: RunOptions): Promise<Readonly<Record<string, Float32Array>>>;
  /** Ends the workers; pending and later runs reject. */
  close(): void;
}

/** The work of `loadParallel`. */
export async function loadIntoPool(bytes: Uint8Array, options: ParallelOptions): Promise<ParallelSession> {
  const subject: Subject = { code: "argument", what: "loadParallel" };
  plainObject(options, ["workers", "variant", "kernel", "batch", "source", "worker", ...BOUNDS], subject);
  const bounds = boundsOf(options, subject);
  bounds.check();
  const model = await readModel(bytes);
  checkOperations(model, bounds);
  const workers = integerIn(options.workers, 1, MOST_WORKERS, "workers", subject);
  const batch = integerIn(options.batch ?? 1, 1, 256, "batch", subject);
  if (options.kernel !== undefined) oneOf(options.kernel, BINARY_KERNELS, "kernel", subject);
  const variant = await detectVariant(options.variant === undefined ? {} : { variant: options.variant });
  if (!isShared(variant)) throw notShared(variant);
  const { source = inferenceCores, worker } = options;
  await bringHalves(model.graph);
  const pool = await startPool({ workers, variant, source, worker });
  try {
    bounds.check();
    const memory = pool.memory as WebAssembly.Memory;
    const instance = instantiate(pool.module, { memory });
    const prepared = await prepare(model, variant, instance, {
      kernel: options.kernel,
      batch,
      workers: pool.workers,
      bounds,
    });
    let last: Promise<unknown> = Promise.resolve();
    const { scale } = prepared;
    // What is left of a closed session holds no memory.
    let open: Working | null = {
      run: crew(pool, prepared),
      explain: () => explain(variant, prepared, memory),
    };
    const opened = (): Working => {
      if (open === null) throw new ProxbitError("worker", "the session was closed", "Load the model again.");
      return open;
    };
    const inTurn = async (
      given: Images | readonly Images[],
      runOptions?: RunOptions,
    ): Promise<readonly Float32Array[]> => {
      const { images, count } = inputOf(model, scale, given, runOptions);
      const result = last.then(() => opened().run(images, count));
      last = result.catch(() => {});
      return result;
    };
    const run: ParallelSession["run"] = async (images, runOptions) =>
      (await inTurn(images, runOptions))[0] as Float32Array;
    return {
      ...factsOf(model),
      workers: pool.workers,
      classify: createClassify(model, run),
      explain: async () => opened().explain(),
      run,
      runAll: async (images, runOptions) => byName(model, await inTurn(images, runOptions)),
      ...closable(() => {
        open = null;
        pool.close();
      }),
    };
  } catch (error) {
    pool.close();
    throw error;
  }
}

/** The parts of a session that hold its memory. */
interface Working {
  readonly run: (images: Images, count: number) => Promise<readonly Float32Array[]>;
  readonly explain: () => Promise<Explanation>;
}

/** Runs images through the workers, as many at once as there is room for. */
function crew(pool: Pool, prepared: Prepared): Working["run"] {
  const { compiled, stagedImages } = prepared;
  const { inputSize } = compiled;
  const programs = new Map<string, Promise<number>>();
  /** Written and sent to the workers at the first run with so many blocks of images of one kind. */
  const program = (blocks: number, kind: "bytes" | "floats"): Promise<number> => {
    const key = `${kind} ${blocks}`;
    const known = programs.get(key) ?? pool.define(prepared.program(blocks, kind));
    programs.set(key, known);
    return known;
  };
  return async (images, count) => {
    const kind = isArrayOf(images, "Float32Array") ? "floats" : "bytes";
    const results = createResults(prepared, count);
    for (let first = 0; first < count; first += stagedImages) {
      const valid = Math.min(stagedImages, count - first);
      const blocks = prepared.stage(images.subarray(first * inputSize, (first + valid) * inputSize));
      const { failure } = await pool.run(await program(blocks, kind), [[]], []);
      if (failure !== null) throw badLayer(failure.node, "while it ran");
      results.take(first, valid);
    }
    return results.checked();
  };
}

function notShared(variant: Variant): ProxbitError {
  return new ProxbitError(
    "environment",
    `workers share memory, and the build "${variant}" of the core has a memory of its own`,
    "Serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp and leave out the variant, or use load for one thread.",
  );
}
