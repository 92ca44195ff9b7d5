import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Limits for what hangs: nothing is timed, and other files run beside.
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
