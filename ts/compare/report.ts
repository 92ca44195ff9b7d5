/** A comparison as text: a table for the terminal, and files. The files are JSON, CSV (a line a run) and Markdown. */
import { clean, printable } from "../base/text.ts";
import { type Column, formatTable } from "../show/table.ts";
import { cellName, type Settings, taskText } from "./grid.ts";
import type { FinishedRun } from "./run-grid.ts";
import type { Row, Spread } from "./summary.ts";

/** "88.12 ± 0.21", in percent; without a deviation where there was one run. */
export function spreadText(spread: Spread | null): string {
  if (spread === null) return "";
  const mean = (100 * spread.mean).toFixed(2);
  return spread.deviation === null ? mean : `${mean} ± ${(100 * spread.deviation).toFixed(2)}`;
}

const COLUMNS = [
  "quantizer",
  "task",
  "method",
  "test accuracy, %",
  "soft, % (after epoch)",
  "runs",
  "seconds a run",
] as const;

/** "0.8812 ± 0.0021": a metric, of which nobody knows a unit. */
const metricText = (spread: Spread | null | undefined): string => {
  if (spread === null || spread === undefined) return "";
  return spread.deviation === null
    ? spread.mean.toFixed(4)
    : `${spread.mean.toFixed(4)} ± ${spread.deviation.toFixed(4)}`;
};

/** Cells of `rows` under COLUMNS, and behind them the metrics called `names`. */
function cellsOf(rows: readonly Row[], names: readonly string[]): readonly (readonly string[])[] {
  return rows.map(
    ({ quantizer, activationQuantizer, task, method, accuracy, soft, accuracies, failures, seconds, metrics = {} }) => [
      activationQuantizer === null ? quantizer : `${quantizer}, activations ${activationQuantizer}`,
      task === null ? "-" : taskText(task),
      method ?? "-",
      accuracy === null ? "failed" : spreadText(accuracy),
      soft === null ? "" : `${spreadText(soft)} (${soft.epoch})`,
      failures.length === 0 ? String(accuracies.length) : `${accuracies.length}, ${failures.length} failed`,
      seconds === null ? "" : seconds.mean.toFixed(1),
      ...names.map((name) => metricText(metrics[name])),
    ],
  );
}

/** The names of the metrics that some row has. */
const metricNamesOf = (rows: readonly Row[]): readonly string[] => [
  ...new Set(rows.flatMap(({ metrics = {} }) => Object.keys(metrics))),
];

function tableOf(rows: readonly Row[]): {
  readonly titles: readonly string[];
  readonly cells: readonly (readonly string[])[];
} {
  const measured = rows.some(({ soft }) => soft !== null);
  const hidden = [
    ...(measured ? [] : ["soft, % (after epoch)"]),
    ...(rows.some(({ method }) => method !== undefined) ? [] : ["method"]),
  ];
  const shown = (_: unknown, column: number): boolean => !hidden.includes(COLUMNS[column] ?? "");
  const names = metricNamesOf(rows);
  return {
    titles: [...COLUMNS, ...names].filter(shown),
    cells: cellsOf(rows, names).map((cells) => cells.filter(shown)),
  };
}

/** The table for the terminal. */
export function comparisonTable(rows: readonly Row[]): string {
  const { titles, cells } = tableOf(rows);
  const columns = titles.map(
    (title): Column => ({ title, align: ["quantizer", "task", "method"].includes(title) ? "left" : "right" }),
  );
  return formatTable(columns, cells);
}

/** A cell's text with nothing in it that ends the cell, or begins an element or a link. */
const markdownCell = (text: string): string => printable(text).replace(/[\\|<[`]/g, "\\$&");

const markdownLine = (cells: readonly string[]): string => `| ${cells.map(markdownCell).join(" | ")} |`;

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

/** The page; `picture` is the picture's file name, seen from the page. */
export function comparisonPage({ title, settings, rows, command, machine, version }: Report, picture: string): string {
  const { titles, cells } = tableOf(rows);
  const facts = [
    ["command", `\`${command}\``] as const,
    ...settingsLines(settings),
    ["machine", machine] as const,
    ["proxbit", version] as const,
  ].map(([label, value]) => `- ${label}: ${clean(value)}`);
  const failures = rows.flatMap((row) =>
    row.failures.map((failure) => `- ${printable(cellName(row))}: ${printable(failure)}`),
  );
  return `${[
    `# ${clean(title)}`,
    facts.join("\n"),
    "Accuracy is that of the hard-signed network (what is packed and shipped) on the test images after the last epoch, with " +
      "batch statistics re-estimated on training images: mean ± standard deviation over seeds. No run was chosen by it.",
    ...(rows.some(({ soft }) => soft !== null)
      ? [
          "The soft accuracy beside it is that of the network as it trains, F(w) in place of sign(w), after the last epoch that " +
            "ended with one: what the hard-signed network is not.",
        ]
      : []),
    `![${clean(title)}](${clean(picture)})`,
    [markdownLine(titles), markdownLine(titles.map(() => "---")), ...cells.map(markdownLine)].join("\n"),
    ...(failures.length === 0 ? [] : [`Runs that failed:\n\n${failures.join("\n")}`]),
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
