/**
 * Serves this package's own modules to a page, without a bundler. Modules of a clone have their types taken off; those
 * of `dist/` go out as they are. The modules of the packages that they name stand beside them. A page knows no names of
 * packages and a worker takes no import map, so imports name these addresses:
 *
 *   /proxbit/...         the folder that this module belongs to, ts/ or dist/
 *   /packages/NAME/...   the package NAME, where Node finds it from here
 *   /built-in.js         an empty module, in place of Node's own
 */
import { readFileSync } from "node:fs";
import nodeModule, { createRequire, isBuiltin } from "node:module";
import { dirname, extname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { fileInside } from "./server.ts";

const require = createRequire(import.meta.url);
const ownFolder = fileURLToPath(new URL("..", import.meta.url));
const ownExtension = extname(fileURLToPath(import.meta.url));

/** The address of a module of this package by its path without its end, such as "chromium/page". */
export function ownAddress(module: string): string {
  return `/proxbit/${module}${ownExtension}`;
}

const manifest = JSON.parse(readFileSync(join(ownFolder, "..", "package.json"), "utf8")) as {
  readonly peerDependencies: Readonly<Record<string, string>>;
};
const packages: ReadonlySet<string> = new Set([
  // In a clone. The built package brings them inside.
  ...["comlink", "fast-png", "fastest-levenshtein", "fflate", "jpeg-js", "wasm-feature-detect"],
  ...Object.keys(manifest.peerDependencies),
]);

/**
 * tfjs is served in single files, because its others come by the hundred. All share the core that is inside the first.
 */
const tfjs = "/packages/@tensorflow/tfjs/dist/tf.fesm.min.js";
const flat: Readonly<Record<string, string>> = {
  "@tensorflow/tfjs": tfjs,
  "@tensorflow/tfjs-core": tfjs,
  "@tensorflow/tfjs-backend-wasm": "/packages/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.fesm.min.js",
  "@tensorflow/tfjs-backend-webgpu": "/packages/@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.fesm.min.js",
};

const packagePattern = /^((?:@[^/]+\/)?[^/]+)(?:\/(.+))?$/;

/** The folder of a package that this one names, or undefined where it is not installed. */
function packageFolder(name: string): string | undefined {
  if (!packages.has(name)) return undefined;
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** The address of a module that an import names. A name of a module that is not served stays as it is. */
function addressOf(specifier: string): string {
  if (isBuiltin(specifier)) return "/built-in.js";
  if (flat[specifier] !== undefined) return flat[specifier];
  const [, name = "", path] = packagePattern.exec(specifier) ?? [];
  const folder = packageFolder(name);
  if (folder === undefined) return specifier;
  if (path !== undefined) return `/packages/${name}/${path}`;
  // The field by which bundlers find a package's ES modules.
  const { module, main } = require(join(folder, "package.json")) as {
    readonly module?: string;
    readonly main?: string;
  };
  return posix.join(`/packages/${name}`, module ?? main ?? "index.js");
}

/** `from "NAME"`, `import "NAME"`, `import("NAME")` and `import.meta.resolve("NAME")`; not of relative paths. */
const namePattern = /(\bfrom\s*|\bimport\s*\(?\s*|\bimport\.meta\.resolve\(\s*)(["'])([\w@][^"'\n]*)\2/g;

function withAddresses(source: string): string {
  return source.replace(namePattern, (_, before: string, quote: string, specifier: string) => {
    return `${before}${quote}${addressOf(specifier)}${quote}`;
  });
}

/**
 * Node warns once a process that the function is experimental. That is of no use to readers of numbers. Other runtimes
 * lack the function, so that an import by its name would end them. They run dist/, which needs it not.
 */
function withoutTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return nodeModule.stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function locate(path: string): string | undefined {
  if (path.startsWith("/proxbit/")) return fileInside(ownFolder, path.slice("/proxbit/".length));
  if (!path.startsWith("/packages/")) return undefined;
  const [, name = "", inner = ""] = packagePattern.exec(path.slice("/packages/".length)) ?? [];
  const folder = packageFolder(name);
  return folder === undefined ? undefined : fileInside(folder, inner);
}

/** The answer to an address: a module ready for the page, a .wasm file, or an empty page at "/". */
export function findModule(path: string): string | Uint8Array | undefined {
  if (path === "/") return '<!doctype html><title>proxbit</title><link rel="icon" href="data:,">';
  if (path === "/built-in.js") return "export default {};";
  const file = locate(path);
  switch (file === undefined ? undefined : extname(file)) {
    case ".ts":
      return withAddresses(withoutTypes(readFileSync(file as string, "utf8")));
    case ".js":
    case ".mjs":
      return withAddresses(readFileSync(file as string, "utf8"));
    case ".wasm":
      return readFileSync(file as string);
    default:
      return undefined;
  }
}
