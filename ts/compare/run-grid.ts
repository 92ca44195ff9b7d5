/**
 * A comparison at work. Every run of a grid without a file is trained and leaves its file, one after the other or several at
 * once. A run under way has a checkpoint beside it, from which it goes on after any end. A run is a function of its identity.
 * Neither earlier files nor the number of workers or of runs at once changes a number.
 */
import { mkdir } from "node:fs/promises";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { merge } from "../base/merge.ts";
import type { Dataset } from "../data/dataset.ts";
import { removeCheckpoint } from "../io/checkpoint-store.ts";
import { systemCode } from "../io/node.ts";
import { checkWritable } from "../io/write.ts";
import type { Graph } from "../nn/graph.ts";
import type { LossTerm } from "../train/losses/term.ts";
import type { Method } from "../train/method.ts";
import type { Optimizer } from "../train/optimizers/optimizers.ts";
import type { EpochEvent, StepEvent } from "../train/run/events.ts";
import type { FitOptions } from "../train/run/fit.ts";
import type { Score } from "../train/run/score.ts";
import { Trainer, type TrainerOptions } from "../train/run/trainer.ts";
import type { Cell, Run } from "./grid.ts";
import { type EpochResult, type RunOutcome, type RunResult, readRun, runPath, writeRun } from "./run-file.ts";

export interface GridWork {
  readonly runs: readonly Run[];
  readonly data: Dataset;
  /** The network of a cell. */
  readonly graphOf: (cell: Cell) => Graph;
  readonly optimizer: Optimizer;
  /** The terms of the loss; cross-entropy alone where absent. */
  readonly objective?: readonly LossTerm[] | undefined;
  /** The methods of a cell; none where absent. */
  readonly methodsOf?: ((cell: Cell) => readonly Method[]) | undefined;
  /** Options of `fit` beside those that stand in a run's identity by themselves; none where absent. */
  readonly fit?: Partial<FitOptions>;
  /** Gives a new trainer the weights that runs start from, and tells their layers; absent where weights are random. */
  readonly start?: ((trainer: Trainer) => Promise<readonly string[]>) | undefined;
  /** The directory of the runs' files, made if it is missing. */
  readonly directory: string;
  /** Threads of each run; all cores, at most eight, where undefined. */
  readonly workers: number | undefined;
  /** Runs that are trained at once; 1 where absent. */
  readonly parallel?: number | undefined;
  readonly signal: AbortSignal;
}

/** A run and its outcome. */
export interface FinishedRun {
  readonly run: Run;
  readonly outcome: RunOutcome;
}

export type GridEvent =
  | { readonly type: "found"; readonly finished: readonly FinishedRun[] }
  | { readonly type: "from"; readonly run: Run; readonly layers: readonly string[] }
  | { readonly type: "step"; readonly run: Run; readonly event: StepEvent }
  | { readonly type: "epoch"; readonly run: Run; readonly event: EpochEvent }
  | { readonly type: "run"; readonly finished: FinishedRun };

/**
 * Does the rest of the grid. The first event tells which runs were found finished. The last event of each run tells
 * that its file stands.
 *
 * @throws ProxbitError "run-file" for a file that is broken, before anything is trained; "aborted" after the signal,
 *   "output".
 */
export async function* runGrid(work: GridWork): AsyncGenerator<GridEvent, void, undefined> {
  const { runs, directory, signal } = work;
  await makeDirectory(directory);
  const found = await Promise.all(runs.map(async (run) => ({ run, outcome: await readRun(directory, run) })));
  const left = found.flatMap(({ run, outcome }) => (outcome === undefined ? [run] : []));
  yield {
    type: "found",
    finished: found.flatMap(({ run, outcome }) => (outcome === undefined ? [] : [{ run, outcome }])),
  };
  const [first] = left;
  if (first !== undefined) await checkWritable(runPath(directory, first));
  const ended = new AbortController();
  const own: GridWork = { ...work, signal: AbortSignal.any([signal, ended.signal]) };
  const queue = left.values();
  yield* merge(
    Array.from({ length: work.parallel ?? 1 }, () => trainFrom(queue, own)),
    () => ended.abort(),
  );
}

/** Trains runs of a queue, which others take from too, until none is left. */
async function* trainFrom(queue: Iterable<Run>, work: GridWork): AsyncGenerator<GridEvent, void, undefined> {
  for (const run of queue) {
    if (work.signal.aborted) throw stopped();
    const outcome = yield* trainRun(run, work);
    await writeRun(work.directory, run, outcome);
    await removeCheckpoint(checkpointOf(run, work));
    yield { type: "run", finished: { run, outcome } };
  }
}

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
    throw new ProxbitError(
      "output",
      `the directory ${directory} cannot be made (${systemCode(cause) ?? String(cause)})`,
      "Choose a place where you may write.",
      { cause },
    );
  });
}

