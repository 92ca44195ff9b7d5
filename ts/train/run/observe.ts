/**
 * One step of training or evaluation with everything in it laid open: each layer's value, the gradient there, the gradient
 * of each parameter, and the parameters and the optimizer's state before and after. For comparison with another
 * calculation of the same step; what runs is the program that always runs, with copies in between.
 */

import type { Split } from "../../data/dataset.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { addressOf, type Place, rangeOf } from "../../program/place.ts";
import type { Program } from "../../program/program.ts";
import { lossOf, scoreOf } from "../losses/plan.ts";
import type { Live } from "../plan/context.ts";
import type { TrainedTensor } from "../plan/layout.ts";
import type { MeasuredPlan } from "../plan/reserve.ts";
import { sourcesOf } from "../plan/update.ts";
import type { Engine } from "./engine.ts";
import { notFinite } from "./evaluate.ts";

/** A step's numbers, by the names of nodes and parameters. Values are `[images][...shape]`, f32. */
export interface Observation {
  readonly images: number;
  /** Share of the run that was done, in [0, 1], and the number of the update, from 1. */
  readonly progress: number;
  readonly update: number;
  /** The seed of the run's random numbers. */
  readonly seed: number;
  /** Of the labels in the loss; 0 in an evaluation. */
  readonly smoothing: number;
  /** What the nodes calculated; a batch norm whose sum with a shortcut is written at once has no value of its own. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** The gradient of the loss at the values on the way back. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  /** The gradient at each trained parameter, as the optimizer reads it. */
  readonly parameterGradients: ReadonlyMap<string, Float32Array>;
  readonly before: State;
  readonly after: State;
  /** The values of the objective's terms by their names; in an evaluation that of the score alone. */
  readonly terms: Readonly<Record<string, number>>;
  /** The score's mean over the images, and the share of right answers; NaN where none is right or wrong. */
  readonly loss: number;
  readonly accuracy: number;
}

/**
 * Parameters and running statistics, the optimizer's tensors of each trained parameter, and those that the loss's terms carry from
 * step to step, as "term/tensor".
 */
export interface State {
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly slots: ReadonlyMap<string, readonly Float32Array[]>;
  readonly terms: ReadonlyMap<string, Float32Array>;
}

/** Where a step of training stands: the share of the run that is done, and the number of the update, from 1. */
type StepMoment = Omit<Extract<Live, { readonly kind: "train" }>, "kind">;

/**
 * A step of training on the first `images` images of `split`. The engine must have been made with `observed`. The quantizers stand
 * at `moment` of their schedules, which is the step's own progress where absent, and null for signs.
 *
 * @throws ProxbitError `not-finite` where the step meets a number that is not finite.
 */
export function observeStep(
  engine: Engine,
  split: Split,
  images: number,
  given: StepMoment,
  moment: number | null = given.progress,
): Promise<Observation> {
  const { smoothing = 0 } = given;
  return engine.withPlan(images, async (plan) => {
    const before = await readState(engine);
    const program = await engine.trainingProgram(plan, split, moment);
    const seen = await observe(engine, plan, program, { kind: "train", ...given });
    const parameterGradients = new Map<string, Float32Array>();
    const reached = plan.layers.filter(({ node }) => seen.gradients.has(node.name));
    for (const [{ parameter, gradient }] of sourcesOf(reached)) {
      const { size, optimizer } = engine.layout.tensors.get(parameter) as TrainedTensor;
      if (optimizer === null) continue;
      parameterGradients.set(parameter, await readFloats(engine, gradient, size));
    }
    return { seed: 0, ...given, smoothing, ...seen, parameterGradients, before, after: await readState(engine) };
  });
}

/** An evaluation of the hard-signed network on the first `images` images of `split`; there are no gradients. */
export function observeEvaluation(engine: Engine, split: Split, images: number): Promise<Observation> {
  return engine.withPlan(images, async (plan) => {
    const state = await readState(engine);
    const program = await engine.evaluatingProgram(plan, split, images);
    const seen = await observe(engine, plan, program);
    return {
      progress: 1,
      update: 0,
      seed: 0,
      smoothing: 0,
      ...seen,
      parameterGradients: new Map(),
      before: state,
      after: state,
    };
  });
}

type Seen = Pick<Observation, "images" | "values" | "gradients" | "terms" | "loss" | "accuracy">;

/** Runs the program once and reads what it left behind. */
async function observe(engine: Engine, plan: MeasuredPlan, program: Program<number>, live?: Live): Promise<Seen> {
  const { pool } = engine;
  const images = plan.batch;
  const numbers = Uint32Array.from({ length: images }, (_, image) => image);
  const id = await pool.define(program);
  const losses = rangeOf(plan.objective.results);
  const { failure, reads } = await pool.run(id, [engine.inputs(plan, numbers, live)], [losses]);
  await pool.forget([id]);
  if (failure !== null) throw notFinite(failure.node, "a step that was observed");
  const results = reads[0]?.[0] as Uint8Array;
  const sums = scoreOf(plan.objective, results);
  const { terms } = lossOf(plan.objective, results, images);
  const score = engine.objective.find(({ isScore }) => isScore === true)?.name as string;
  const written = new Set(program.flat(2).flatMap((call) => (call.part === "tap" ? [call.arguments.to] : [])));
  const copies = async (taps: ReadonlyMap<string, Place> | undefined): Promise<Map<string, Float32Array>> => {
    const found = new Map<string, Float32Array>();
    for (const [name, place] of taps ?? []) {
      const size = images * elementsOf(engine.shapes.get(name) as readonly number[]);
      if (written.has(addressOf(place))) found.set(name, await readFloats(engine, place, size));
    }
    return found;
  };
  return {
    images,
    values: await copies(plan.taps?.value),
    gradients: await copies(plan.taps?.gradient),
    terms: live === undefined ? { [score]: terms[score] ?? 0 } : terms,
    loss: sums.loss / images,
    accuracy: sums.correct / images,
  };
}

async function readState(engine: Engine): Promise<State> {
  const parameters = new Map<string, Float32Array>();
  const slots = new Map<string, readonly Float32Array[]>();
  for (const [name, { value, size, slots: own }] of engine.layout.tensors) {
    parameters.set(name, await readFloats(engine, value, size));
    slots.set(name, await Promise.all(own.map((slot) => readFloats(engine, slot, size))));
  }
  const terms = new Map<string, Float32Array>();
  for (const [name, { place, shape }] of engine.layout.states) {
    terms.set(name, await readFloats(engine, place, elementsOf(shape)));
  }
  return { parameters, slots, terms };
}

async function readFloats(engine: Engine, place: Place, size: number): Promise<Float32Array> {
  const bytes = await engine.pool.read(rangeOf(place, 4 * size));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
