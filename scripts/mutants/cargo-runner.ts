/**
 * Runs one mutant of crates/ after another. It runs on the host, or in WebAssembly where the host's tests cannot see
 * it.
 */
import type { Mutant } from "./mutant.ts";
import { type Ended, outcomeOf } from "./process.ts";
import type { Outcome } from "./results.ts";
import { within } from "./sandbox.ts";
import type { Runner } from "./vitest-runner.ts";

/** A mutant may take `patience` times as long as the sound code, and so many seconds more. */
const SPARE = 60;

type Check = (seconds?: number) => Promise<Ended>;

/** The lines by which cargo and vitest name a failed test. */
const failed = (output: string): string =>
  /^test (.*) \.\.\. FAILED$/m.exec(output)?.[1] ?? /FAIL {2}(.*)$/m.exec(output)?.[1] ?? "the tests failed";

export function cargoRunner(folder: string, patience: number, log: (line: string) => void): Runner {
  const check =
    (command: string, ...args: string[]): Check =>
    (seconds) =>
      outcomeOf(command, args, seconds === undefined ? { cwd: folder } : { cwd: folder, seconds });
  const host = {
    build: check("cargo", "test", "-p", "proxbit-kernels", "--lib", "--no-run"),
    test: check("cargo", "test", "-p", "proxbit-kernels", "--lib"),
  };
  const wasm = {
    build: check(
      "scripts/build-wasm",
      "--variant",
      "plain",
      "--variant",
      "inference-plain",
      "--variant",
      "small-plain",
    ),
    test: check("npx", "vitest", "run", "test/kernels", "-t", "kernels, plain", "--testTimeout=3600000"),
  };
  const limits = new Map<Check, number>();

  async function limitOf({ build, test }: typeof host): Promise<number> {
    const known = limits.get(test);
    if (known !== undefined) return known;
    await build();
    const begin = performance.now();
    const { code, output } = await test();
    if (code !== 0) throw new Error(`tests fail without a mutant:\n${output.slice(-4000)}`);
    const seconds = (performance.now() - begin) / 1000;
    log(`${test === host.test ? "the host's tests" : "the tests of the plain build"}: ${seconds.toFixed(0)} s`);
    const limit = patience * seconds + SPARE;
    limits.set(test, limit);
    return limit;
  }

  async function outcome(mutant: Mutant): Promise<Outcome> {
    const side = mutant.room === "crates/wasm" ? wasm : host;
    const limit = await limitOf(side);
    return within(folder, mutant, async () => {
      if ((await side.build()).code !== 0) return { outcome: "unviable", by: "" };
      const { code, output } = await side.test(limit);
      if (code === null) return { outcome: "timeout", by: "" };
      return code === 0 ? { outcome: "survived", by: "" } : { outcome: "killed", by: failed(output) };
    });
  }

  return { outcome, close: () => {} };
}
