/** Pages as a user would ship them: bundled by `vite build` into a temporary folder and served over http. */
import { createReadStream, globSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, createLogger, type Rolldown } from "vite";

const pages = fileURLToPath(new URL("./pages", import.meta.url));

export interface Bundle {
  readonly folder: string;
  /** What it was bundled from: ids of modules, in all chunks of the page itself (workers are bundled apart). */
  readonly modules: readonly string[];
  /** What its chunks import from outside the bundle. */
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

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** What makes a page cross-origin isolated, so that it may share memory. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export interface Server {
  readonly address: string;
  readonly close: () => Promise<void>;
}

/** Serves `folder` on a free port of this machine. */
export async function serve(folder: string, isolated: boolean): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(join(folder, new URL(request.url ?? "/", "http://localhost").pathname));
    const known = path.startsWith(folder + sep) && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
    const type = types[extname(path)] ?? "application/octet-stream";
    response.writeHead(known ? 200 : 404, { "Content-Type": type, ...(isolated ? isolation : {}) });
    if (known) createReadStream(path).pipe(response);
    else response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
