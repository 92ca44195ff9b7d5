/**
 * Mutation testing on a sample. It makes small faults in the sources, one at a time, and counts those that no test
 * notices.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { cargoMutants } from "./mutants/cargo.ts";
import { cargoRunner } from "./mutants/cargo-runner.ts";
import { draw, type Mutant } from "./mutants/mutant.ts";
import { run } from "./mutants/process.ts";
import { writeReport } from "./mutants/report.ts";
import { addResult, lastResults, readEquivalents, readRuns } from "./mutants/results.ts";
import { rooms } from "./mutants/rooms.ts";
import { makeSandbox } from "./mutants/sandbox.ts";
import { strykerMutants } from "./mutants/stryker.ts";
import { type Runner, vitestRunner } from "./mutants/vitest-runner.ts";

const USAGE = `usage: npm run mutants -- [OPTIONS]

  --seed N         which sample is drawn (default: 1)
  --count N        about how many mutants of ts/, and a fifth as many of crates/, because each of those takes a build; every
                   room in proportion, at least four of each (default: 280)
  --room PATTERN   draw and run only rooms that match, as "ts/nn", "kernels" or "crates/wasm"
  --workers N      how many mutants of ts/ are tested at a time (default: 2); those of crates/ are one more
  --patience N     a mutant may take N times as long as the sound code before it counts as stuck (default: 3)
  --again          only mutants of the committed results that survived and are not named equivalent
  --list           print the sample and the rooms, run nothing
  --report         write the tables of bench/results/mutants once more, run nothing

A run goes on where an earlier one was stopped: results are in bench/results/mutants/results.jsonl. Mutants of ts/ run
beside mutants of crates/. The tools are installed into .cache/ on the first run.`;

const root = join(import.meta.dirname, "..");
const say = (line: string): void => console.error(`mutants: ${line}`);

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "280" },
    room: { type: "string", default: "" },
    workers: { type: "string", default: "2" },
    patience: { type: "string", default: "3" },
    again: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [seed, count, patience] = [Number(values.seed), Number(values.count), Number(values.patience)];

const wanted = (room: string): boolean => new RegExp(values.room).test(room);

/** All mutants of the rooms that are wanted, and the sample of them. A tool that has nothing to list is not asked. */
async function list(): Promise<{ readonly all: readonly Mutant[]; readonly sample: readonly Mutant[] }> {
  const scripts = rooms.ts.some(wanted) ? await strykerMutants(root) : [];
  const crates = rooms.crates.some(wanted) ? await cargoMutants(root) : [];
  return { all: [...scripts, ...crates], sample: [...draw(scripts, seed, count), ...draw(crates, seed, count / 5)] };
}

/** The mutants to run now. */
function chosen(all: readonly Mutant[], sample: readonly Mutant[]): Mutant[] {
  const last = lastResults(readRuns(root));
  if (!values.again) return sample.filter(({ key, room }) => wanted(room) && !last.has(key));
  const equivalents = readEquivalents(root);
  const again = [...last.values()].filter(
    ({ key, room, outcome }) => outcome === "survived" && !(key in equivalents) && wanted(room),
  );
  const found = new Map(all.map((mutant) => [mutant.key, mutant]));
  for (const { key } of again) if (!found.has(key)) say(`${key} is gone: its line has changed`);
  return again.flatMap(({ key }) => found.get(key) ?? []);
}

/** The count of the sample's mutants that have not been run; null where only some rooms were listed. */
function openOf(sample: readonly Mutant[]): number | null {
  if (values.room !== "") return null;
  const last = lastResults(readRuns(root));
  return sample.filter(({ key }) => !last.has(key)).length;
}

/** Runs mutants one after the other until `queue` is empty, and keeps each result at once. */
async function runQueue(queue: Mutant[], name: string, make: (folder: string) => Runner): Promise<void> {
  if (queue.length === 0) return;
  const commit = (await run("git", ["rev-parse", "--short", "HEAD"], { cwd: root })).trim();
  const runner = make(await makeSandbox(root, name));
  try {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const begin = performance.now();
      const outcome = await runner.outcome(mutant);
      const seconds = (performance.now() - begin) / 1000;
      addResult(root, mutant, outcome, { seconds, seed, commit });
      const place = `${mutant.file}:${mutant.line} ${mutant.kind}`;
      say(`${name}, ${queue.length} to come: ${outcome.outcome} in ${seconds.toFixed(0)} s: ${place} ${outcome.by}`);
    }
  } finally {
    runner.close();
  }
}

// On the way out, all processes are ended too.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => process.exit(code));

if (values.help) {
  console.log(USAGE);
} else if (values.report) {
  writeReport(root, openOf((await list()).sample));
} else {
  const { all, sample } = await list();
  const mutants = chosen(all, sample);
  for (const [room, found] of Map.groupBy(mutants, ({ room }) => room)) {
    say(`${room}: ${found.length} of ${all.filter((mutant) => mutant.room === room).length}`);
  }
  if (values.list) {
    for (const { file, line, kind, original, replacement } of mutants) {
      console.log(JSON.stringify({ file, line, kind, original, replacement }));
    }
  } else {
    const isTypeScript = ({ file }: Mutant): boolean => file.endsWith(".ts");
    const queue = mutants.filter(isTypeScript);
    const lanes = Array.from({ length: Number(values.workers) }, (_, lane) =>
      runQueue(queue, `ts-${lane + 1}`, (folder) => vitestRunner(folder, patience, say)),
    );
    const rust = mutants.filter((mutant) => !isTypeScript(mutant));
    await Promise.all([...lanes, runQueue(rust, "rust", (folder) => cargoRunner(folder, patience, say))]);
    writeReport(root, openOf(sample));
  }
}