/** It stays until the run's file stands. */
const checkpointOf = (run: Run, { directory }: GridWork): string => `${runPath(directory, run)}.checkpoint`;

async function* trainRun(run: Run, work: GridWork): AsyncGenerator<GridEvent, RunOutcome, undefined> {
  const { data, optimizer, objective, workers, signal } = work;
  const { epochs, batchSize, augment, labelSmoothing } = run.identity;
  const options = {
    ...{ optimizer, seed: run.seed, methods: work.methodsOf?.(run) },
    ...(objective === undefined ? {} : { objective }),
    ...(workers === undefined ? {} : { workers }),
  };
  const graph = work.graphOf(run);
  const checkpoint = checkpointOf(run, work);
  const left = await leftTrainer(checkpoint, graph, options);
  const trainer = left ?? (await Trainer.create(graph, options));
  const history = trainer.left()?.history ?? [];
  const course: EpochResult[] = history.map(epochOf);
  let seconds = history.reduce((sum, event) => sum + event.seconds, 0);
  try {
    if (left === null && work.start !== undefined) yield { type: "from", run, layers: await work.start(trainer) };
    const given = { ...work.fit, epochs, batchSize, augment, labelSmoothing, signal, checkpoint };
    let ended = history.at(-1)?.validation;
    for await (const event of left === null ? trainer.fit(data, given) : trainer.continueFit(data, given)) {
      if (event.type === "step") yield { type: "step", run, event };
      else {
        // A run whose worker died goes back to its checkpoint, and makes epochs again.
        course[event.epoch - 1] = epochOf(event);
        seconds += event.seconds;
        ended = event.validation;
        yield { type: "epoch", run, event };
      }
    }
    const { metrics } = given;
    const isOther = given.average !== undefined || given.keep === "best" || given.earlyStopping !== undefined;
    // An epoch's validation is of the weights behind it, and the run may end with others.
    const last = isOther || ended === undefined ? await trainer.evaluate(data.test, { signal, metrics }) : ended;
    return { result: resultOf(course, last, seconds, trainer.workers), failure: null };
  } catch (cause) {
    if (isProxbitError(cause) && cause.code === "aborted") throw stopped(cause);
    if (isProxbitError(cause) && cause.code === "not-finite") return { result: null, failure: cause.message };
    if (isProxbitError(cause) && cause.code === "checkpoint") throw elsewhere(cause);
    throw cause;
  } finally {
    trainer.close();
  }
}

/** The error of a run that another process trains. */
const elsewhere = (cause: ProxbitError): ProxbitError =>
  new ProxbitError(
    cause.code,
    cause.message,
    "Wait for its end and give the command again, or give another --out; --parallel trains several runs in one process.",
    { cause },
  );

/** The trainer of a run that was left; null where it has no checkpoint, or one that this proxbit cannot go on from. */
async function leftTrainer(checkpoint: string, graph: Graph, options: TrainerOptions): Promise<Trainer | null> {
  try {
    return await Trainer.resume(checkpoint, { ...options, graph });
  } catch (cause) {
    if (isProxbitError(cause) && cause.code === "checkpoint") return null;
    throw cause;
  }
}

/** The result of a run whose network came to `score` in the end. */
function resultOf(
  epochs: readonly EpochResult[],
  { accuracy, loss, metrics }: Score & { readonly metrics?: Readonly<Record<string, number>> },
  seconds: number,
  workers: number,
): RunResult {
  const { softAccuracy = null } = epochs.at(-1) ?? {};
  const measured = metrics === undefined ? {} : { metrics };
  return { testAccuracy: accuracy, testLoss: loss, softAccuracy, ...measured, epochs, seconds, workers };
}

function epochOf({ loss, accuracy, validation, rollbacks }: EpochEvent): EpochResult {
  if (validation === undefined) throw new Error("fit validates after every epoch unless it is told not to");
  const { soft } = validation;
  const beside = {
    ...(soft === undefined ? {} : { softAccuracy: soft.accuracy }),
    ...(rollbacks === undefined ? {} : { rollbacks }),
  };
  return { loss, accuracy, testLoss: validation.loss, testAccuracy: validation.accuracy, ...beside };
}

const stopped = (cause?: unknown): ProxbitError =>
  new ProxbitError(
    "aborted",
    "the comparison was stopped",
    "Run the same command again: finished runs stay, and it goes on within the one that was stopped.",
    cause === undefined ? {} : { cause },
  );
