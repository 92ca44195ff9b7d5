/** Runs that go on from weights of plain training, each from those of its own seed. */
import type { Run } from "../../ts/compare/grid.ts";
import { readRun } from "../../ts/compare/run-file.ts";
import { type GridEvent, type GridWork, runGrid } from "../../ts/compare/run-grid.ts";
import { Trainer } from "../../ts/train/run/trainer.ts";

/** Stands in the identity of such runs. */
export const FROM = { from: "the weights of plain training with the same settings and seed" } as const;

/**
 * Does the rest of `work`, whose runs have one quantizer. Weights to start from are trained where a seed has an unfinished
 * run.
 */
export async function* fineTune(work: Omit<GridWork, "start">): AsyncGenerator<GridEvent, void, undefined> {
  for (const seed of new Set(work.runs.map((run) => run.seed))) {
    const runs = work.runs.filter((run) => run.seed === seed);
    const outcomes = await Promise.all(runs.map((run) => readRun(work.directory, run)));
    const [first] = runs;
    if (first === undefined || !outcomes.includes(undefined)) continue;
    const weights = await plainWeights(first, work);
    yield* runGrid({ ...work, runs, start: (trainer) => trainer.startFrom(weights) });
  }
}

/** The weights of plain training with the settings and the seed of `run`. */
async function plainWeights(run: Run, work: Omit<GridWork, "start">): Promise<ReadonlyMap<string, Float32Array>> {
  const { data, optimizer, workers, signal } = work;
  const { epochs, batchSize } = run.identity;
  const given = { optimizer, seed: run.seed, ...(workers === undefined ? {} : { workers }) };
  using trainer = await Trainer.create(work.graphOf(run), given);
  await trainer.fit(data, { epochs, batchSize, validate: false, signal });
  return await trainer.weights();
}
