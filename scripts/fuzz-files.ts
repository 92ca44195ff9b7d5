/**
 * Fuzzing of every kind of file that is read: sound files with small faults. A mutant must be read or be refused with a
 * typed error, within two seconds, and must not be taken for what it is not.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { formatTable, grouped } from "../ts/show/table.ts";
import { fuzz, type Tally } from "./fuzzing/target.ts";
import { withTargets } from "./fuzzing/targets.ts";

const USAGE = `usage: npm run fuzz -- files [OPTIONS]

  --count N        mutants of each kind of file (default: 10000); content of checkpoints a tenth
  --seed N         which mutants are drawn (default: 1)
  --only PATTERN   only kinds of files whose name matches, as "model" or "PNG"
  --json           the tallies as JSON lines
  --write          keep the table in bench/results/fuzz.md

A fault is named by the kind of file, the seed and the number of the mutant, so that it can be made again.`;

/** A mutant that no progress follows for so long has caught the reader in a circle. */
const STUCK_MS = 60_000;

interface Given {
  readonly seed: number;
  readonly count: number;
  readonly only: string;
  /** The number of the mutant in work, for the watcher. */
  readonly at: SharedArrayBuffer;
}

interface Line extends Tally {
  readonly name: string;
  readonly seconds: number;
}

/** Fuzzes in this thread, and posts a line for each kind of file. */
async function work({ seed, count, only, at }: Given, post: (line: Line) => void): Promise<void> {
  const current = new Int32Array(at);
  await withTargets(async (targets) => {
    for (const target of targets.filter(({ name }) => new RegExp(only, "i").test(name))) {
      const began = performance.now();
      const onMutant = (number: number): void => void Atomics.store(current, 0, number);
      const mutants = Math.ceil(count / (target.oneIn ?? 1));
      const tally = await fuzz(target, { seed, count: mutants, now: () => performance.now(), onMutant });
      post({ name: target.name, ...tally, seconds: (performance.now() - began) / 1000 });
    }
  });
}

function tableOf(lines: readonly Line[]): string {
  const rows = lines.map(({ name, mutants, accepted, faults, slowest, seconds }) => [
    name,
    ...[mutants, accepted, mutants - accepted, faults.length].map(grouped),
    `${slowest.toFixed(0)} ms`,
    `${(seconds / 60).toFixed(1)} min`,
  ]);
  const right = (title: string) => ({ title, align: "right" as const });
  const titles = ["mutants", "read", "refused", "faults", "slowest", "time"].map(right);
  return formatTable([{ title: "file" }, ...titles], rows);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const { only, json, write } = values;
  const [seed, count] = [Number(values.seed), Number(values.count)];
  if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(count) || count < 1) {
    throw new Error("--seed and --count take whole numbers, --count one from 1 on");
  }
  const at = new SharedArrayBuffer(4);
  const lines: Line[] = [];
  const worker = new Worker(new URL(import.meta.url), { workerData: { seed, count, only, at } satisfies Given });
  const done = new Promise<void>((resolve, reject) => {
    worker.on("message", (line: Line) => {
      lines.push(line);
      if (json) console.log(JSON.stringify(line));
      else
        process.stderr.write(
          `${line.name}: ${grouped(line.mutants)} mutants in ${(line.seconds / 60).toFixed(1)} min\n`,
        );
      for (const { mutant, fault } of line.faults)
        console.error(`${line.name}, seed ${seed}, mutant ${mutant}: ${fault}`);
    });
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
  let [seen, since] = [-1, performance.now()];
  const watch = setInterval(() => {
    const now = Atomics.load(new Int32Array(at), 0);
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (performance.now() - since < STUCK_MS) return;
    console.error(`mutant ${now} of the kind after ${lines.at(-1)?.name ?? "none"}, seed ${seed}, never ends`);
    process.exit(1);
  }, 1000);
  await done.finally(() => clearInterval(watch));
  if (lines.length === 0) throw new Error(`no kind of file matches ${only}`);
  const table = tableOf(lines);
  if (!json) console.log(table);
  if (write) await writeFile(join(import.meta.dirname, "../bench/results/fuzz.md"), pageOf(table, { seed, count }));
  if (lines.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

const pageOf = (table: string, { seed, count }: { readonly seed: number; readonly count: number }): string =>
  `# Mutants of files

Sound files with one to four small faults, read as files of strangers are. A mutant is read or refused with a typed error.
A fault would be an untyped error, two seconds without an answer, or a file taken for what it is not.

\`\`\`sh
npm run fuzz -- files --count ${count} --seed ${seed} --write
\`\`\`

\`\`\`
${table}
\`\`\`
`;

if (isMainThread) await main();
else await work(workerData as Given, (line) => parentPort?.postMessage(line));
