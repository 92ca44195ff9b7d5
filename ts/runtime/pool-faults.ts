/** The errors of a pool: what the engine refused, and the next smaller thing that helps. */
import { ProxbitError } from "../base/errors.ts";
import { mebibytesOf } from "./instantiate.ts";
import { isShared, type Variant } from "./variants.ts";

/** A core whose memory is of the other kind than that of the variant. */
export function otherMemory(variant: Variant): ProxbitError {
  const [given, wanted] = isShared(variant) ? ["of its own", "that is shared"] : ["that is shared", "of its own"];
  return new ProxbitError(
    "argument",
    `\`source\` is a core with memory ${given}, and the variant "${variant}" has memory ${wanted}`,
    "Give `source` as a function, which is told the variant, or name the variant of that core.",
  );
}

/** @throws ProxbitError "argument" where the core lacks one of `kernels`. */
export function checkKernels(module: WebAssembly.Module, kernels: readonly string[]): void {
  const exported = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  const lacking = kernels.filter((kernel) => !exported.has(kernel));
  if (lacking.length === 0) return;
  throw new ProxbitError(
    "argument",
    `\`source\` is a core that only runs packed models, or that of another version; it lacks ${lacking.join(", ")}`,
    "To train, give the file proxbit/wasm/NAME.wasm without inference- or small- in its name.",
  );
}

/** An engine's refusal to post something to a worker. */
export const isCloneFault = (error: unknown): boolean =>
  error instanceof Error && (error.name === "DataCloneError" || isCloneFault(error.cause));

/** A lack of memory is the caller's to mend. Any other error of a worker is ours and stays as it is. */
export function asKnownError(error: unknown, memory: WebAssembly.Memory | null): Error {
  if (error instanceof ProxbitError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // Not "memory access out of bounds", which is a fault of ours.
  if (/grow|allocation|out of memory/i.test(message)) return noMemory(message, memory, error);
  if (isCloneFault(error)) {
    const fault = `this runtime does not hand the core or its memory to workers: ${message}`;
    const other = memory === null ? "" : 'Give variant: "plain" for one worker with a memory of its own. ';
    const remedy = `${other}Packed models run without workers, by \`load\`.`;
    return new ProxbitError("environment", fault, remedy, { cause: error });
  }
  return error instanceof Error ? error : new Error(message, { cause: error });
}

/** A shared memory grows to what the engine let us reserve. One of a worker's own grows as far as there is any. */
function noMemory(message: string, memory: WebAssembly.Memory | null, cause: unknown): ProxbitError {
  const most = memory === null ? undefined : mebibytesOf(memory);
  if (most === undefined || most === 4096) {
    const remedy = "Use a smaller batch or a smaller network; the core can hold at most 4 GiB.";
    return new ProxbitError("environment", `there is not enough memory: ${message}`, remedy, { cause });
  }
  return new ProxbitError(
    "environment",
    `there is not enough memory: this engine lets threads share at most ${most} MiB (${message})`,
    'Use a smaller batch or a smaller network, or give variant: "plain", whose one worker has a memory of its own.',
    { cause },
  );
}
