/**
 * The rooms that mutants are drawn from, and the tests that each room's mutants must pass. A room's tests are its
 * guarantee. So a mutant that survives them counts as survived, though a test elsewhere might notice it.
 */
import { basename } from "node:path";

const TRAIN = [
  "step",
  "step-quantizers",
  "step-optimizers",
  "step-differences",
  "fit",
  "flips",
  "programs",
  "questions",
  "clock",
  "every-optimizer",
  "optimizers",
  "statistics",
  "explain",
  "weights",
  "soft",
  "augment",
  "memory",
  "start-from",
  "run",
  "losses",
  "objectives",
  "loss-terms",
  "teacher",
  "metrics",
  "fitting",
  "average",
  "clipping",
  "decay",
  "frozen",
  "known",
  "data",
  "stream",
  "shared",
  "ops",
  "cost",
  "silent",
];

/** Tests of single operations, over all that read them. */
const OPERATIONS = [
  ...["channel-groups", "dilation", "depthwise", "concatenate", "multiply", "dropout", "functions", "permute"],
  ...[
    "reshape",
    "up-sampling2d",
    "zero-padding2d",
    "dense-tokens",
    "token-layers",
    "matmul",
    "attention",
    "elastic",
    "transformers",
  ],
];

/** The test files of each room of ts/, the closest and the quickest first. */
const tests: Readonly<Record<string, readonly string[]>> = {
  "ts/quantizers": [
    ...["schedule", "registry", "text", "maps", "compose", "decompose", "elementary"].map(
      (name) => `quantizers-${name}`,
    ),
    ...["theory-equivalence", "theory-convergence", "weights", "cli-theory", "train-step-quantizers"],
  ],
  "ts/nn": [
    ...["ops", "network", "shapes", "validate", "layers", "shared", "tasks", "summary", "random"].map(
      (name) => `nn-${name}`,
    ),
    ...["inference-session", "train-explain", "train-start-from", ...OPERATIONS],
  ],
  "ts/io": [
    ...["json", "safetensors", "codewords", "model-file", "write", "read", "imports"].map((name) => `io-${name}`),
    ...[
      "checkpoint-file",
      "checkpoint-calls",
      "checkpoint-lock",
      "checkpoint-hostile",
      "checkpoint-power",
      "inference-session",
      "cli-verify",
      "fuzz-files",
      "checkpoint-recovery",
    ],
  ],
  "ts/data": [
    ...["split", "idx", "datasets", "base-url", "download", "imports"].map((name) => `io-${name}`),
    ...["numbers", "make", "store", "place", "npz", "folder", "augmented"].map((name) => `data-${name}`),
    ...["train-data", "train-stream"],
  ],
  "ts/images": ["images", "inference-classify", "data-folder", "cli-photos"],
  "ts/runtime": [
    ...["runtime-instantiate", "runtime-probe", "runtime-barrier", "runtime-size", "runtime-source"],
    ...[
      "pool",
      "pool-threads",
      "closing",
      "refusals",
      "inference-session",
      "train-step",
      "determinism",
      "determinism-load",
      "train-fit",
    ],
  ],
  "ts/program": [
    ...["program-call", "pool", "inference-parts", "train-memory", "train-explain", "inference-session"],
    ...["inference", "train-step", "weights"],
  ],
  "ts/train": [
    ...TRAIN.map((name) => `train-${name}`),
    ...["determinism", "oracle-ops", ...OPERATIONS, "checkpoint-resume", "checkpoint-recovery", "checkpoint-pause"],
    "theory-training",
  ],
  "ts/inference": [
    "inference-parts",
    "inference-codewords",
    "inference-session",
    "inference-halves",
    "sign-weights",
    "inference",
    ...["inference-ops", "inference-outputs", "inference-ranks", "inference-alike", "flatten", "inference-wide"],
    ...["inference-bounds", "inference-classify", "inference-deep", ...OPERATIONS],
    "inference-tasks",
    "inference-parallel",
    "weights",
    "cli-commands",
  ],
  "ts/reference": [
    "reference-ops",
    "reference-losses",
    "reference-planted",
    "reference-check",
    "cli-check",
    "reference-backends",
    "golden/check",
  ],
  "ts/theory": ["theory-words", "theory-panels", "theory-course", "theory-picture", "cli-theory", "golden/texts"],
  "ts/methods": [
    ...[
      "methods",
      "methods-own",
      "methods-weights",
      "methods-gap",
      "methods-rbnn",
      "methods-cmim-bank",
      "methods-noisy",
      "methods-pste",
      "methods-qp-sbgd",
      "train-losses",
      "train-objectives",
      "checkpoint-resume",
    ],
    "cli-training",
  ],
  "ts/compare": ["compare", "compare-statistics", "compare-runs", "run-results", "cli-compare"],
  "ts/cli": [
    ...["parts", "progress", "training", "arguments", "commands", "theory", "train", "compare", "recipe", "check"].map(
      (name) => `cli-${name}`,
    ),
    ...["losses", "eval", "photos", "verify", "bounds", "training-options"].map((name) => `cli-${name}`),
    "golden/texts",
  ],
  "ts/chromium": ["browser/reference-backends", "browser/reference-check", "cli-parts", "browser/browser"],
  "ts/base": [
    "base-text",
    "inference-halves",
    "cli-parts",
    "io-json",
    "nn-validate",
    "nn-layers",
    "nn-ops",
    "quantizers-compose",
    "train-fit",
  ],
  "ts/show": ["cli-parts", "compare", "theory-panels", "nn-summary", "cli-theory", "train-explain"],
  "ts/*": [
    ...["cli-index", "io-imports", "cli-parts", "nn-summary", "nn-validate", "nn-layers", "quantizers-compose"],
    ...["train-explain", "inference-session", "compare", "cli-theory", "train-fit", "channel-groups", "junk"],
    ...["junk-loaders", "junk-sessions"],
  ],
};

