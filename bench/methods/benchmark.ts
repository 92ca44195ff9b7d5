/** Methods of training, each beside the same training without it. Runs are files, so the comparison can be left and gone on with. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isProxbitError } from "../../ts/base/errors.ts";
import { pictureOf } from "../../ts/compare/comparison-picture.ts";
import { type Cell, cellName, type Run, type Settings, sha256 } from "../../ts/compare/grid.ts";
import { readRun } from "../../ts/compare/run-file.ts";
import { type FinishedRun, runGrid } from "../../ts/compare/run-grid.ts";
import { summarise } from "../../ts/compare/summary.ts";
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { dataset } from "../../ts/data/index.ts";
import { model } from "../../ts/nn/models/index.ts";
import { schedules } from "../../ts/quantizers/index.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import type { Benchmark, Context } from "../frame/benchmark.ts";
import { deadline } from "../frame/deadline.ts";
import { noise } from "../frame/noise.ts";
import { runsWith, type Table, type Way, wayOf, waysOf } from "./cells.ts";
import { costOf } from "./cost.ts";
import { FROM, fineTune } from "./fine-tuning.ts";
import { type Judged, sentenceOf, verdictColumns, verdictRows } from "./verdict.ts";

const EPOCHS = 12;
const SEEDS = [1, 2, 3];
const RATE = 3e-3;
/** Finished runs, which are kept: they take hours. */
const RUNS = join(import.meta.dirname, "../results/methods");
const TITLE = "Methods of training";
const TITLES: Readonly<Record<Table, string>> = {
  methods: "Methods",
  bop: "Bop: signs that flip, without latent weights",
  "fine-tuning": "Fine-tuning: 12 more epochs from the weights of plain training",
};

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function settingsOf({ name, train, test, classes }: Dataset<Split>, epochs: number, batchSize: number): Settings {
  const hash = sha256(...[train.images, train.labels, test.images, test.labels].map(bytesOf));
  return {
    data: { name, trainImages: train.count, testImages: test.count, sha256: hash },
    model: { name: "small", inputShape: train.shape, classes: classes.length },
    ...{ epochs, batchSize },
    optimizer: { name: "adam", learningRate: RATE, decay: "cosine" },
  };
}

