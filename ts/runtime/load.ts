/** The compiled kernels of training and inference, from the files of the package where the caller gives no others. */
import { compileCore } from "./compile-core.ts";
import { fullCores } from "./full-cores.ts";
import type { CoreSource } from "./source.ts";
import type { Variant } from "./variants.ts";

export interface LoadOptions {
  /** The core that `variant` names, instead of the file that comes with the package. */
  readonly source?: CoreSource | undefined;
}

/**
 * The compiled module of a variant. The files of the package are compiled once per process (or worker).
 *
 * @throws ProxbitError "environment" where the file cannot be read or compiled.
 */
export const loadModule = (variant: Variant, options: LoadOptions = {}): Promise<WebAssembly.Module> =>
  compileCore(variant, options.source ?? fullCores);
