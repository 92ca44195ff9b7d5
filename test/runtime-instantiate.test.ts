/** The four wasm builds: their exports, and threads that share a memory but neither stack nor thread-local storage. */
import { Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { kernelNames, kernelsOver } from "../ts/program/call.ts";
import { encodeConvShape } from "../ts/program/conv-shape.ts";
import { answer, ready } from "../ts/program/exports.ts";
import { fbFilterScratchBytes, fbInputScratchBytes } from "../ts/program/kernels.ts";
import { answers } from "../ts/program/training-kernels.ts";
import { createSharedMemory, instantiate, pageBytes, wantsSharedMemory } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import { canShareMemory, detectVariant, isShared, variants } from "../ts/runtime/variants.ts";
import fc from "./fast-check.ts";
import { convolutions } from "./kernels/arbitrary.ts";
import type { ThreadReport } from "./runtime-thread.ts";

const k = kernelsOver<number>();

describe.each(variants)("wasm variant %s", (variant) => {
  it("exports every kernel that TypeScript names", async () => {
    const module = await loadModule(variant);
    const functions = WebAssembly.Module.exports(module)
      .filter((entry) => entry.kind === "function" && !entry.name.startsWith("__"))
      .map((entry) => entry.name);
    expect(functions.sort()).toEqual([...kernelNames, ...answers].sort());
    expect(wantsSharedMemory(module)).toBe(isShared(variant));
  });

  it("computes in memory that it grows", async () => {
    const { exports, memory } = instantiate(await loadModule(variant));
    const address = memory.grow(1) * pageBytes;
    new Float32Array(memory.buffer, address, 5).set([1, 2, 3, 4, 5]);
    new Float32Array(memory.buffer, address + 32, 5).set([10, 20, 30, 40, 50]);
    expect(ready(exports, k.add({ a: address, b: address + 32, y: address + 64, count: 5 }))()).toBe(0);
    expect([...new Float32Array(memory.buffer, address + 64, 6)]).toEqual([11, 22, 33, 44, 55, 0]);
  });
});

it("sets aside the scratch that the core asks for", async () => {
  const { exports, memory } = instantiate(await loadModule("plain"));
  const address = memory.grow(1) * pageBytes;
  const check = fc.property(convolutions, fc.integer({ min: 1, max: 64 }), ({ shape }, factor) => {
    const larger = { ...shape, filters: factor * shape.filters, channels: factor * shape.channels };
    new Uint8Array(memory.buffer).set(encodeConvShape(larger), address);
    expect(fbFilterScratchBytes(larger)).toBe(answer(exports, "fb_filter_scratch_bytes", address));
    expect(fbInputScratchBytes(larger)).toBe(answer(exports, "fb_input_scratch_bytes", address));
  });
  fc.assert(check);
});

describe("threads over one memory", () => {
  it.each(["plain-shared", "relaxed-shared"] as const)("%s: own stack, own storage, common data", async (variant) => {
    const module = await loadModule(variant);
    const memory = createSharedMemory();
    const main = instantiate(module, { memory });
    const address = memory.grow(1) * pageBytes;
    const reports = await Promise.all([1, 2].map((index) => runThread({ module, memory, address, index })));
    const values = new Float32Array(memory.buffer, address, 12);
    expect([...values]).toEqual([0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4]);
    const places = [...reports, threadReport(main.exports)];
    expect(new Set(places.map((place) => place.stack)).size).toBe(3);
    expect(new Set(places.map((place) => place.storage)).size).toBe(3);
  });

  it("are refused a foreign memory by a variant with its own", async () => {
    const module = await loadModule("plain");
    expect(() => instantiate(module, { memory: createSharedMemory() })).toThrow("has a memory of its own");
  });
});

describe("choosing a variant", () => {
  it("takes shared memory and relaxed SIMD in this Node, and the unshared twin on request", async () => {
    expect(await canShareMemory()).toBe(true);
    expect(await detectVariant()).toBe("relaxed-shared");
    expect(await detectVariant({ shared: false })).toBe("relaxed");
    expect(await detectVariant({ variant: "plain" })).toBe("plain");
  });

  it("leaves no open ports behind, however often it is asked", async () => {
    await canShareMemory();
    const made = vi.fn();
    vi.stubGlobal(
      "MessageChannel",
      class extends MessageChannel {
        constructor() {
          super();
          made();
        }
      },
    );
    try {
      for (let i = 0; i < 3; i++) expect(await canShareMemory()).toBe(true);
    } finally {
      vi.unstubAllGlobals();
    }
    expect(made).not.toHaveBeenCalled();
  });

  it("loads a variant once, and compiles bytes that the caller brings", async () => {
    expect(await loadModule("plain")).toBe(await loadModule("plain"));
    await expect(loadModule("plain", { source: new Uint8Array([1, 2, 3]) })).rejects.toMatchObject({
      code: "environment",
    });
  });

  it("names a module that is not ours", async () => {
    const empty = await loadModule("plain", { source: new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) });
    expect(() => instantiate(empty)).toThrow("not a matching build");
  });
});

function threadReport(exports: object): ThreadReport {
  const { __stack_pointer: stack, __tls_base: storage } = exports as Record<string, WebAssembly.Global>;
  return { stack: stack?.value, storage: storage?.value };
}

function runThread(workerData: object): Promise<ThreadReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./runtime-thread.ts", import.meta.url), { workerData });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
