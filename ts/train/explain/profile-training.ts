/**
 * Where the time of a step goes, measured: some steps of training are run with a clock around every call, and all values
 * are put back afterwards.
 */
import { integerIn, numberIn, plainObject, type Subject, signalOf } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Split } from "../../data/dataset.ts";
import type { Call, Part } from "../../program/call.ts";
import { type Range, rangeOf } from "../../program/place.ts";
import type { Program, Write } from "../../program/program.ts";
import type { TimedRun } from "../../runtime/profile.ts";
import { writeLarge } from "../plan/memory.ts";
import { checkSplit } from "../run/check-split.ts";
import type { Engine } from "../run/engine.ts";
import { DEFAULT_BATCH, LARGEST_BATCH, stopped, tooFew } from "../run/evaluate.ts";

export interface TrainingProfileOptions {
  /** Images a step; 128 where absent. */
  readonly batchSize?: number;
  /** Steps that are measured, after two that are not; 10 where absent. */
  readonly steps?: number;
  /** Share of the run that is done, in [0, 1]: quantizers harden on the way. 0 where absent. */
  readonly progress?: number;
  /** Ends the measurement between two steps, with the error `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** Parts of a step's work, as shares of the time of all workers. */
export interface StepShares {
  /** Preparing weights, gathering images, the forward pass and the loss. */
  readonly forward: number;
  /** Gradients at kernels and biases, lane by lane. */
  readonly filterGradient: number;
  /** Gradients at the layer's input; all of the way back of a layer that is no product. */
  readonly inputGradient: number;
  /** Adding up what the lanes computed, and the way back through the weights' quantizer. */
  readonly lanes: number;
  /** The optimizer, and the copy of the last good values. */
  readonly update: number;
}

/** The share of parts of a layer that one kernel calculates together, by their names in `explain`. */
export interface PartShare {
  readonly parts: readonly string[];
  readonly share: number;
}

export interface TrainingProfile {
  readonly steps: number;
  readonly batchSize: number;
  readonly workers: number;
  readonly progress: number;
  readonly millisecondsPerStep: number;
  /** The shares of each layer, in the graph's order. */
  readonly layers: readonly (StepShares & { readonly node: string; readonly parts: readonly PartShare[] })[];
  /**
   * The shares of the whole network, the copy of the values included; waiting for other workers at the end of a phase; and
   * the rest, between calls. Together 1.
   */
  readonly shares: StepShares & { readonly waiting: number; readonly rest: number };
}

const WARM_UP = 2;
const MOST_STEPS = 10_000;

/** See `Trainer.profile`. */
export async function profileTraining(
  engine: Engine,
  split: Split,
  options: TrainingProfileOptions,
): Promise<TrainingProfile> {
  const subject: Subject = { code: "argument", what: "profile" };
  plainObject(options, ["batchSize", "steps", "progress", "signal"], subject);
  checkSplit(engine, split);
  const batchSize = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const steps = integerIn(options.steps ?? 10, 1, MOST_STEPS, "steps", subject);
  const progress = numberIn(options.progress ?? 0, 0, 1, "progress", subject);
  const signal = signalOf(options.signal, "signal", subject);
  if (split.count < batchSize) throw tooFew(split.count, batchSize);
  return engine.withPlan(batchSize, async (plan) => {
    const program = await engine.trainingProgram(plan, split, progress);
    const images = Uint32Array.from({ length: batchSize }, (_, image) => image);
    const inputs = (count: number, first: number): readonly (readonly Write[])[] =>
      Array.from({ length: count }, (_, i) =>
        engine.inputs(plan, images, { kind: "train", progress, update: first + i + 1 }),
      );
    const restore = await remember(engine);
    try {
      const measured = async (count: number, first: number): Promise<readonly TimedRun[]> => {
        if (signal?.aborted) throw stopped("the measurement");
        const runs = await engine.pool.profile(program, inputs(count, first));
        for (const { result } of runs) if (result.failure !== null) throw notFinite(result.failure.node);
        return runs;
      };
      for (let step = 0; step < WARM_UP; step++) await measured(1, step);
      const runs: TimedRun[] = [];
      let elapsed = 0;
      for (let step = 0; step < steps; step++) {
        const own = await measured(1, WARM_UP + step);
        elapsed += Math.max(...own.map(({ timing }) => timing.elapsed));
        runs.push(...own);
      }
      const { workers } = engine.pool;
      const shares = sharesOf(engine, program, runs);
      return { steps, batchSize, workers, progress, millisecondsPerStep: elapsed / steps, ...shares };
    } finally {
      await restore();
    }
  });
}

/** Remembers values and the optimizer's state; what comes back puts them into place again. */
async function remember({ pool, layout }: Engine): Promise<() => Promise<void>> {
  const kept: (readonly [Range, Uint8Array])[] = [];
  for (const place of [layout.values, layout.previous, layout.slots]) {
    const range = rangeOf(place);
    kept.push([range, await pool.read(range)]);
  }
  return async () => {
    for (const [{ address }, bytes] of kept) await writeLarge(pool, address, bytes);
  };
}

/** The share of all parts together. */
export const sumOfShares = (shares: StepShares): number =>
  shares.forward + shares.filterGradient + shares.inputGradient + shares.lanes + shares.update;

/** Which share a call counts for, by the part of the step that it is for. */
const SHARES: Readonly<Record<Part, keyof StepShares>> = {
  prepare: "forward",
  gather: "forward",
  forward: "forward",
  loss: "forward",
  tap: "forward",
  weights: "filterGradient",
  input: "inputGradient",
  lanes: "lanes",
  update: "update",
  count: "update",
};

function sharesOf(
  engine: Engine,
  program: Program<number>,
  runs: readonly TimedRun[],
): Pick<TrainingProfile, "layers" | "shares"> {
  const calls = program.flat(2);
  const all = runs.reduce((sum, { timing }) => sum + timing.elapsed, 0);
  const blank = () => ({ forward: 0, filterGradient: 0, inputGradient: 0, lanes: 0, update: 0 });
  const total = blank();
  const byNode = new Map(
    engine.graph.nodes.map(({ name }) => [name, { own: blank(), parts: new Map<string, number>() }]),
  );
  for (const { timing } of runs) {
    for (const [place, milliseconds] of timing.calls.entries()) {
      const { node, part, roles = {} } = calls[place] as Call<number>;
      const share = SHARES[part];
      total[share] += milliseconds / all;
      const known = byNode.get(node);
      if (known === undefined) continue;
      known.own[share] += milliseconds / all;
      const together = Object.keys(roles).join();
      if (together !== "") known.parts.set(together, (known.parts.get(together) ?? 0) + milliseconds / all);
    }
  }
  const waiting = runs.reduce((sum, { timing }) => sum + timing.waiting / all, 0);
  const rest = 1 - waiting - sumOfShares(total);
  const layers = [...byNode].map(([node, { own, parts }]) => {
    return { node, ...own, parts: [...parts].map(([names, share]) => ({ parts: names.split(","), share })) };
  });
  return { layers, shares: { ...total, waiting, rest } };
}

function notFinite(node: string): ProxbitError {
  return new ProxbitError(
    "not-finite",
    `layer "${node}" met a number that is not finite while a step was measured`,
    "Use a lower learning rate or check the data; the weights are as they were.",
  );
}
