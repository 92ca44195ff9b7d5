/**
 * One cell of the study as a run with a file of JSON lines, which has a line for the cell, one for each epoch, and one for the
 * end. Beside it stands a checkpoint as long as the run is under way. So a run that was left goes on within an epoch, and one
 * that ended is not done again.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isProxbitError } from "../../ts/base/errors.ts";
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { removeCheckpoint } from "../../ts/io/checkpoint-store.ts";
import { writeFileAtomic } from "../../ts/io/write.ts";
import { methodOf } from "../../ts/methods/index.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { schedules } from "../../ts/quantizers/index.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import type { EpochEvent } from "../../ts/train/run/events.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";
import { type Cell, type Frame, fileOf } from "./cells.ts";
import { createWatch, type LayerRecord, unflatten, WATCH } from "./watch.ts";

export interface EpochRecord {
  readonly type: "epoch";
  readonly epoch: number;
  readonly progress: number;
  readonly loss: number;
  /** Test accuracy in [0, 1] of the hard-signed network, and of the soft one; null where that is hard by then. */
  readonly hard: number;
  readonly soft: number | null;
  readonly seconds: number;
  readonly layers: Readonly<Record<string, LayerRecord & { readonly flips: number | null }>>;
}

export interface CellRecord {
  readonly cell: Cell;
  readonly epochs: readonly EpochRecord[];
  /** False for a run that was left. */
  readonly ended: boolean;
}

export interface CellWork {
  readonly cell: Cell;
  readonly frame: Frame;
  readonly graph: Graph;
  readonly data: Dataset<Split>;
  readonly directory: string;
  readonly workers: number | undefined;
  readonly signal: AbortSignal;
  /** Told after each epoch. */
  readonly onEpoch: () => void;
}

/** The record of an epoch, out of its event. */
export function recordOf({ epoch, epochs, loss, seconds, validation, flipRatio, tasks }: EpochEvent): EpochRecord {
  if (validation === undefined) throw new Error("the study validates after every epoch");
  const layers = Object.entries(unflatten(tasks?.[WATCH] ?? {}));
  return {
    ...{ type: "epoch", epoch, progress: epoch / epochs, loss, seconds },
    ...{ hard: validation.accuracy, soft: validation.soft?.accuracy ?? null },
    layers: Object.fromEntries(
      layers.map(([name, layer]) => [name, { ...layer, flips: flipRatio?.layers[name] ?? null }]),
    ),
  };
}

const lines = (records: readonly unknown[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join("");

/** The content of a cell's file; null where there is none. */
export async function readCell(directory: string, cell: Cell, frame: Frame): Promise<CellRecord | null> {
  const text = await readFile(join(directory, `${fileOf(cell, frame)}.jsonl`), "utf8").catch(() => null);
  if (text === null) return null;
  const records = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly type: string });
  return {
    cell,
    epochs: records.filter((record): record is EpochRecord => record.type === "epoch"),
    ended: records.some(({ type }) => type === "end"),
  };
}

/** Does what is left of a cell. A run that `signal` stops is left, with its epochs so far. */
export async function runCell(work: CellWork): Promise<CellRecord> {
  const { cell, frame, graph, data, directory, signal, onEpoch } = work;
  const before = await readCell(directory, cell, frame);
  if (before?.ended) return before;
  const base = join(directory, fileOf(cell, frame));
  const checkpoint = `${base}.checkpoint`;
  const course = schedules.cosine(frame.learningRate);
  const { restartAt } = cell;
  const learningRate = restartAt === undefined ? course : schedules.sequence([restartAt], [course, course]);
  const optimizer = optimizers.adam({ learningRate });
  const methods = cell.method === undefined ? [] : [methodOf(cell.method, {})];
  const given = {
    optimizer,
    seed: cell.seed,
    methods,
    ...(work.workers === undefined ? {} : { workers: work.workers }),
  };
  const left = await resumed(checkpoint, graph, given);
  const trainer = left ?? (await Trainer.create(graph, given));
  const watch = await createWatch(graph, data.train, frame.images);
  const epochs = (trainer.left()?.history ?? []).map(recordOf);
  const keep = (ended: boolean): Promise<void> => {
    const end = ended ? [{ type: "end" }] : [];
    return writeFileAtomic(`${base}.jsonl`, lines([{ type: "cell", ...cell, ...frame }, ...epochs, ...end]));
  };
  try {
    const options = {
      ...{ epochs: cell.epochs, batchSize: frame.batchSize, signal, checkpoint, tasks: [watch.task] },
      flipRatio: cell.operands !== "activations",
    };
    for await (const event of left === null ? trainer.fit(data, options) : trainer.continueFit(data, options)) {
      if (event.type !== "epoch") continue;
      epochs.push(recordOf(event));
      await keep(false);
      onEpoch();
    }
    await keep(true);
    await removeCheckpoint(checkpoint);
    return { cell, epochs, ended: true };
  } catch (cause) {
    if (isProxbitError(cause) && cause.code === "aborted") return { cell, epochs, ended: false };
    throw cause;
  } finally {
    watch.close();
    trainer.close();
  }
}

async function resumed(
  checkpoint: string,
  graph: Graph,
  options: NonNullable<Parameters<typeof Trainer.create>[1]>,
): Promise<Trainer | null> {
  try {
    return await Trainer.resume(checkpoint, { ...options, graph });
  } catch (cause) {
    if (isProxbitError(cause) && cause.code === "checkpoint") return null;
    throw cause;
  }
}
