import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { slowFiles } from "./test/slow.ts";

/** Slow files start first, so that no core waits for the last of them. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = slowFiles.findIndex((name) => moduleId.endsWith(name));
      return found === -1 ? slowFiles.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

const entry = (path: string): string => new URL(`ts/${path}/index.ts`, import.meta.url).pathname;

// `vitest run --mode quick` leaves out the slow files.
export default defineConfig(({ mode }) => ({
  // Examples import the package by its name.
  resolve: {
    alias: [
      { find: /^proxbit$/, replacement: entry(".") },
      { find: /^proxbit\/data$/, replacement: entry("data") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/global-setup.ts",
    exclude: mode === "quick" ? [...slowFiles] : [],
    sequence: { sequencer: SlowFirst },
    // One more than cores: tests that wait for processes, pages and timers leave a fifth of them idle.
    maxWorkers: availableParallelism() + 1,
    // Limits for what hangs: nothing is timed, and other files run beside.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
}));
