/**
 * Node's built-in modules, asked for at run time. A bundler sees no import, so a page can bundle every file that uses
 * this one. Without Node the answer is undefined, and the caller's error names another way.
 */
import { ProxbitError } from "../base/errors.ts";

export interface NodeModules {
  readonly files: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
  readonly module: typeof import("node:module");
  readonly os: typeof import("node:os");
}

/** Node's modules, or undefined in a browser. */
export function findNode(): NodeModules | undefined {
  const load = globalThis.process?.getBuiltinModule;
  if (load === undefined) return undefined;
  return {
    files: load("node:fs/promises"),
    path: load("node:path"),
    module: load("node:module"),
    os: load("node:os"),
  };
}

/** Node's modules; `what` needs them. @throws ProxbitError "environment" in a browser. */
export function requireNode(what: string, remedy: string): NodeModules {
  const node = findNode();
  if (node === undefined) throw new ProxbitError("environment", `${what} needs Node`, remedy);
  return node;
}

/** The code of a system error ("ENOENT", "EACCES" …), or undefined for any other value. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
