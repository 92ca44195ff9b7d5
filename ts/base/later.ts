/** Modules that are loaded when they are needed. */
import { ProxbitError } from "./errors.ts";

/**
 * The module that `load` imports.
 *
 * @throws ProxbitError "environment" where its file cannot be had. Engines name the file in the cause.
 */
export async function later<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProxbitError(
      "environment",
      `a script of proxbit, which this needs, cannot be loaded: ${reason}`,
      "Serve all files that the bundler wrote, and load the page anew: browsers ask for a script once. Or import proxbit/inference/inline, which is one file.",
      { cause },
    );
  }
}
