/** `npm run consumers`: the packed package in small projects, one for each runtime, browser, bundler and test runner. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { type Column, formatTable } from "../../ts/show/table.ts";
import { installAlone, installGroup, packPackage } from "./install.ts";
import { type Figures, NotInstalled, type Outcome, run, writeProject } from "./row.ts";
import { rows } from "./rows/index.ts";
import { reference } from "./rows/runtimes.ts";

interface Options {
  readonly fast?: boolean;
  readonly json?: boolean;
  readonly list?: boolean;
  readonly tarball?: string;
}

interface Finding {
  readonly name: string;
  readonly version: string;
  readonly inference: "same" | "differs" | "-";
  readonly training: "same" | "differs" | "-";
  readonly threads: string;
  readonly note: string;
  readonly seconds: number;
  readonly end: "passed" | "failed" | "not installed";
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Packs, and makes the figures that all rows are held to. */
async function makeReference(
  given: string | undefined,
): Promise<{ readonly tarball: string; readonly figures: Figures }> {
  const tarball = given === undefined ? await packPackage() : resolve(given);
  const group = await installAlone(tarball);
  try {
    const packages = readdirSync(join(group, "node_modules")).filter((name) => !name.startsWith("."));
    if (packages.length !== 1) throw new Error(`an installation brings ${packages.join(", ")}, not proxbit alone`);
    const folder = join(group, "project");
    // The first run has no model to load, so that it trains one.
    writeProject(folder, "");
    const { file } = JSON.parse(await run(process.execPath, ["first.mjs"], folder)) as Figures;
    writeProject(folder, file);
    const { logits, file: again } = await reference({ folder, group, tarball });
    if (logits === undefined || again !== file) throw new Error("two runs of one Node differ");
    return { tarball, figures: { logits, file } };
  } finally {
    rmSync(group, { recursive: true });
  }
}

const compare = (found: string | undefined, wanted: string): "same" | "differs" | "-" =>
  found === undefined ? "-" : found === wanted ? "same" : "differs";

async function visit(row: (typeof rows)[number], tarball: string, figures: Figures): Promise<Finding> {
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 1000);
  try {
    const group = await installGroup(row.group, tarball);
    const folder = join(group, "projects", row.name);
    const own = join(import.meta.dirname, "projects", row.project ?? row.name);
    writeProject(folder, figures.file, existsSync(own) ? own : undefined);
    const outcome: Outcome = await row.run({ folder, group, tarball });
    const inference = compare(outcome.logits, figures.logits);
    const training = compare(outcome.file, figures.file);
    const threads = [outcome.workers, outcome.variant].filter((fact) => fact !== undefined).join(", ");
    const end = inference === "differs" || training === "differs" ? "failed" : "passed";
    const { version, note = "" } = outcome;
    return { name: row.name, version, inference, training, threads, note, seconds: seconds(), end };
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    return {
      ...{ name: row.name, version: "-", inference: "-", training: "-", threads: "", note },
      ...{ seconds: seconds(), end: error instanceof NotInstalled ? "not installed" : "failed" },
    };
  }
}

async function consumers(names: readonly string[], options: Options): Promise<void> {
  const wanted = rows.filter(
    ({ name, fast = false }) =>
      (options.fast !== true || fast) && (names.length === 0 || names.some((start) => name.startsWith(start))),
  );
  if (options.list === true) {
    for (const { name } of wanted) console.log(name);
    return;
  }
  if (wanted.length === 0) throw new Error(`no row begins with ${names.join(", ")}; --list prints all`);
  const { tarball, figures } = await makeReference(options.tarball);
  const findings: Finding[] = [];
  for (const row of wanted) {
    if (options.json !== true) say(`== ${row.name}`);
    const finding = await visit(row, tarball, figures);
    findings.push(finding);
    if (options.json === true) console.log(JSON.stringify({ type: "row", ...finding }));
    else if (finding.end !== "passed") say(finding.note);
  }
  const [failed, missing] = (["failed", "not installed"] as const).map((end) =>
    findings.filter((finding) => finding.end === end).map(({ name }) => name),
  ) as [string[], string[]];
  if (options.json === true) {
    console.log(JSON.stringify({ type: "result", rows: findings.length, failed, notInstalled: missing }));
  } else console.log(summary(findings, failed, missing));
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function summary(findings: readonly Finding[], failed: readonly string[], missing: readonly string[]): string {
  const titles = ["row", "version", "inference", "training", "threads", "note"];
  const columns: Column[] = [...titles.map((title) => ({ title })), { title: "s", align: "right" }];
  const cells = findings.map(({ name, version, inference, training, threads, note, seconds }) => {
    const [first = ""] = note.split("\n");
    return [name, version, inference, training, threads, first.slice(0, 60), String(seconds)];
  });
  const passed = findings.length - failed.length - missing.length;
  const ends = [
    `${passed} of ${findings.length} rows passed`,
    ...(failed.length === 0 ? [] : [`failed: ${failed.join(", ")}`]),
    ...(missing.length === 0 ? [] : [`not installed here: ${missing.join(", ")}`]),
  ];
  return `${formatTable(columns, cells)}\n${ends.join("\n")}`;
}

await new Command("consumers")
  .description(
    "Installs the packed package in small projects. Each runs one model and trains one network. All must come to the logits " +
      "and the file of the Node that runs this, byte for byte. Packages go into .cache/consumers.",
  )
  .argument("[names...]", "rows, or the beginnings of their names")
  .option("--fast", "only the rows that npm test runs as well")
  .option("--list", "print the names of the rows")
  .option("--tarball <file>", "this package instead of dist/ as it is")
  .option("--json", "one JSON object a line, the last one the result")
  .addHelpText("after", "\nnpm run build && npm run consumers\nnpm run consumers -- vite webpack --json")
  .action(consumers)
  .parseAsync();
