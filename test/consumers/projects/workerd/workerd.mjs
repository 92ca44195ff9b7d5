/** Runs worker.js in Cloudflare's runtime, bundled as its own tools do it: the .wasm file is a module of the deployment. */
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
import { build } from "rolldown";

const core = import.meta.resolve("proxbit/wasm/plain.wasm");
const { output } = await build({
  input: "worker.js",
  external: ["core.wasm"],
  output: { codeSplitting: false },
  write: false,
});
const miniflare = new Miniflare({
  modules: [
    { type: "ESModule", path: "worker.js", contents: output[0].code },
    { type: "CompiledWasm", path: "core.wasm", contents: readFileSync(new URL(core)) },
  ],
  compatibilityDate: "2026-01-01",
});
try {
  const response = await miniflare.dispatchFetch("http://localhost/");
  console.log(await response.text());
} finally {
  await miniflare.dispose();
}
