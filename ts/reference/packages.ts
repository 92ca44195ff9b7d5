/** Packages that proxbit does not bring along: loaded where they are used, and asked for by name where they are missing. */
import { ProxbitError } from "../base/errors.ts";
import { systemCode } from "../io/node.ts";

const missing: readonly (string | undefined)[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];

/**
 * The import that `load` makes: `() => import("NAME")`, written out so that bundlers find it.
 *
 * @throws ProxbitError "environment" where the package `name` is missing or does not load.
 */
export async function loadPackage<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const why = missing.includes(systemCode(cause)) ? "is not installed" : `cannot be loaded: ${firstLine(cause)}`;
    throw new ProxbitError("environment", `the package ${name} ${why}`, `Install it: npm install ${name}`, { cause });
  }
}

/** The first line of an error's words. */
export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0] ?? "";
}
