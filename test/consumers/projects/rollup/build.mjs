/** Rollup with the plugin that finds packages. */
import { copyFileSync } from "node:fs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";

const bundle = await rollup({ input: "page.js", plugins: [nodeResolve({ browser: true })] });
await bundle.write({ dir: "out", format: "es" });
await bundle.close();
copyFileSync("page.html", "out/index.html");
