/** A comparison as text: a table for the terminal, and files. The files are JSON, CSV (a line a run) and Markdown. */
import { clean, printable } from "../base/text.ts";
import { tasks } from "../nn/models/tasks.ts";
import { type Column, formatTable } from "../show/table.ts";
import { cellName, type Settings, taskText } from "./grid.ts";
import type { FinishedRun } from "./run-grid.ts";
import { LEVEL } from "./statistics.ts";
import type { Row } from "./summary.ts";
import {
  accuracyCells,
  baselineOf,
  type Cells,
  findings,
  pairCells,
  pairFindings,
  ranked,
  softCells,
  tablesOf,
} from "./tables.ts";

const aligned = ({ titles, rows }: Cells): string => {
  const words = ["quantizer", "task", "method"];
  const columns = titles.map((title): Column => ({ title, align: words.includes(title) ? "left" : "right" }));
  return formatTable(columns, rows);
};

/** The tables for the terminal: what is shipped, and below it the soft networks, where there were some. */
export function comparisonTable(rows: readonly Row[]): string {
  const inOrder = ranked(rows);
  const soft = softCells(inOrder);
  const table = aligned(accuracyCells(inOrder, { withTask: true, withStatistics: false }));
  return soft === null ? table : `${table}\n\n${aligned(soft)}`;
}

/** A cell's text with nothing in it that ends the cell, or begins an element or a link. */
const markdownCell = (text: string): string => printable(text).replace(/[\\|<[`]/g, "\\$&");

const markdownLine = (cells: readonly string[]): string => `| ${cells.map(markdownCell).join(" | ")} |`;

const markdownTable = ({ titles, rows }: Cells): string =>
  [markdownLine(titles), markdownLine(titles.map(() => "---")), ...rows.map(markdownLine)].join("\n");

/** "adam, learning rate 0.001 falling to 0 (cosine)". */
const optimizerText = ({ name, learningRate, decay }: Settings["optimizer"]): string =>
  `${name}, learning rate ${learningRate}${decay === "none" ? "" : ` falling ${decay === "step" ? "by steps" : `to 0 (${decay})`}`}`;

/** "mirrored, moved by up to 2 pixels". */
const viewsText = ({ mirror, shift }: NonNullable<Settings["augment"]>): string =>
  [...(mirror ? ["mirrored"] : []), ...(shift ? [`moved by up to ${shift} pixels`] : [])].join(", ");

/** "clip-norm 1, nesterov": options in the words of the command line. */
const optionsText = (options: NonNullable<Settings["options"]>): string =>
  Object.entries(options)
    .map(([name, value]) => {
      const word = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return value === true ? word : `${word} ${Array.isArray(value) ? value.join(",") : String(value)}`;
    })
    .join(", ");

/** The facts that all runs share, in lines of label and value. */
export function settingsLines({
  data,
  model,
  epochs,
  batchSize,
  optimizer,
  augment,
  labelSmoothing,
  options = {},
}: Settings): readonly (readonly [string, string])[] {
  return [
    ["data", `${data.name}, ${data.trainImages} images to train, ${data.testImages} to test`],
    ["model", `${model.name}, ${model.inputShape.join(" x ")}, ${model.classes} classes`],
    ["training", `${epochs} epochs, batches of ${batchSize}, ${optimizerText(optimizer)}`],
    ...(augment === undefined ? [] : [["views", viewsText(augment)] as const]),
    ...(labelSmoothing === undefined ? [] : [["smoothing", `${labelSmoothing} of the truth`] as const]),
    ...(Object.keys(options).length === 0 ? [] : [["options", optionsText(options)] as const]),
  ];
}

export interface Report {
  readonly title: string;
  readonly settings: Settings;
  readonly rows: readonly Row[];
  readonly finished: readonly FinishedRun[];
  /** The command as typed, and its machine. */
  readonly command: string;
  readonly machine: string;
  readonly version: string;
}

/** The float network's row stands in the table of every task. */
function taskTables(rows: readonly Row[]): readonly string[] {
  return tablesOf(rows).map(({ task, rows: own }) => {
    const table = markdownTable(accuracyCells(own, { withTask: false, withStatistics: true }));
    return task === null ? table : `## ${tasks[task].title} (${taskText(task)})\n\n${table}`;
  });
}

/** The moment of a run whose network counts. Test images that chose it flatter it. */
function endOf({ keep, earlyStopping, average }: NonNullable<Settings["options"]>): string {
  const mean = average === undefined ? "" : ", as a mean of weights over steps";
  if (keep === "best") return `after the best epoch, chosen by these same images${mean}`;
  if (earlyStopping !== undefined) return `after an epoch at which the loss on these same images ended the run${mean}`;
  return `after the last epoch${mean}`;
}

