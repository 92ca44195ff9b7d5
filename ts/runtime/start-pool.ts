/**
 * Starts a worker pool: threads that hold one compiled module over one shared memory. They run the same program together.
 *
 * Control goes through comlink. Comlink never settles a call whose worker has died. So every call is kept in a set of
 * pending ones. The death of any worker rejects them all, because the crew cannot meet any more without it. Where
 * memory cannot be shared, one worker with a memory of its own does the same work. The results are the same.
 */
import { type Remote, transfer, wrap } from "comlink";
import { integerIn, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { bind } from "../program/bind.ts";
import type { Range } from "../program/place.ts";
import type { Program, Write } from "../program/program.ts";
import { controlBytes } from "./barrier.ts";
import { compileCore, coreBytes } from "./compile-core.ts";
import { closedWhenDropped, forgetDropped } from "./dropped.ts";
import type { RunResult } from "./execute.ts";
import { createSharedMemory, wantsSharedMemory } from "./instantiate.ts";
import { asKnownError, checkKernels, isCloneFault, otherMemory } from "./pool-faults.ts";
import type { TimedRun } from "./profile.ts";
import { type CoreSource, checkSource, checkWorker, type WorkerSource } from "./source.ts";
import { spawnThreads } from "./thread.ts";
import { detectVariant, isShared, type Variant } from "./variants.ts";
import type { WorkerApi } from "./worker.ts";

export const MOST_WORKERS = 64;
const START_LIMIT_MS = 60_000;
/** A timer that is later than this did not measure the workers: the page or the machine was asleep. */
const LATE_MS = 1.5 * START_LIMIT_MS;

export interface PoolOptions {
  /** Threads to use, from 1; fewer are used where memory cannot be shared, or where no more can be made. */
  readonly workers: number;
  /** The build of the core; detected where absent. */
  readonly variant?: Variant | undefined;
  /** The core of that variant. */
  readonly source: CoreSource;
  /** Kernels that the core must have; not looked at where absent. */
  readonly kernels?: readonly string[];
  /** The script of the workers; that of the package where absent. */
  readonly worker?: WorkerSource | undefined;
}

export interface Pool {
  readonly variant: Variant;
  /** The compiled core. */
  readonly module: WebAssembly.Module;
  readonly workers: number;
  /** The memory that workers share; null where one worker has a memory of its own. */
  readonly memory: WebAssembly.Memory | null;
  /** Bytes reserved so far. */
  readonly reservedBytes: () => number;
  /** Adds zeroed memory; returns its first address. */
  reserve(bytes: number): Promise<number>;
  write(address: number, bytes: Uint8Array): Promise<void>;
  read(range: Range): Promise<Uint8Array>;
  /** Sends a program to every worker; returns the number to run it by. */
  define(program: Program<number>): Promise<number>;
  /** Frees programs that will not be run again. */
  forget(ids: readonly number[]): Promise<void>;
  /** Runs a program once per element of `steps`; see `execute`. */
  run(id: number, steps: readonly (readonly Write[])[], reads: readonly Range[]): Promise<RunResult>;
  /** The same for a program that is not kept, measured: one answer of every worker. */
  profile(program: Program<number>, steps: readonly (readonly Write[])[]): Promise<readonly TimedRun[]>;
  /** Ends all threads; pending and later calls reject. */
  close(): void;
}

/**
 * Starts a pool and waits until every worker is ready.
 *
 * @throws ProxbitError `argument` for a bad number of workers, `environment` where the core cannot run.
 * @throws ProxbitError `worker` where a thread does not start.
 */
export async function startPool(options: PoolOptions): Promise<Pool> {
  const subject: Subject = { code: "argument", what: "the worker pool" };
  integerIn(options.workers, 1, MOST_WORKERS, "workers", subject);
  const worker = checkWorker(options.worker, subject);
  const source = checkSource(options.source, subject) as CoreSource;
  const given = { ...options, source, worker };
  const { variant, memory } = await variantWithMemory(options.variant);
  try {
    return await startVariant(given, variant, memory);
  } catch (error) {
    // Some engines share memory, but not with workers. One worker with a memory of its own needs none.
    if (options.variant !== undefined || memory === null || !isCloneFault(error)) throw error;
    return startVariant(given, await detectVariant({ shared: false }), null);
  }
}

async function startVariant(options: PoolOptions, variant: Variant, memory: WebAssembly.Memory | null): Promise<Pool> {
  const { source, worker } = options;
  const module = await compileCore(variant, source);
  const shared = isShared(variant);
  if (wantsSharedMemory(module) !== shared) throw otherMemory(variant);
  if (options.kernels !== undefined) checkKernels(module, options.kernels);
  const threads = spawnThreads(shared ? options.workers : 1, worker);
  const workers = threads.length;
  const control = shared ? new SharedArrayBuffer(controlBytes(workers)) : null;
  const remotes: Remote<WorkerApi>[] = threads.map((thread) => wrap<WorkerApi>(thread.endpoint));
  const pending = new Set<(error: Error) => void>();
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const thread of threads) thread.terminate();
    for (const reject of pending) reject(ended);
    pending.clear();
  };
  for (const thread of threads) thread.onDeath(end);

  /** A call that settles even if a worker dies, and keeps a Node process alive until it does. */
  const guarded = <T>(call: () => Promise<T>): Promise<T> => {
    if (ended !== undefined) return Promise.reject(ended);
    return new Promise<T>((resolve, reject) => {
      if (pending.size === 0) for (const thread of threads) thread.hold(true);
      pending.add(reject);
      const settle = (): void => {
        pending.delete(reject);
        if (pending.size === 0 && ended === undefined) for (const thread of threads) thread.hold(false);
      };
      call().then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(asKnownError(error, memory));
        },
      );
    });
  };
  const leader = remotes[0] as Remote<WorkerApi>;
  const everyone = <T>(call: (worker: Remote<WorkerApi>) => Promise<T>): Promise<readonly T[]> =>
    guarded(() => Promise.all(remotes.map(call)));
  /** A run that a worker has left alone leaves the others waiting for it: then the crew is lost. */
  const together = async <T>(call: (worker: Remote<WorkerApi>) => Promise<T>): Promise<readonly T[]> => {
    try {
      return await everyone(call);
    } catch (error) {
      end(asKnownError(error, memory));
      throw error;
    }
  };
  const startAll = (core: WebAssembly.Module | Uint8Array) =>
    guarded(() => Promise.all(remotes.map((worker, index) => worker.start({ core, memory, control, index, workers }))));

  const patience = startPatience(end);
  try {
    await startAll(module).catch(async (error: unknown) => {
      // An engine that posts no compiled core posts its bytes, and the worker compiles them.
      const bytes = isCloneFault(error) ? await coreBytes(variant, source) : null;
      if (bytes === null) throw error;
      return startAll(bytes);
    });
  } catch (error) {
    end(asKnownError(error, memory));
    throw error;
  } finally {
    patience.over();
  }

  let programs = 0;
  let reservedBytes = 0;
  // Nothing that the threads lead to may lead to the pool, or it would never be known that nobody else does.
  const token = {};
  const close = (): void =>
    end(new ProxbitError("worker", "the workers were closed", "Create a new trainer or session."));
  return closedWhenDropped<Pool>(token, close, {
    variant,
    module,
    workers,
    memory,
    reservedBytes: () => reservedBytes,
    reserve: async (bytes) => {
      const address = await guarded(() => leader.reserve(bytes));
      reservedBytes += bytes;
      return address;
    },
    write: async (address, bytes) => {
      if (ended !== undefined) throw ended;
      // Between calls nobody else touches the memory. A call under way has its turn before this one.
      if (memory !== null && pending.size === 0 && address + bytes.length <= memory.buffer.byteLength) {
        new Uint8Array(memory.buffer).set(bytes, address);
        return;
      }
      // Bytes of their own: a message clones the whole buffer that they are a view of, however few they are.
      const own = new Uint8Array(bytes);
      await guarded(() => leader.write(address, transfer(own, [own.buffer])));
    },
    read: (range) => guarded(() => leader.read(range)),
    define: async (program) => {
      const id = programs++;
      const bound = bind(program);
      await everyone((worker) => worker.define(id, bound));
      return id;
    },
    forget: async (ids) => {
      await everyone((worker) => worker.forget(ids));
    },
    run: async (id, steps, reads) => (await together((worker) => worker.run(id, steps, reads)))[0] as RunResult,
    profile: (program, steps) => {
      const bound = bind(program);
      return together((worker) => worker.profile(bound, steps));
    },
    close: () => {
      forgetDropped(token);
      close();
    },
  });
}

