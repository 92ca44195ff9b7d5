/**
 * Test files that keep a core busy for more than about ten seconds, slowest first. `npm test` starts with them, in this
 * order; `npm run test:quick` leaves them out.
 */
export const slowFiles: readonly string[] = [
  "test/browser/reference-webgl.test.ts",
  "test/browser/reference-webgpu.test.ts",
  "test/reference-node-webgpu.test.ts",
  "test/reference-node-wasm.test.ts",
  "test/browser/browser.test.ts",
  "test/golden/golden.test.ts",
  "test/cli-check.test.ts",
  "test/kernels/kernels.test.ts",
  "test/readme.test.ts",
  "test/browser/reference-backends.test.ts",
  "test/browser/reference-check.test.ts",
  "test/browser/reference-package.test.ts",
  "test/reference-backends.test.ts",
  "test/train-every-optimizer.test.ts",
  "test/cli-commands.test.ts",
  "test/reference-planted.test.ts",
  "test/cli-compare.test.ts",
  "test/cli-train.test.ts",
  "test/train-step.test.ts",
  "test/cli-arguments.test.ts",
  "test/inference-tasks.test.ts",
  "test/reference-check.test.ts",
  "test/flatten.test.ts",
  "test/bench.test.ts",
];
