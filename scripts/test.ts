/** `npm test` and `npm run test:quick` run these steps. Two cores run two at a time, more cores run more. */
import { availableParallelism } from "node:os";
import { runSteps, type Step } from "./steps.ts";

const code: readonly Step[] = [
  { name: "lint", command: "biome check ." },
  { name: "types", command: "tsc --noEmit" },
  { name: "format", command: "cargo fmt --all --check" },
];

const full: readonly Step[] = [
  ...code,
  {
    name: "wasm",
    command:
      "scripts/build-wasm --variant plain --variant relaxed --variant inference-plain --variant inference-relaxed --variant small-plain --variant small-relaxed",
  },
  { name: "clippy", command: "cargo clippy --workspace --all-targets --quiet -- -D warnings" },
  // Cargo lets one command at a time into target/.
  { name: "rust", command: "cargo test --package proxbit-kernels", needs: ["clippy"] },
  {
    name: "wasm, shared",
    command:
      "scripts/build-wasm --variant plain-shared --variant relaxed-shared --variant inference-plain-shared --variant inference-relaxed-shared",
  },
  { name: "dist", command: "tsx scripts/build-js.ts", needs: ["wasm", "wasm, shared"] },
  { name: "consumers", command: "node test/consumers/main.ts --fast", needs: ["dist"] },
  { name: "vitest", command: "vitest run", needs: ["dist"], live: true },
];

const quick: readonly Step[] = [
  ...code,
  { name: "wasm", command: "scripts/build-wasm" },
  { name: "rust", command: "cargo test --package proxbit-kernels" },
  { name: "vitest", command: "vitest run --mode quick", needs: ["wasm"], live: true },
];

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const controller = new AbortController();
let interrupted: number | undefined;
for (const [name, status] of Object.entries(exitCodes)) {
  process.on(name, () => {
    interrupted ??= status;
    controller.abort();
  });
}

const began = performance.now();
const failed = await runSteps(process.argv.includes("--quick") ? quick : full, {
  cores: availableParallelism(),
  write: (text) => void process.stdout.write(text),
  signal: controller.signal,
});
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
process.stdout.write(`== ${failed === 0 ? "all passed" : "not passed"}, ${minutes} minutes\n`);
process.exitCode = interrupted ?? failed;
