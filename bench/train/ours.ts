/** Our training step, one at a time: the step of `Trainer.fit`, without its slices of several steps. */
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { validateGraph } from "../../ts/nn/validate.ts";
import type { KernelName, Part } from "../../ts/program/call.ts";
import { rangeOf } from "../../ts/program/place.ts";
import type { Program } from "../../ts/program/program.ts";
import { createPool } from "../../ts/runtime/pool.ts";
import { lossOf } from "../../ts/train/losses/plan.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import type { MemoryUse } from "../../ts/train/plan/reserve.ts";
import { createEngine, type EngineOptions } from "../../ts/train/run/engine.ts";
import { initialize, readWeights } from "../../ts/train/run/trained-weights.ts";
import { xorshift } from "../conv/problem.ts";
import type { Context } from "../frame/benchmark.ts";

export interface Stepper {
  readonly variant: string;
  readonly memory: MemoryUse;
  /** Makes a step; answers the mean loss of its images, before the update. */
  readonly step: () => Promise<number>;
  /** All values, by the parameters' names. */
  readonly weights: () => Promise<ReadonlyMap<string, Float32Array>>;
  /** The time of some steps, as shares of the time of all workers: by kernel, and at barriers. */
  readonly profile: (steps: number) => Promise<StepProfile>;
  readonly close: () => void;
}

export interface StepProfile {
  readonly kernels: readonly KernelShare[];
  /** Waiting for other workers at the end of a phase. */
  readonly waiting: number;
  /** Between calls. */
  readonly rest: number;
}

/** The share of a kernel in a part of the step. */
export interface KernelShare {
  readonly kernel: KernelName;
  readonly part: Part;
  readonly share: number;
}

/** Images of random bytes with random labels of ten classes. The time of a step does not depend on them. */
export function noise(shape: readonly [number, number, number], count: number): Dataset {
  const next = xorshift(1);
  const split: Split = {
    ...{ count, shape, scale: 1 / 127.5, offset: -1 },
    images: Uint8Array.from({ length: count * shape[0] * shape[1] * shape[2] }, () => next() >>> 24),
    labels: Uint8Array.from({ length: count }, () => (next() >>> 8) % 10),
  };
  const classes = Array.from({ length: 10 }, (_, label) => String(label));
  return { name: "noise", classes, train: split, test: split };
}

/** A training at the beginning of its run, where quantizers are as soft as they get. It ends with the benchmark. */
export async function stepper(
  graph: Graph,
  { train }: Dataset,
  batch: number,
  workers: number,
  context: Pick<Context, "atEnd">,
  options: EngineOptions = {},
): Promise<Stepper> {
  const pool = await createPool({ workers });
  context.atEnd(() => pool.close());
  const engine = await createEngine(validateGraph(graph), optimizers.adam(), pool, options);
  await initialize(engine, 1);
  let update = 0;
  /** The inputs of the next step: the images that follow. */
  const inputs = (plan: Parameters<typeof engine.inputs>[0]) => {
    const first = (update * batch) % (train.count - batch + 1);
    update++;
    const images = Uint32Array.from({ length: batch }, (_, image) => first + image);
    return engine.inputs(plan, images, { kind: "train", progress: 0, update });
  };
  return {
    variant: pool.variant,
    memory: engine.measure(batch).memory,
    step: () =>
      engine.withPlan(batch, async (plan) => {
        const losses = rangeOf(plan.objective.results);
        const { failure, reads } = await pool.run(
          await engine.trainStep(plan, await engine.dataAt(train), 0),
          [inputs(plan)],
          [losses],
        );
        if (failure !== null) throw new Error(`${failure.node} met a number that is not finite`);
        return lossOf(plan.objective, reads[0]?.[0] as Uint8Array, batch).loss;
      }),
    weights: () => engine.alone(() => readWeights(engine)),
    profile: (steps) =>
      engine.withPlan(batch, async (plan) => {
        const program = await engine.trainingProgram(plan, train, 0);
        const runs = await pool.profile(
          program,
          Array.from({ length: steps }, () => inputs(plan)),
        );
        return shares(program, runs);
      }),
    close: () => pool.close(),
  };
}

function shares(
  program: Program<number>,
  runs: Awaited<ReturnType<Awaited<ReturnType<typeof createPool>>["profile"]>>,
): StepProfile {
  const all = runs.reduce((sum, { timing }) => sum + timing.elapsed, 0);
  const found = new Map<string, KernelShare>();
  for (const { timing } of runs) {
    for (const [place, { kernel, part }] of program.flat(2).entries()) {
      const key = `${kernel} ${part}`;
      const share = (found.get(key)?.share ?? 0) + (timing.calls[place] as number) / all;
      found.set(key, { kernel, part, share });
    }
  }
  const kernels = [...found.values()];
  const waiting = runs.reduce((sum, { timing }) => sum + timing.waiting / all, 0);
  const named = kernels.reduce((sum, { share }) => sum + share, 0);
  return { kernels, waiting, rest: 1 - named - waiting };
}
