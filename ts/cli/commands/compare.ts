/**
 * `proxbit compare` runs quantizers x tasks x seeds on one data set and one model. Finished runs are files, so a
 * stopped command continues from there. At the end it writes a table, and files for people and for programs.
 */
import { availableParallelism, cpus } from "node:os";
import { basename, join } from "node:path";
import { Command, Option } from "commander";
import { bytesOf } from "../../base/arrays.ts";
import { ProxbitError } from "../../base/errors.ts";
import { pictureOf } from "../../compare/comparison-picture.ts";
import { type Cell, cellsOf, type Grid, runsOf, type Settings, sha256 } from "../../compare/grid.ts";
import {
  comparisonCsv,
  comparisonJson,
  comparisonPage,
  comparisonTable,
  type Report,
  settingsLines,
} from "../../compare/report.ts";
import { type FinishedRun, type GridEvent, type GridWork, runGrid } from "../../compare/run-grid.ts";
import { summarise } from "../../compare/summary.ts";
import type { Dataset } from "../../data/dataset.ts";
import { take } from "../../data/split.ts";
import { VERSION } from "../../io/version.ts";
import { checkWritable, writeFileAtomic } from "../../io/write.ts";
import { type Task, taskNames } from "../../nn/models/tasks.ts";
import { plainObjective } from "../../train/losses/index.ts";
import { applyMethods, type Method, workOf } from "../../train/method.ts";
import { LANES } from "../../train/plan/plan.ts";
import { checkTraining } from "../../train/run/check-training.ts";
import { refuseSilentStart } from "../../train/run/silent-weights.ts";
import { commandLine } from "../checkpoint.ts";
import { addVariedOptions, settingsFrom, type VariedOptions, varied } from "../compare-settings.ts";
import { checkBatch, checkDataName, readData, smallerBatch } from "../data.ts";
import { pairs } from "../format.ts";
import { type Networks, networksOf, quantizerList, seedList, taskList } from "../grid.ts";
import { gridProgress } from "../grid-progress.ts";
import { stopIfAborted } from "../interrupt.ts";
import { methodsText } from "../methods.ts";
import { networkText } from "../network.ts";
import { checkBinaryWeights } from "../optimizer.ts";
import { addCommonOptions, addDataOptions, addWorkersOption, type DataOptions, wholeNumber } from "../options.ts";
import type { Context } from "../run.ts";
import { startFrom, startLine } from "../start.ts";
import { fitOptionsOf, type Training, taught, trainingFrom } from "../training-options.ts";

interface CompareOptions extends DataOptions, VariedOptions {
  readonly data: string;
  readonly trainImages?: number;
  readonly testImages?: number;
  readonly model: string;
  readonly quantizers: readonly string[];
  readonly tasks: readonly Task[];
  readonly seeds: readonly number[];
  readonly baseline?: string;
  readonly workers?: number;
  readonly parallel: number;
  readonly out: string;
  readonly title?: string;
}

/** Each takes the memory of a trainer. */
const MOST_AT_ONCE = 64;

const ALL = "fp,bc,pc,bnn,bnn+,bnn++,poly,poly+,ede,ede+";

const listOption = <T>(flags: string, text: string, parse: (text: string) => readonly T[], usual: string): Option =>
  new Option(flags, text).argParser(parse).default(parse(usual), usual);
const images = (option: string) => wholeNumber(option, 1, 1e9);

