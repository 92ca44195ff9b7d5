/** esbuild with files beside the bundle: the core by its loader, and the workers' script as an entry of its own. */
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

const entryPoints = { page: "page.js", worker: "proxbit/worker" };
const options = { bundle: true, format: "esm", outdir: "out", loader: { ".wasm": "file" } };
await build({ ...options, entryPoints, external: ["node:*"] });
copyFileSync("page.html", "out/index.html");
