/** The study of schedules: its cells one after the other, as far as the time goes, and what is known of them so far. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { dataset } from "../../ts/data/index.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { model } from "../../ts/nn/models/index.ts";
import { taskQuantizers } from "../../ts/nn/models/tasks.ts";
import type { Benchmark, Context } from "../frame/benchmark.ts";
import { deadline } from "../frame/deadline.ts";
import { noise } from "../frame/noise.ts";
import { stepSeconds } from "../frame/step-seconds.ts";
import { type Cell, cells, type Frame, nameOf, tasksOf } from "./cells.ts";
import { changeColumns, changeRows } from "./defaults.ts";
import { studyPicture } from "./picture.ts";
import { type CellRecord, readCell, runCell } from "./run-cell.ts";
import { studyColumns, studyRows } from "./table.ts";

const FRAME: Frame = { data: "fashion-mnist", batchSize: 128, learningRate: 3e-3, images: 32 };
/** Runs of the study, below the working directory; they are kept, because they take days. */
const RUNS = join(import.meta.dirname, "../results/study");
const TITLE = "Schedules over a run";

const graphOf = ({ quantizer, operands, activationQuantizer: own }: Cell, data: Dataset<Split>): Graph => {
  const options = own === undefined ? {} : { activationQuantizer: own };
  const { weightQuantizer, activationQuantizer } = taskQuantizers(tasksOf[operands], quantizer, options);
  const inputShape = data.train.shape;
  return model("small", { inputShape, classes: data.classes.length, weightQuantizer, activationQuantizer });
};

const QUICK: readonly Cell[] = ["bnn+", "bnn++", "bnn++:beta=5,hardenAt=0.5"].map((quantizer) => ({
  ...{ quantizer, operands: "both", epochs: 2, seed: 1 },
}));

async function* cellsOneByOne({ quick, hours, expect, tick, atEnd }: Context): ReturnType<Benchmark["run"]> {
  const data = quick ? noise() : await dataset("fashion-mnist");
  const frame: Frame = quick ? { ...FRAME, data: "noise", batchSize: 16, images: 8 } : FRAME;
  const directory = quick ? await mkdtemp(join(tmpdir(), "proxbit-study-")) : RUNS;
  if (quick) atEnd(() => rm(directory, { recursive: true, force: true }));
  await mkdir(directory, { recursive: true });
  const all = quick ? QUICK : cells;
  const before = await Promise.all(all.map((cell) => readCell(directory, cell, frame)));
  const waiting = all.filter((_, index) => !before[index]?.ended);
  yield { type: "note", text: await planOf(all, waiting, data, frame, hours !== 0) };
  expect(waiting.reduce((sum, { epochs }) => sum + epochs, 0));
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ...deadline(hours)]);
  let running: Promise<unknown> = Promise.resolve();
  // A run that is interrupted writes its checkpoint before the process ends.
  atEnd(async () => {
    stopping.abort();
    await running.catch(() => undefined);
  });
  for (const cell of waiting) {
    if (signal.aborted) break;
    const own = runCell({
      ...{ cell, frame, graph: graphOf(cell, data), data, directory, workers: undefined, signal, onEpoch: tick },
    });
    running = own;
    await own;
  }
  const records = (await Promise.all(all.map((cell) => readCell(directory, cell, frame)))).filter(
    (record): record is CellRecord => record !== null && record.epochs.length > 0,
  );
  yield { type: "picture", title: TITLE, svg: studyPicture(TITLE, records) };
  yield {
    type: "table",
    title: "Defaults: test accuracy as signs, %",
    columns: changeColumns,
    rows: changeRows(records),
  };
  yield { type: "table", title: "Cells", columns: studyColumns, rows: studyRows(records) };
}

/** The work that is left, and its time by the steps of this machine, unless none of it is to be done now. */
async function planOf(
  all: readonly Cell[],
  waiting: readonly Cell[],
  data: Dataset<Split>,
  frame: Frame,
  isTimed: boolean,
): Promise<string> {
  const done = `${all.length - waiting.length} of ${all.length} cells are done.`;
  const [next] = waiting;
  if (next === undefined) return done;
  if (!isTimed) return `${done} The next is ${nameOf(next)}.`;
  const seconds = new Map<string, number>();
  for (const operands of new Set(waiting.map((cell) => cell.operands))) {
    const cell: Cell = { operands, quantizer: "bnn++", epochs: 1, seed: 1 };
    seconds.set(operands, await stepSeconds(graphOf(cell, data), data, frame.batchSize));
  }
  const steps = Math.floor(data.train.count / frame.batchSize);
  const training = waiting.reduce(
    (sum, { operands, epochs }) => sum + epochs * steps * (seconds.get(operands) ?? 0),
    0,
  );
  const words = [...seconds].map(([operands, each]) => `${operands} ${(1000 * each).toFixed(0)} ms`).join(", ");
  return `${done} A step of the others takes, by the median of 20 with bnn++: ${words}. Their steps take ${(training / 3600).toFixed(1)} h, validation left out; the next is ${nameOf(next)}.`;
}

export const study: Benchmark = {
  title: TITLE,
  about:
    "The network small on Fashion-MNIST (batch 128, Adam, cosine from 3e-3), with each quantizer on weights, activations or both, for 3, 12 and 40 epochs. After each epoch a second engine with the same weights takes one observed step on the first 32 training images. Mean B is the mean of the backward map over an operand's values. Inside is the share of values where |B| is at least a hundredth of its largest value. Numbers are means over the layers; norms of gradients at latent weights are drawn by layer. Each layer stands in the JSON lines. A study that is left goes on with the same command.",
  run: cellsOneByOne,
};