/** Tests that are no room's: of the whole package or of scripts, in browsers, or on slow adapters. */
export const OUTSIDE: readonly RegExp[] = [
  /^(package|readme|release|release-edits|steps|examples|bench|bench-study|models|mutants|torture|file-names)$/,
  /^(golden\/(trained|compare)|kernels\/)/,
  /^browser\//,
  /^reference-node-/,
];

const kernels: readonly (readonly [room: string, files: RegExp])[] = [
  ["crates/wasm", /^crates\/wasm\/|\/simd\/.*wasm\.rs$/],
  ["kernels/gemm", /\/src\/gemm\//],
  ["kernels/conv", /\/src\/conv\//],
  ["kernels/bits", /\/src\/(bits|threshold|pool_bits)[./]/],
  ["kernels/simd", /\/src\/simd\//],
  ["kernels/*", /./],
];

/** The names of all rooms, by the tool that lists their mutants. */
export const rooms = { ts: Object.keys(tests), crates: kernels.map(([room]) => room) };

/** The room that a source file belongs to. */
export function roomOf(file: string): string {
  const [top, folder = "", ...rest] = file.split("/");
  if (top === "ts") return rest.length === 0 ? "ts/*" : `ts/${folder}`;
  return kernels.find(([, files]) => files.test(file))?.[0] ?? "";
}

const words = (name: string): string[] => basename(name, ".ts").split(/[-.]/);

/** The test files for a mutant in `file`: those that share a word with its name come first. */
export function testsOf(file: string): string[] {
  const own = new Set(words(file));
  const all = (tests[roomOf(file)] ?? []).map((name) => `test/${name}.test.ts`);
  const shares = (test: string): boolean => words(test).some((word) => own.has(word));
  return [...all.filter(shares), ...all.filter((test) => !shares(test))];
}
