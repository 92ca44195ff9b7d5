/** esbuild, for pages. */
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

await build({ entryPoints: ["page.js"], bundle: true, format: "esm", outdir: "out" });
copyFileSync("page.html", "out/index.html");