export function compareCommand(context: Context): Command {
  const command = new Command("compare").summary("compare quantizers over tasks and seeds");
  command
    .description(
      "Trains one network with each quantizer in each task, from each seed, and says how good the hard-signed networks are: " +
        "mean and standard deviation over seeds, and differences to a baseline with confidence intervals. A finished run is " +
        "a file in DIR/runs and is not done again, so the same command goes on where it was stopped, within a run too. Each " +
        "--method makes rows beside those without. Neither the order of the runs nor the number of workers changes a number. " +
        "A run has at most 8 workers; --parallel uses more cores than that.",
    )
    .requiredOption("--out <dir>", "directory of the runs and the report, for example out/fashion");
  addDataOptions(command, "required")
    .option("--model <name|file.ts>", networkText, "small")
    .addOption(listOption("--quantizers <list>", "names with commas between, fp for float", quantizerList, ALL))
    .addOption(listOption("--tasks <list>", `of ${taskNames.join(", ")}`, taskList, "bw,bwa"))
    .addOption(listOption("--seeds <n|list>", "how many, from 1 on, or a list with commas between", seedList, "3"));
  addVariedOptions(command)
    .option(
      "--baseline <name>",
      "the quantizer that others are held against, paired by seed (default: bc, fp, or the first)",
    )
    .option("--title <text>", "of the page and the picture")
    // Names of former versions.
    .addOption(new Option("--train-images <n>").argParser(images("--train-images")).hideHelp())
    .addOption(new Option("--test-images <n>").argParser(images("--test-images")).hideHelp());
  addWorkersOption(command, "threads of a run (default: all cores, shared among the runs at once; at most 8)").option(
    "--parallel <n>",
    "runs that are trained at once",
    wholeNumber("--parallel", 1, MOST_AT_ONCE),
    1,
  );
  return addCommonOptions(
    command,
    "proxbit compare --data fashion-mnist --out out/fashion",
    "proxbit compare --data mnist --quantizers fp,bc,bnn++ --tasks bwa --seeds 1,2 --limit 10000 --out out/digits",
    "proxbit compare --data mnist --quantizers bnn,poly --method two-step --method two-step:share=0.3 --out out/methods",
    "proxbit compare --data mnist --optimizer sgd --momentum 0.9 --warmup 0.1 --clip-norm 1 --loss squared-hinge --out out/sgd",
    "proxbit compare --data mnist --epochs 20 --parallel 4 --workers 1 --out out/four-at-once",
  ).action((options: CompareOptions) => compare(options, context));
}

async function compare(typed: CompareOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const options = varied(typed);
  if (options.out === "")
    throw new ProxbitError("argument", "--out is empty", "Name a folder, for example out/fashion.");
  checkBaseline(options);
  const { method: ways = [], ...others } = options;
  const training = await trainingFrom(others);
  const byText = new Map(ways.map((methods) => [methodsText(methods), methods]));
  const methods = [...byText.keys()];
  const methodsOf = ({ method }: Cell): readonly Method[] => (method === undefined ? [] : (byText.get(method) ?? []));
  checkDataName(options.data);
  const data = await readSplits(options, context);
  checkBatch(data.train, options.batchSize, smallerBatch);
  stopIfAborted(signal);
  const cells = cellsOf({ ...options, methods });
  const networks = await networksOf(options.model, cells, data, options);
  checkBinaryWeights(options, cells.map(networks.graphOf));
  refuseCells(cells, { ...options, networks, methodsOf, training, data });
  const settings: Settings = {
    data: describeData(data),
    model: { name: basename(options.model), inputShape: data.train.shape, classes: data.classes.length },
    ...settingsFrom(options, training),
  };
  const grid: Grid = { settings, quantizers: options.quantizers, tasks: options.tasks, seeds: options.seeds, methods };
  const runs = runsOf(grid, networks.detailsOf);
  const { graphOf } = networks;
  const { optimizer, objective, start } = training;
  const progress = gridProgress(context, runs, (run, layers) =>
    start ? startLine(start, layers, graphOf(run)).trimEnd() : "",
  );
  const finished = new Map<string, FinishedRun>();
  const directory = join(options.out, "runs");
  const began = performance.now();
  try {
    const work: GridWork = {
      ...{ runs, graphOf, methodsOf, optimizer, objective, directory, signal },
      data: await taught(training, data, signal),
      fit: fitOptionsOf(training, options),
      start: start && ((trainer) => startFrom(trainer, start)),
      ...{ parallel: options.parallel, workers: workersOf(options) },
    };
    for await (const event of runGrid(work)) {
      const found = event.type === "found" ? event.finished : event.type === "run" ? [event.finished] : [];
      for (const one of found) finished.set(one.run.key, one);
      if (event.type === "found") {
        for (const file of Object.values(reportFiles(options.out))) await checkWritable(file);
        output.text(`${pairs([...settingsLines(settings), ["runs", `${runs.length}: ${gridText(grid)}`]])}\n`);
        output.event({ type: "grid", runs: runs.length, finished: event.finished.length, settings });
      }
      tell(event, start?.file, context);
      progress.update(event);
    }
  } finally {
    progress.clear();
  }
  const inOrder = runs.flatMap(({ key }) => finished.get(key) ?? []);
  const report: Report = {
    title: options.title ?? `Quantizers on ${data.name}, model ${options.model}`,
    settings,
    rows: summarise(cells, inOrder, options.baseline),
    finished: inOrder,
    command: commandLine(),
    machine: `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores, Node ${process.version}`,
    version: VERSION,
  };
  const files = await writeReport(options.out, report);
  const seconds = (performance.now() - began) / 1000;
  output.result(
    { title: report.title, settings, runs: runs.length, seconds, rows: report.rows, files },
    `${comparisonTable(report.rows)}\n\n${pairs(Object.entries(files))}`,
  );
}

