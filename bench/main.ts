/**
 * Runs the benchmarks one after the other, each in a process of its own so that none warms up another's engine.
 * Comparisons are only ever made inside one of them.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const BENCHMARKS = ["conv", "train"];
const USAGE = `usage: npm run bench -- [NAME...] [--quick] [--json]

  conv    binary convolutions against tfjs-backend-wasm (f32) and onnxruntime-web (uint8), one thread
  train   training the demo network with 1 and 2 workers

  --quick  fewer rounds        --json  one JSON object a line`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const unknown = positionals.find((name) => !BENCHMARKS.includes(name));
if (values.help || unknown !== undefined) {
  if (unknown !== undefined)
    console.error(`error: there is no benchmark "${unknown}"\n  Known: ${BENCHMARKS.join(", ")}.`);
  console.log(USAGE);
  process.exit(unknown === undefined ? 0 : 2);
}
for (const name of positionals.length > 0 ? positionals : BENCHMARKS) {
  const flags = [...(values.quick ? ["--quick"] : []), ...(values.json ? ["--json"] : [])];
  const script = join(import.meta.dirname, `${name}.ts`);
  const { status } = spawnSync(process.execPath, [script, ...flags], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
