/**
 * The script of a worker thread, the same for every worker, in Node and in browsers. It holds one instance of the core
 * and the programs that it was given. It answers the calls of {@link WorkerApi} through comlink.
 */
import { expose, transfer } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { type BoundProgram, type LinkedProgram, link } from "../program/bind.ts";
import type { Range } from "../program/place.ts";
import type { Write } from "../program/program.ts";
import { type Crew, sharedCrew, soloCrew } from "./barrier.ts";
import { execute, type RunResult } from "./execute.ts";
import { instantiate, type KernelInstance, pageBytes } from "./instantiate.ts";
import { executeTimed, type TimedRun } from "./profile.ts";

/** The start of a worker. `memory` and `control` are null where it works alone in a memory of its own. */
export interface WorkerStart {
  /** The core, compiled, or its bytes where the engine does not post that. */
  readonly core: WebAssembly.Module | Uint8Array;
  readonly memory: WebAssembly.Memory | null;
  readonly control: SharedArrayBuffer | null;
  readonly index: number;
  readonly workers: number;
}

/** The calls a worker answers. */
export interface WorkerApi {
  /** Instantiates the core; its return is the ready handshake. */
  start(options: WorkerStart): void;
  /** Adds memory and returns its first address, a multiple of 64 KiB; the memory is zero. */
  reserve(bytes: number): number;
  write(address: number, bytes: Uint8Array): void;
  read(range: Range): Uint8Array;
  /** Keeps a program under a number. */
  define(id: number, program: BoundProgram): void;
  /** Drops programs that will not be run again. */
  forget(ids: readonly number[]): void;
  /** Runs a program; all workers of the pool are called with the same arguments and meet inside. */
  run(id: number, steps: readonly (readonly Write[])[], reads: readonly Range[]): RunResult;
  /** Runs a program that is not kept, and measures this worker's part. */
  profile(program: BoundProgram, steps: readonly (readonly Write[])[]): TimedRun;
}

let instance: KernelInstance | undefined;
let crew: Crew = soloCrew();
let leader = true;
const programs = new Map<number, LinkedProgram>();

function started(): KernelInstance {
  if (instance === undefined) throw new Error("the worker was called before it was started");
  return instance;
}

const api: WorkerApi = {
  start(options) {
    const { core, memory } = options;
    const module = core instanceof WebAssembly.Module ? core : new WebAssembly.Module(core as BufferSource);
    instance = instantiate(module, memory === null ? {} : { memory });
    crew =
      options.control === null
        ? soloCrew()
        : sharedCrew(new Int32Array(options.control), options.index, options.workers);
    leader = options.index === 0;
  },
  reserve(bytes) {
    return started().memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes;
  },
  write(address, bytes) {
    new Uint8Array(started().memory.buffer).set(bytes, address);
  },
  read(range) {
    const bytes = new Uint8Array(started().memory.buffer).slice(range.address, range.address + range.bytes);
    return transfer(bytes, [bytes.buffer]);
  },
  define(id, program) {
    programs.set(id, link(program, started().exports));
  },
  forget(ids) {
    for (const id of ids) programs.delete(id);
  },
  run(id, steps, reads) {
    const program = programs.get(id);
    if (program === undefined) throw new Error(`the worker has no program ${id}`);
    return execute(program, crew, leader, started().memory, steps, reads);
  },
  profile(program, steps) {
    return executeTimed(program, started(), crew, leader, steps);
  },
};

const parentPort = globalThis.process?.getBuiltinModule?.("node:worker_threads").parentPort;
if (parentPort) expose(api, nodeEndpoint(parentPort));
else expose(api);
