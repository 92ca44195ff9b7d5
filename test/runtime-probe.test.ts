/** The start-up probe: what it concludes from the processor's NaN, and from the race where that says nothing. */
import { describe, expect, test } from "vitest";
import type { KernelExports } from "../ts/program/exports.ts";
import { instantiate, type KernelInstance } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import { BINARY_KERNELS, choose, probe } from "../ts/runtime/probe.ts";

/** An instance on a processor whose new NaN has these bits. */
async function onProcessor(nan: number): Promise<KernelInstance> {
  const { exports, memory } = instantiate(await loadModule("relaxed"));
  const add = (_a: number, _b: number, sum: number): number => {
    new DataView(memory.buffer).setUint32(sum, nan, true);
    return 0;
  };
  return { memory, exports: { ...exports, add } as KernelExports };
}

describe("the probe", () => {
  test("takes the look-up kernel on x86, without a race", async () => {
    expect(choose(await onProcessor(0xffc00000))).toEqual({ kernel: "lookup", microseconds: null });
  });

  test("lets the kernels race elsewhere, and takes the fastest", async () => {
    const { kernel, microseconds } = choose(await onProcessor(0x7fc00000));
    const times = microseconds as Readonly<Record<string, number>>;
    expect(Object.keys(times)).toEqual([...BINARY_KERNELS]);
    expect(times[kernel]).toBe(Math.min(...Object.values(times)));
    expect(Math.min(...Object.values(times))).toBeGreaterThan(0);
  });

  test("knows this processor", async () => {
    const { microseconds } = choose(instantiate(await loadModule("plain")));
    expect(microseconds === null).toBe(process.arch === "x64" || process.arch === "ia32");
  });

  test("is asked once for each build of the core", async () => {
    const [plain, relaxed] = await Promise.all(
      (["plain", "relaxed"] as const).map(async (variant) => {
        const instance = instantiate(await loadModule(variant));
        const first = probe(variant, instance);
        expect(probe(variant, instance)).toBe(first);
        return first;
      }),
    );
    expect(plain).not.toBe(relaxed);
  });
});
