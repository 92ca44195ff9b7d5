/** The results of a run as files: a Markdown page and its picture. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chart } from "./chart.ts";
import type { Comparison, Finding } from "./finding.ts";
import { type Machine, machineLine } from "./machine.ts";
import { COLUMNS, cells, markdownTable } from "./text.ts";

export interface Run {
  /** The name of the files, without ending. */
  readonly name: string;
  readonly title: string;
  readonly about: string;
  /** The command as typed. */
  readonly command: string;
  readonly version: string;
  readonly machine: Machine;
  readonly findings: readonly Finding[];
}

const TIMES =
  "Times are medians over interleaved rounds, quartiles in brackets; a ratio above 1 means that we are faster.";

/** Writes `NAME.md` and its picture `NAME.svg` into `folder`; returns the page's path. */
export function writeResults(folder: string, run: Run): string {
  const { name, title, about, command, version, machine, findings } = run;
  const comparisons = findings.filter((finding): finding is Comparison => finding.type === "comparison");
  const tables = findings.flatMap((finding) =>
    finding.type === "table" ? [`## ${finding.title}\n\n${markdownTable(finding.columns, finding.rows)}`] : [],
  );
  const notes = findings.flatMap((finding) => (finding.type === "note" ? [`- ${finding.text}`] : []));
  const facts = [
    `- Command: \`${command}\``,
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Machine: ${machineLine(machine)}`,
    `- proxbit ${version}; versions of the peers stand in the table`,
  ];
  const pictures = findings.filter((finding) => finding.type === "picture");
  const page = [
    `# ${title}`,
    about,
    facts.join("\n"),
    ...(pictures.length > 0 && comparisons.length === 0 ? [] : [TIMES]),
    ...(pictures.length > 0 || comparisons.length > 0 ? [`![${pictures[0]?.title ?? title}](${name}.svg)`] : []),
    ...(comparisons.length === 0 ? [] : [markdownTable(COLUMNS, comparisons.map(cells))]),
    ...tables,
    ...(notes.length === 0 ? [] : [notes.join("\n")]),
  ].join("\n\n");
  mkdirSync(folder, { recursive: true });
  // A picture of the benchmark's own takes the place of that of the ratios.
  const drawn = pictures[0]?.svg ?? (comparisons.length > 0 ? chart(title, comparisons) : null);
  if (drawn !== null) writeFileSync(join(folder, `${name}.svg`), drawn);
  const path = join(folder, `${name}.md`);
  writeFileSync(path, `${page}\n`);
  return path;
}