/** The meaning of the numbers, for a reader who wants to know. */
function reading(rows: readonly Row[], options: NonNullable<Settings["options"]>): string {
  const baseline = baselineOf(tablesOf(rows).flatMap(({ rows: own }) => own));
  const against =
    baseline === null
      ? ""
      : ` Differences to ${baseline} are paired by seed. The effect is their mean by their standard deviation (Cohen's d of pairs).`;
  return (
    `Accuracy is that of the hard-signed network (what is packed and shipped) on the test images ${endOf(options)}, with batch ` +
    "statistics re-estimated on training images: mean ± standard deviation over seeds. No run was left out by it. " +
    `Intervals have ${100 * LEVEL} % confidence by Student's t with n - 1 degrees of freedom, each by itself: of many rows ` +
    `some lie outside by chance.${against}`
  );
}

/** The page: the finding, the picture, the tables, and then how they came about. `picture` is its name, seen from the page. */
export function comparisonPage({ title, settings, rows, command, machine, version }: Report, picture: string): string {
  const facts = [
    ["command", `\`${command}\``] as const,
    ...settingsLines(settings),
    ["machine", machine] as const,
    ["proxbit", version] as const,
  ].map(([label, value]) => `- ${label}: ${clean(value)}`);
  const failures = rows.flatMap((row) =>
    row.failures.map((failure) => `- ${printable(cellName(row))}: ${printable(failure)}`),
  );
  const found = [...findings(rows), ...pairFindings(rows)].map((finding) => `- ${markdownCell(finding)}`);
  const [pairs, soft] = [pairCells(ranked(rows)), softCells(ranked(rows))];
  return `${[
    `# ${clean(title)}`,
    ...(found.length === 0 ? [] : [found.join("\n")]),
    `![${clean(title)}](${clean(picture)})`,
    ...taskTables(rows),
    ...(pairs === null ? [] : ["## Pairs against their originals", markdownTable(pairs)]),
    ...(soft === null
      ? []
      : [
          "## Soft accuracy",
          "This is another network: the one that trains, F(w) in place of sign(w), after the last epoch that ended with one. " +
            "It is not what is shipped, and stands here to tell what the sign costs.",
          markdownTable(soft),
        ]),
    ...(failures.length === 0 ? [] : [`Runs that failed:\n\n${failures.join("\n")}`]),
    "## How to read it",
    reading(rows, settings.options ?? {}),
    facts.join("\n"),
  ].join("\n\n")}\n`;
}

/** Fields as RFC 4180 writes them. */
const csvField = (value: string | number): string => {
  if (typeof value === "number") return String(value);
  // A spreadsheet takes a text for a formula by its first character.
  const text = printable(value).replace(/^[=+@-]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const CSV_COLUMNS = [
  "quantizer",
  "task",
  "seed",
  "testAccuracy",
  "testLoss",
  "softAccuracy",
  "seconds",
  "workers",
  "failure",
  "key",
];

/** A line for each run; absent values are empty fields. Methods, where there are some, and metrics stand behind all else. */
export function comparisonCsv(finished: readonly FinishedRun[]): string {
  const names = [...new Set(finished.flatMap(({ outcome }) => Object.keys(outcome.result?.metrics ?? {})))];
  const isMethodical = finished.some(({ run }) => run.method !== undefined);
  const lines = finished.map(({ run, outcome: { result, failure } }) => [
    ...[run.quantizer, run.task ?? "", run.seed, result?.testAccuracy ?? "", result?.testLoss ?? ""],
    ...[result?.softAccuracy ?? "", result?.seconds ?? "", result?.workers ?? "", failure ?? "", run.key],
    ...(isMethodical ? [run.method ?? ""] : []),
    ...names.map((name) => result?.metrics?.[name] ?? ""),
  ]);
  return `${[[...CSV_COLUMNS, ...(isMethodical ? ["method"] : []), ...names], ...lines].map((fields) => fields.map(csvField).join(",")).join("\n")}\n`;
}

/** Everything, for programs. */
export function comparisonJson({ title, settings, rows, finished, command, machine, version }: Report): string {
  const runs = finished.map(({ run, outcome }) => ({
    ...{ quantizer: run.quantizer, task: run.task, seed: run.seed, key: run.key },
    ...(run.method === undefined ? {} : { method: run.method }),
    ...outcome,
  }));
  return `${JSON.stringify({ title, command, machine, proxbit: version, settings, rows, runs }, null, 2)}\n`;
}
