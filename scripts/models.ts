/** `npm run models`: trains recipes and their float twins, and keeps their packed files and cards under models/. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readFile, rename, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { recipes } from "../ts/cli/recipes.ts";
import { removeCheckpoint } from "../ts/io/checkpoint-store.ts";
import { writeFileAtomic } from "../ts/io/write.ts";
import { LANES } from "../ts/train/plan/plan.ts";
import { cardOf, pictureOf } from "./models/card.ts";
import { listingOf } from "./models/listing.ts";
import {
  type Line,
  lineOf,
  readRecord,
  resultOf,
  type Twin,
  twins,
  withLine,
  withTwinOf,
  writeRecord,
} from "./models/record.ts";

const USAGE = `usage: npm run models -- [NAME...] [OPTIONS]

Trains recipes (${Object.keys(recipes).join(", ")}; default: all), binary and in float, and writes models/NAME.safetensors, its card
models/NAME.md, the picture NAME.svg and the record of every epoch NAME.jsonl. Runs that have ended are not made again.

  --hours N       leave what is not done after N hours; the same command goes on from there, within an epoch
  --only TWIN     binary or float (default: both)
  --epochs N      of the float twin (default: the recipe's)
  --workers N     threads (default: all cores)
  --data-dir DIR  directory of the data set's files (default: where its package puts them)
  --cards         train nothing: write cards and pictures anew, of the records

Ctrl-C leaves in the same way as --hours. Options of Node in front, such as --experimental-wasm-revectorize, are those of the runs.`;

const MODELS = join(import.meta.dirname, "../models");
/** The files that a run needs until it has ended. */
const UNDERWAY = join(import.meta.dirname, "../out/models");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hours: { type: "string" },
    only: { type: "string", default: twins.join(",") },
    epochs: { type: "string" },
    workers: { type: "string" },
    "data-dir": { type: "string" },
    cards: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const packedOf = (name: string): string => join(MODELS, `${name}.safetensors`);

const recordUnderway = (name: string): string => join(UNDERWAY, `${name}.jsonl`);
const recordKept = (name: string): string => join(MODELS, `${name}.jsonl`);

/** The recipe that `name` starts from; undefined for random weights. */
const fromOf = (name: string): string | undefined => recipes[name]?.from;

/** The record of a recipe stands with its runs until the binary one has ended. */
const recordOf = async (name: string): Promise<string> =>
  (await exists(recordKept(name))) ? recordKept(name) : recordUnderway(name);

/** The record of a recipe, and the float twin of the recipe that it starts from. */
async function readBoth(name: string): Promise<readonly Line[]> {
  const [own, from] = [await readRecord(await recordOf(name)), fromOf(name)];
  return from === undefined ? own : withTwinOf(own, await readRecord(await recordOf(from)));
}

/** Brings a binary run that has ended to models/: the packed file, and then the record, so that it can be done again. */
async function keep(name: string): Promise<void> {
  if (resultOf(await readRecord(recordUnderway(name)), "binary") === undefined) return;
  await copyFile(join(UNDERWAY, `${name}-binary.safetensors`), packedOf(name));
  await rename(recordUnderway(name), recordKept(name));
}

/** Writes card and picture of a record whose binary run has ended. */
async function writeCard(name: string): Promise<void> {
  const lines = await readBoth(name);
  const recipe = recipes[name];
  if (recipe === undefined || resultOf(lines, "binary") === undefined) return;
  const bytes = await readFile(packedOf(name));
  await writeFileAtomic(join(MODELS, `${name}.md`), cardOf(name, recipe, lines, bytes));
  await writeFileAtomic(join(MODELS, `${name}.svg`), pictureOf(name, lines));
}

/** Writes the page that lists what is kept. */
async function writeListing(): Promise<void> {
  const kept = await Promise.all(Object.keys(recipes).map(async (name) => [name, await readBoth(name)] as const));
  await writeFileAtomic(join(MODELS, "README.md"), listingOf(new Map(kept)));
}

/** Trains what is left of a twin. Returns false where the run was left. */
async function train(name: string, twin: Twin, signal: AbortSignal): Promise<boolean> {
  const { from, teacher } = recipes[name] ?? {};
  const record = await recordOf(name);
  if (resultOf(await readRecord(record), twin) !== undefined) return true;
  const base = join(UNDERWAY, `${name}-${twin}`);
  const checkpoint = `${base}.checkpoint`;
  const { epochs, "data-dir": place } = values;
  const workers = values.workers === undefined ? Math.min(availableParallelism(), LANES) : Number(values.workers);
  const main = join(import.meta.dirname, "../ts/cli/main.ts");
  const call = [
    ...process.execArgv,
    ...[main, "recipe", name, "--json", "--out", `${base}.safetensors`, "--checkpoint", checkpoint],
    ...((await exists(checkpoint)) ? ["--resume"] : []),
    ...["--workers", String(workers)],
    ...(place === undefined ? [] : ["--data-dir", place]),
    ...(twin === "float" ? ["--float", ...(epochs === undefined ? [] : ["--epochs", epochs])] : []),
    ...(from === undefined ? [] : ["--from", packedOf(from)]),
    ...(teacher === undefined || twin === "float" ? [] : ["--teacher", packedOf(teacher)]),
  ];
  const child = spawn(process.execPath, call, { stdio: ["ignore", "pipe", "inherit"] });
  const leave = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", leave, { once: true });
  const closed = once(child, "close");
  for await (const text of createInterface({ input: child.stdout })) {
    const line = lineOf(text, twin, workers);
    if (line !== null) await writeRecord(record, withLine(await readRecord(record), line));
  }
  const [code] = await closed;
  signal.removeEventListener("abort", leave);
  if (signal.aborted) return false;
  if (code !== 0) throw new Error(`${name} (${twin}) ended with exit code ${code}`);
  await removeCheckpoint(checkpoint);
  return true;
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const names = positionals.length === 0 ? Object.keys(recipes) : positionals;
  const unknown = names.find((name) => !Object.hasOwn(recipes, name));
  const asked = values.only.split(",");
  const chosen = twins.filter((twin) => asked.includes(twin));
  const hours = Number(values.hours ?? 1);
  if (unknown !== undefined || chosen.length !== asked.length || !(hours > 0)) {
    throw new Error(`${unknown ?? `--only ${values.only} --hours ${values.hours}`} is not understood\n\n${USAGE}`);
  }
  const leaving = new AbortController();
  process.once("SIGINT", () => leaving.abort());
  const late = values.hours === undefined ? [] : [AbortSignal.timeout(hours * 3_600_000)];
  const signal = AbortSignal.any([leaving.signal, ...late]);
  await Promise.all([MODELS, UNDERWAY].map((folder) => mkdir(folder, { recursive: true })));
  for (const twin of values.cards ? [] : chosen) {
    for (const name of names.filter((name) => twin === "binary" || fromOf(name) === undefined)) {
      if (signal.aborted) break;
      const isDone = await train(name, twin, signal);
      console.log(`${name}, ${twin}: ${isDone ? "trained" : "left; the same command goes on"}`);
      await keep(name);
      await writeCard(name);
      await writeListing();
    }
  }
  if (!values.cards) return;
  await Promise.all(names.map(writeCard));
  await writeListing();
}

await main();
