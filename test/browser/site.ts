/** Pages as a user would ship them: bundled by `vite build` into a temporary folder and served over http. */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, createLogger, type Rolldown } from "vite";
import { fileInside, type Server, startServer } from "../../ts/chromium/server.ts";

const inference = fileURLToPath(new URL("../../ts/inference/index.ts", import.meta.url));
const pages = fileURLToPath(new URL("./pages", import.meta.url));

export interface Bundle {
  readonly folder: string;
  /** Ids of the modules in all chunks of the page itself, because workers are bundled apart. */
  readonly modules: readonly string[];
  /** Imports of its chunks from outside the bundle. */
  readonly externals: readonly string[];
  /** All scripts that were written, workers included, by the start of their names. */
  readonly scripts: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
  readonly remove: () => void;
}

/** Bundles the page `name`.html of the folder `root`. */
export async function bundle(name: string, root = pages): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), `proxbit-${name}-`));
  const warnings: string[] = [];
  const logger = createLogger("warn");
  logger.warn = (message) => warnings.push(message);
  logger.warnOnce = logger.warn;
  const result = await build({
    root,
    base: "./",
    // Examples import the package by its name.
    resolve: { alias: [{ find: /^proxbit\/inference$/, replacement: inference }] },
    configFile: false,
    customLogger: logger,
    logLevel: "warn",
    worker: { format: "es" },
    build: {
      outDir: folder,
      emptyOutDir: true,
      minify: false,
      rolldownOptions: { input: join(root, `${name}.html`) },
    },
  });
  if (!("output" in result)) throw new Error("vite gave no single bundle");
  const chunks = result.output.filter((part): part is Rolldown.OutputChunk => part.type === "chunk");
  const own = new Set(chunks.map((chunk) => chunk.fileName));
  return {
    folder,
    modules: chunks.flatMap((chunk) => chunk.moduleIds),
    externals: chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports].filter((id) => !own.has(id))),
    scripts: new Map(
      globSync("assets/*.js", { cwd: folder }).map((file) => [
        basename(file).replace(/-.*/, ""),
        readFileSync(join(folder, file), "utf8"),
      ]),
    ),
    warnings,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Serves `folder` on a free port of this machine. */
export function serve(folder: string, isolated: boolean): Promise<Server> {
  return startServer((path) => {
    const file = fileInside(folder, path);
    return file === undefined ? undefined : readFileSync(file);
  }, isolated);
}
