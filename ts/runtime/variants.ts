/**
 * The builds of the kernels, and the one that this machine can run. A module with an instruction that an engine does
 * not know fails as a whole. So there are four variants. They have relaxed SIMD or not, and memory of their own or shared
 * memory for worker threads. Each is built for training, and smaller for inference alone. Two are
 * built once more, for the layers of most networks.
 */
import { relaxedSimd, simd, threads } from "wasm-feature-detect";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";

export const variants = ["plain", "relaxed", "plain-shared", "relaxed-shared"] as const;

/** A build of the kernels. */
export type Variant = (typeof variants)[number];

/** The folders below `ts/wasm`: every build of the whole core, of the one that only runs packed models, and of its small form. */
export const coreNames: readonly string[] = [
  ...variants,
  ...variants.map((variant) => `inference-${variant}`),
  ...["small-plain", "small-relaxed"],
];

export interface DetectOptions {
  /** True, the default, asks for worker threads. Without shared memory here, an unshared variant is the answer. */
  readonly shared?: boolean;
  /** This variant and no other: an error where the machine cannot run it. */
  readonly variant?: Variant;
}

/** True for a variant that imports a shared memory. */
export function isShared(variant: Variant): boolean {
  return variant.endsWith("-shared");
}

/** The engine's answer. It is asked once, because the question leaves two open ports behind. */
let hasThreads: Promise<boolean> | undefined;

/** True where threads can share memory. In browsers that takes a cross-origin-isolated page. */
export async function canShareMemory(): Promise<boolean> {
  if (typeof SharedArrayBuffer !== "function") return false;
  if ("crossOriginIsolated" in globalThis && !globalThis.crossOriginIsolated) return false;
  hasThreads ??= threads();
  return hasThreads;
}

/**
 * The best variant that this machine runs.
 *
 * @throws ProxbitError "environment" where WebAssembly SIMD is missing, or a need of the named `variant`.
 */
export async function detectVariant(options: DetectOptions = {}): Promise<Variant> {
  if (typeof WebAssembly !== "object" || !(await simd())) {
    throw new ProxbitError(
      "environment",
      "this JavaScript engine has no WebAssembly SIMD",
      "Use Node.js 20.16 or newer, Chrome 91, Firefox 89, Safari 16.4 or newer.",
    );
  }
  if (options.variant !== undefined) return checkVariant(options.variant);
  const base = (await relaxedSimd()) ? "relaxed" : "plain";
  return (options.shared ?? true) && (await canShareMemory()) ? `${base}-shared` : base;
}

async function checkVariant(variant: Variant): Promise<Variant> {
  if (!variants.includes(variant)) {
    throw new ProxbitError(
      "argument",
      `unknown wasm variant ${describe(variant)}`,
      `Use one of ${variants.join(", ")}.`,
    );
  }
  if (variant.startsWith("relaxed") && !(await relaxedSimd())) {
    throw new ProxbitError(
      "environment",
      `variant "${variant}" needs relaxed SIMD, which this JavaScript engine lacks`,
      "Leave the variant to detection, or use Node.js 22.18 or newer or Chrome 114 or newer.",
    );
  }
  if (isShared(variant) && !(await canShareMemory())) {
    throw new ProxbitError(
      "environment",
      `variant "${variant}" needs shared memory, which this page or engine does not allow`,
      "Serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.",
    );
  }
  return variant;
}
