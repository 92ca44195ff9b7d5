/** A worker of runtime-instantiate.test.ts: instantiates the kernels over the given memory and adds in its own part of it. */
import { parentPort, workerData } from "node:worker_threads";
import { kernelsOver } from "../ts/program/call.ts";
import { ready } from "../ts/program/exports.ts";
import { instantiate } from "../ts/runtime/instantiate.ts";

export interface ThreadReport {
  readonly stack: number;
  readonly storage: number;
}

interface Task {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly address: number;
  readonly index: number;
}

const { module, memory, address, index } = workerData as Task;
const k = kernelsOver<number>();
const { exports } = instantiate(module, { memory });
const part = address + 16 * index;
new Float32Array(memory.buffer, part, 4).fill(index);
if (ready(exports, k.add({ a: part, b: part, y: part, count: 4 }))() !== 0)
  throw new Error("add reported a bad number");
const globals = exports as unknown as Record<string, WebAssembly.Global>;
const report: ThreadReport = { stack: globals.__stack_pointer?.value, storage: globals.__tls_base?.value };
parentPort?.postMessage(report);
