/** `npm run torture`: runs that are killed in every way, each of which must end in the bytes of a run that was not. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import { startChromium } from "../ts/chromium/chromium.ts";
import { writeFileAtomic } from "../ts/io/write.ts";
import { randomStream } from "../ts/nn/random.ts";
import { torturePage } from "./torture/page.ts";
import { type Kind, kinds, PAUSE, runChild, type Trial, titles, tortureProcess } from "./torture/trials.ts";

const USAGE = `usage: npm run torture -- [OPTIONS]

Trains a small network, kills it in many ways, goes on from its checkpoint with other workers and another build of the core, and
compares the model file with that of a run which nobody disturbed.

  --count N      trials, of all kinds in turn (default: 20)
  --seed N       which moments are drawn (default: 1); those of kills follow the clock too
  --only KINDS   kinds with commas between (default: all)
  --write        write the figures to bench/results/torture.md
  --json         one JSON object a line, the last one the result

${kinds.map((kind) => `  ${kind.padEnd(8)}${titles[kind]}`).join("\n")}

The exit code is 1 where a trial ended in other bytes.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: kinds.join(",") },
    write: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** The whole run: its bytes, the time between its first step and its end, and the number of its steps. */
async function wholeRun() {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-torture-"));
  try {
    const out = join(folder, "model.safetensors");
    const order = { out, checkpoint: join(folder, "run.ckpt"), every: 1e6, pause: PAUSE };
    const { code, stderr, milliseconds } = await runChild(
      { ...order, fault: { kind: "none" }, setting: { workers: 1, variant: undefined } },
      null,
    );
    if (code !== 0) throw new Error(`the run fails by itself: ${stderr}`);
    return { bytes: new Uint8Array(await readFile(out)), milliseconds, steps: 120 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function torture(): Promise<void> {
  const chosen = values.only.split(",").map((word): Kind => {
    const found = kinds.find((kind) => kind === word.trim());
    if (found === undefined) throw new Error(`there is no kind "${word}"; the kinds are ${kinds.join(", ")}`);
    return found;
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  const whole = await wholeRun();
  const trials: Trial[] = [];
  let browser: Browser | undefined;
  try {
    for (let index = 0; index < count; index++) {
      const kind = chosen[index % chosen.length] as Kind;
      const random = randomStream(seed, `torture/${index}`);
      if (kind === "page") browser ??= await startChromium("none");
      const trial =
        kind === "page"
          ? await torturePage(browser as Browser, random, whole)
          : await tortureProcess(kind, random, whole);
      trials.push(trial);
      const { isSame, runs, ends, why } = trial;
      if (values.json) console.log(JSON.stringify({ type: "trial", number: index + 1, ...trial }));
      else
        console.log(
          `${index + 1}/${count} ${kind}: ${isSame ? "same bytes" : why} in ${runs} runs (${ends.join(", ")})`,
        );
    }
  } finally {
    await browser?.close();
  }
  const same = trials.filter(({ isSame }) => isSame).length;
  if (values.json) console.log(JSON.stringify({ type: "result", trials: trials.length, same }));
  else console.log(`${same} of ${trials.length} ended in the same bytes`);
  if (values.write) await writeFileAtomic("bench/results/torture.md", pageOf(trials, chosen));
  if (same < trials.length) process.exitCode = 1;
}

function pageOf(trials: readonly Trial[], chosen: readonly Kind[]): string {
  const rows = chosen.map((kind) => {
    const own = trials.filter((trial) => trial.kind === kind);
    const runs = own.reduce((sum, trial) => sum + trial.runs, 0);
    return `| ${titles[kind]} | ${own.filter(({ isSame }) => isSame).length} of ${own.length} | ${runs} |`;
  });
  const same = trials.filter(({ isSame }) => isSame).length;
  return `# A run that cannot be lost

\`npm run torture -- --count ${values.count} --seed ${values.seed} --write\` wrote this page, with Node ${process.version} on
${cpus().length} cores. Each trial trains a small network, is ended early, and goes on from its checkpoint with one to three
workers, and with another build of the core. It must end in the bytes of a run that nobody disturbed.

**${same} of ${trials.length}** ended in the same bytes.

| what happens | same bytes | processes or tabs |
|---|---|---|
${rows.join("\n")}
`;
}

if (values.help) console.log(USAGE);
else await torture();
