/** The tables of bench/results/mutants, out of its results and of the verdicts on survivors. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { lastResults, type Result, readEquivalents, readRuns, resultsFolder } from "./results.ts";

const percent = (part: number, whole: number): string => (whole === 0 ? "" : `${((100 * part) / whole).toFixed(1)} %`);
const noticed = ({ outcome }: Result): boolean => outcome === "killed" || outcome === "timeout";
const code = (text: string): string => `\`${text.replaceAll("`", "'").replaceAll("|", "\\|") || " "}\``;
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

/** One room's line, or that of all together. */
function line(name: string, results: readonly Result[], runs: readonly Result[], equivalents: object): string[] {
  const viable = results.filter(({ outcome }) => outcome !== "unviable");
  const killed = viable.filter(noticed).length;
  const equivalent = viable.filter((result) => !noticed(result) && result.key in equivalents).length;
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0);
  return [
    name,
    ...[viable.length, killed, viable.length - killed - equivalent, equivalent].map(String),
    percent(killed, viable.length),
    percent(killed, viable.length - equivalent),
    String(results.length - viable.length),
    (seconds / 60).toFixed(0),
  ];
}

const HEAD = ["room", "mutants", "killed", "survived", "equivalent", "killed of all", "killed of those that differ"];

function place({ key, line, kind, original, replacement }: Result): string[] {
  return [`${key.split("#")[0]}:${line}`, kind, code(original), code(replacement)];
}

/**
 * Sentences on the sample, before and after tests were written for its survivors. The last counts the mutants still to
 * run.
 */
function summary(results: readonly Result[], mended: number, open: number | null): string {
  const viable = results.filter(({ outcome }) => outcome !== "unviable");
  const killed = viable.filter(noticed).length;
  const first = killed - mended;
  const at = `${first} of ${viable.length} mutants (${percent(first, viable.length)}) were killed by the tests as they were.`;
  const more = `${mended} more are killed by tests that were written for them, so that only the first figure is an estimate.`;
  const rest = open === null || open === 0 ? "" : ` ${open} mutants of the sample have not been run yet.`;
  return `${at} ${more}${rest}`;
}

export function writeReport(root: string, open: number | null): void {
  const runs = readRuns(root);
  const results = [...lastResults(runs).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const equivalents = readEquivalents(root);
  const rooms = [...Map.groupBy(results, ({ room }) => room)].sort(([a], [b]) => (a < b ? -1 : 1));
  const firsts = new Map(runs.toReversed().map((result) => [result.key, result]));
  const mended = results.filter((result) => noticed(result) && firsts.get(result.key)?.outcome === "survived");
  const unnoticed = results.filter(({ outcome }) => outcome === "survived");
  const stryker = JSON.parse(readFileSync(join(root, "scripts/mutants/stryker/package.json"), "utf8"));
  const version = stryker.dependencies["@stryker-mutator/instrumenter"];
  const text = `# Mutants

Small faults in the sources, one at a time: how many of a random sample does a test notice?

- Command: \`npm run mutants -- --seed ${runs[0]?.seed ?? 1}\`, then \`npm run mutants -- --again\`
- Mutants by Stryker's instrumenter ${version} in ts/, by cargo-mutants 27.1.0 in crates/; Node ${process.version}
- Commits: ${[...new Set(runs.map(({ commit }) => commit))].join(", ")}
- Machine: ${cpus()[0]?.model.trim() ?? ""}, ${cpus().length} cores, shared with other work while this ran

"Killed" means that a test failed or never ended. An equivalent mutant changes nothing that anybody can see. Mutants
that do not compile are no part of the figures. The minutes are those of all runs of a room's mutants.

${table(
  [...HEAD, "unviable", "minutes"],
  [
    ...rooms.map(([room, found]) =>
      line(
        room,
        found,
        runs.filter((run) => run.room === room),
        equivalents,
      ),
    ),
    line("all", results, runs, equivalents),
  ],
)}

${summary(results, mended.length, open)}

## Survivors

${table(["place", "kind", "code", "mutant"], unnoticed.filter(({ key }) => !(key in equivalents)).map(place))}

## Equivalent

${table(
  ["place", "kind", "code", "mutant", "why nobody can tell"],
  unnoticed.filter(({ key }) => key in equivalents).map((result) => [...place(result), equivalents[result.key] ?? ""]),
)}

## Mended

${table(
  ["place", "kind", "code", "mutant", "killed by"],
  mended.map((result) => [...place(result), result.by.replaceAll("|", "\\|")]),
)}
`;
  writeFileSync(join(resultsFolder(root), "README.md"), text);
}