async function* compareMethods({ quick, hours, expect, tick, atEnd }: Context): ReturnType<Benchmark["run"]> {
  const data = quick ? noise() : await dataset("fashion-mnist");
  const directory = quick ? await mkdtemp(join(tmpdir(), "proxbit-methods-")) : RUNS;
  if (quick) atEnd(() => rm(directory, { recursive: true, force: true }));
  const settings = settingsOf(data, quick ? 2 : EPOCHS, quick ? 16 : 128);
  const seeds = quick ? [1] : SEEDS;
  const ways = waysOf(settings.epochs);
  const isTuned = ({ table }: Way): boolean => table === "fine-tuning";
  const anew = ways.filter((way) => !isTuned(way));
  const runs = runsWith(settings, anew, seeds);
  const later = runsWith({ ...settings, options: FROM }, ways.filter(isTuned), seeds);
  const before = await finishedOf(directory, [...runs, ...later]);
  expect((runs.length + later.length - before.length) * settings.epochs);
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  // A run that is interrupted writes its checkpoint before the process ends.
  atEnd(async () => {
    stopping.abort();
    await running.catch(() => undefined);
  });
  const inputShape = data.train.shape;
  const work = {
    ...{ data, directory, workers: undefined, signal: AbortSignal.any([stopping.signal, ...deadline(hours)]) },
    graphOf: ({ quantizer }: Pick<Cell, "quantizer">) => {
      const operands = { weightQuantizer: quantizer, activationQuantizer: "poly" };
      return model("small", { inputShape, classes: data.classes.length, ...operands });
    },
    methodsOf: (cell: Cell) => wayOf(cell, ways)?.methods ?? [],
    optimizer: optimizers.adam({ learningRate: schedules.cosine(RATE) }),
  };
  const all = async (): Promise<void> => {
    for await (const event of runGrid({ ...work, runs })) if (event.type === "epoch") tick();
    for await (const event of fineTune({ ...work, runs: later })) if (event.type === "epoch") tick();
  };
  running = all().catch((cause: unknown) => {
    if (!isProxbitError(cause) || cause.code !== "aborted") throw cause;
  });
  await running;
  const found = [await finishedOf(directory, runs), await finishedOf(directory, later)];
  yield { type: "note", text: `${found.flat().length} of ${runs.length + later.length} runs are done.` };
  const judged: (Judged & { readonly table: Table })[] = [];
  // Some methods are made for the epochs of a run, and a step's time is taken in a run of one.
  const briefly = waysOf(1);
  for (const [index, finished] of found.entries()) {
    for (const one of judge(finished, ways, index === 0 ? "methods" : "fine-tuning")) {
      const way = briefly.find(({ name }) => name === one.name);
      const cost =
        way === undefined ? null : await costOf(work.graphOf(one.row), data, settings.batchSize, way.methods);
      judged.push({ ...one, cost, claim: way?.claim });
    }
  }
  yield {
    type: "picture",
    title: TITLE,
    svg: pictureOf(
      TITLE,
      judged.flatMap(({ row, name, table }) =>
        table === "fine-tuning" ? [] : [row.isBaseline ? row : { ...row, method: name }],
      ),
    ),
  };
  for (const [table, title] of Object.entries(TITLES)) {
    const own = judged.filter((one) => one.table === table && !one.row.isBaseline);
    const quantizers = new Set(own.map(({ row }) => row.quantizer));
    const side = table === "fine-tuning" ? "fine-tuning" : "methods";
    const isPlain = (one: (typeof judged)[number]): boolean =>
      one.table === side && one.row.isBaseline && quantizers.has(one.row.quantizer);
    const rows = judged.filter((one) => own.includes(one) || isPlain(one));
    yield { type: "table", title, columns: verdictColumns, rows: verdictRows(rows) };
  }
  for (const one of judged)
    if (one.table !== "bop" && !one.row.isBaseline) yield { type: "note", text: sentenceOf(one) };
}

async function finishedOf(directory: string, runs: readonly Run[]): Promise<readonly FinishedRun[]> {
  const all = await Promise.all(runs.map(async (run) => ({ run, outcome: await readRun(directory, run) })));
  return all.filter((one): one is FinishedRun => one.outcome !== undefined);
}

/**
 * The rows of all cells that have a finished run, each held against plain training with its quantizer. That one stands first,
 * in the table `side`.
 */
function judge(
  finished: readonly FinishedRun[],
  ways: readonly Way[],
  side: Table,
): readonly (Omit<Judged, "cost"> & { readonly table: Table })[] {
  const cells = new Map(
    finished.map(({ run: { quantizer, task, method } }): [string, Cell] => {
      const cell = { quantizer, task, ...(method === undefined ? {} : { method }) };
      return [cellName(cell), cell];
    }),
  );
  const quantizers = [...new Set([...cells.values()].map(({ quantizer }) => quantizer))];
  return quantizers.flatMap((quantizer) => {
    const own = [...cells.values()].filter((cell) => cell.quantizer === quantizer);
    return summarise(own, finished, quantizer).map((row) => {
      const way = wayOf(row, ways);
      return { row, name: way?.name ?? "plain", table: way?.table ?? side };
    });
  });
}

export const methodsBenchmark: Benchmark = {
  title: TITLE,
  about:
    "The network small on Fashion-MNIST with binary weights and activations: 12 epochs, batch 128, Adam, a cosine from 3e-3, three seeds. Accuracies are those of the hard-signed network on the test images after the last epoch, with the deviation of the sample. Differences are means over seeds, each beside plain training from the same seed. Each method has its defaults. A step's time is that of its median without work between epochs, by plain training's in turns with it, on one thread. Bop, by its defaults too, flips the signs of binary weights, while Adam moves the rest. A method for fine-tuning goes on for 12 epochs from the weights of plain training, beside plain training that does so too. Several machines made the runs, which changes no number. A comparison that is left goes on with the same command.",
  run: compareMethods,
};