/** Calls `end` once the workers had their time. A page in the background has late timers, and answers that wait behind them. */
function startPatience(end: (error: Error) => void): { readonly over: () => void } {
  let began = performance.now();
  const look = (): void => {
    const waited = performance.now() - began;
    if (waited > LATE_MS) {
      began = performance.now();
      timer = setTimeout(look, START_LIMIT_MS);
      return;
    }
    const remedy = "Check that the page may start module workers and that the machine is not out of memory.";
    end(new ProxbitError("worker", `the workers did not start within ${START_LIMIT_MS / 1000} s`, remedy));
  };
  let timer = setTimeout(look, START_LIMIT_MS);
  return { over: () => clearTimeout(timer) };
}

/**
 * The variant, and its memory where that is shared. Where nobody has named the variant and the engine refuses the memory, as
 * phones do, one worker with a memory of its own does the work.
 */
async function variantWithMemory(
  wanted: Variant | undefined,
): Promise<{ readonly variant: Variant; readonly memory: WebAssembly.Memory | null }> {
  const variant = await detectVariant(wanted === undefined ? {} : { variant: wanted });
  if (!isShared(variant)) return { variant, memory: null };
  try {
    return { variant, memory: createSharedMemory() };
  } catch (error) {
    if (wanted !== undefined) throw error;
    return { variant: await detectVariant({ shared: false }), memory: null };
  }
}
