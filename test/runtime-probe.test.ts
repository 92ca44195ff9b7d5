/** The start-up probe: its conclusion from the processor's NaN, and from the race where that says nothing. */
import { describe, expect, test, vi } from "vitest";
import type { KernelExports } from "../ts/program/exports.ts";
import { instantiate, type KernelInstance } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import { BINARY_KERNELS, type BinaryKernel, choose, probe } from "../ts/runtime/probe.ts";

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

  test("lets the real kernels race elsewhere", async () => {
    const { kernel, microseconds } = choose(await onProcessor(0x7fc00000));
    expect(BINARY_KERNELS).toContain(kernel);
    expect(Object.keys(microseconds ?? {})).toEqual([...BINARY_KERNELS]);
    for (const time of Object.values(microseconds ?? {})) expect(time).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  /** Twelve rounds of 9 milliseconds each, but for those in `others`. */
  const rounds = (others: Readonly<Record<number, number>>): readonly number[] =>
    Array.from({ length: 12 }, (_, round) => others[round] ?? 9);

  test.each<readonly [string, readonly (readonly number[])[], BinaryKernel, readonly number[]]>([
    ["the first", [rounds({ 0: 1 }), rounds({ 0: 2 }), rounds({ 0: 3 })], "lookup", [1000, 2000, 3000]],
    ["the second", [rounds({ 4: 3 }), rounds({ 5: 1 }), rounds({ 6: 2 })], "popcnt8", [3000, 1000, 2000]],
    // On the mean, and in any round but the last, it is the slowest.
    ["the last", [rounds({}), rounds({ 3: 8, 5: 8 }), [...new Array(11).fill(50), 7]], "popcnt64", [9000, 8000, 7000]],
    ["the first of equals", [rounds({ 11: 4 }), rounds({ 0: 4 }), rounds({ 1: 5 })], "lookup", [4000, 4000, 5000]],
  ])("takes %s by its best of twelve rounds", async (_, times, kernel, best) => {
    const instance = await onProcessor(0x7fc00000);
    let now = 1000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    const called: BinaryKernel[] = [];
    const runs = (name: BinaryKernel, own: readonly number[]) => () => {
      now += own[called.filter((one) => one === name).length] ?? Number.NaN;
      called.push(name);
      return 0;
    };
    const [lookup = [], popcnt8 = [], popcnt64 = []] = times;
    const timed = {
      bb_lookup_conv_real: runs("lookup", lookup),
      bb_popcnt8_conv_real: runs("popcnt8", popcnt8),
      bb_popcnt64_conv_real: runs("popcnt64", popcnt64),
    };
    const result = choose({ ...instance, exports: { ...instance.exports, ...timed } });
    clock.mockRestore();
    const microseconds = Object.fromEntries(BINARY_KERNELS.map((name, index) => [name, best[index]]));
    expect(result).toEqual({ kernel, microseconds });
    expect(called).toEqual(Array.from({ length: 12 }, () => BINARY_KERNELS).flat());
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