/** The threads of a run; undefined for as many as a trainer takes by itself. */
function workersOf({ workers, parallel }: Pick<CompareOptions, "workers" | "parallel">): number | undefined {
  if (workers !== undefined || parallel === 1) return workers;
  return Math.min(LANES, Math.max(1, Math.floor(availableParallelism() / parallel)));
}

/** @throws ProxbitError "argument" for a baseline that is not compared */
function checkBaseline({ baseline, quantizers }: Pick<CompareOptions, "baseline" | "quantizers">): void {
  if (baseline === undefined || quantizers.includes(baseline)) return;
  throw new ProxbitError(
    "argument",
    `--baseline ${baseline} is none of the quantizers that are compared: ${quantizers.join(", ")}`,
    "Name one of them, or add it to --quantizers.",
  );
}

/** The parts of a comparison that a cell may not suit. */
interface Refusal extends Pick<CompareOptions, "seeds" | "epochs"> {
  readonly networks: Networks;
  readonly methodsOf: (cell: Cell) => readonly Method[];
  readonly training: Training;
  readonly data: Dataset;
}

/**
 * Refuses before anything is trained an optimizer, a loss or a method that does not suit some network, and a quantizer that makes
 * all initial weights 0.
 */
function refuseCells(cells: readonly Cell[], { networks, methodsOf, training, ...given }: Refusal): void {
  const { optimizer: first, objective: asked = plainObjective, start } = training;
  const { seeds, epochs, data } = given;
  for (const cell of cells) {
    const methods = methodsOf(cell);
    const made = { graph: networks.graphOf(cell), optimizer: first, objective: asked };
    const { graph, optimizer, objective } = applyMethods(methods, made);
    checkTraining(graph, optimizer, objective);
    workOf(methods, { graph, epochs, data });
    if (start === undefined) for (const seed of seeds) refuseSilentStart(graph, seed);
  }
}

async function readSplits(options: Omit<CompareOptions, "decay">, context: Context): Promise<Dataset> {
  const { data: name, trainImages, testImages } = options;
  const whole = await readData(name, options, context);
  return {
    ...whole,
    train: trainImages === undefined ? whole.train : take(whole.train, trainImages),
    test: testImages === undefined ? whole.test : take(whole.test, testImages),
  };
}

function describeData({ name, train, test }: Dataset): Settings["data"] {
  const hash = sha256(...[train.images, train.labels, test.images, test.labels].map(bytesOf));
  return { name, trainImages: train.count, testImages: test.count, sha256: hash };
}

const gridText = ({ quantizers, tasks, seeds, methods = [] }: Grid): string =>
  `${quantizers.join(", ")} on ${tasks.join(", ")}${methods.length === 0 ? "" : `, plain and with ${methods.join(" or ")}`}, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}`;

/** Events for programs; single steps are too many of them over hours. `file` is what runs start from. */
function tell(event: GridEvent, file: string | undefined, { output }: Context): void {
  const nameOf = ({ quantizer, task, seed, method }: FinishedRun["run"]) => ({
    ...{ quantizer, task, seed },
    ...(method === undefined ? {} : { method }),
  });
  const finished = ({ run, outcome }: FinishedRun, fromFile: boolean): void =>
    output.event({ type: "run", ...nameOf(run), key: run.key, fromFile, ...outcome });
  if (event.type === "found") for (const one of event.finished) finished(one, true);
  if (event.type === "run") finished(event.finished, false);
  if (event.type === "from") output.event({ type: "from", file, layers: event.layers, ...nameOf(event.run) });
  if (event.type === "epoch") output.event({ ...event.event, ...nameOf(event.run) });
}

const PICTURE = "compare.svg";

const reportFiles = (directory: string) => ({
  page: join(directory, "compare.md"),
  picture: join(directory, PICTURE),
  json: join(directory, "compare.json"),
  csv: join(directory, "compare.csv"),
});

/** Writes the report's files below `directory`; returns their paths. */
async function writeReport(directory: string, report: Report): Promise<Readonly<Record<string, string>>> {
  const files = reportFiles(directory);
  await writeFileAtomic(files.page, comparisonPage(report, PICTURE));
  await writeFileAtomic(files.picture, pictureOf(report.title, report.rows));
  await writeFileAtomic(files.json, comparisonJson(report));
  await writeFileAtomic(files.csv, comparisonCsv(report.finished));
  return files;
}
