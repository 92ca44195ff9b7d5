/** The steps of an epoch: which images, which program, which event. */
import { ProxbitError } from "../../base/errors.ts";
import { type Examples, isStream } from "../../data/dataset.ts";
import type { Failure } from "../../program/bind.ts";
import { rangeOf } from "../../program/place.ts";
import type { Objective } from "../losses/index.ts";
import { lossOf, type StepLoss } from "../losses/plan.ts";
import { learningRateAt, type Optimizer } from "../optimizers/optimizers.ts";
import type { FlipMeter } from "../plan/flips.ts";
import { type Augmentation, drawViews } from "./augment.ts";
import type { Engine } from "./engine.ts";
import { stopped } from "./evaluate.ts";
import type { StepEvent } from "./events.ts";
import { type Feed, feedOf } from "./feed.ts";
import { type Course, inputOf, momentAt, progressAt, type RunRecord } from "./run.ts";
import { restorePrevious } from "./trained-weights.ts";

/** Steps are sent to the workers in slices of about this long: short enough to stop and to report. */
const SLICE_MS = 50;
const MOST_STEPS_AT_ONCE = 64;

/** The unchanging side of a call of `fit`. */
export interface StepSetting {
  readonly images: Examples;
  readonly augment: Required<Augmentation> | null;
  readonly smoothing: number;
  readonly flips: FlipMeter | null;
  readonly signal: AbortSignal | undefined;
}

/** Makes the steps that `course` still has in this epoch, and keeps its record and the run's at where the tensors stand. */
export async function* runSteps(
  engine: Engine,
  optimizer: Optimizer,
  run: RunRecord,
  course: Course,
  setting: StepSetting,
): AsyncGenerator<StepEvent, void, undefined> {
  const { images, signal } = setting;
  const { steps, batchSize: batch } = course;
  const order = { seed: run.seed, epoch: run.epochs };
  const from = course.step * batch;
  const feed = feedOf(engine, images, { order, batch, total: steps * batch, from, signal });
  try {
    yield* runFed(engine, optimizer, run, course, setting, feed);
  } finally {
    feed.end();
  }
}

async function* runFed(
  engine: Engine,
  optimizer: Optimizer,
  run: RunRecord,
  course: Course,
  { images, augment, smoothing, flips, signal }: StepSetting,
  feed: Feed,
): AsyncGenerator<StepEvent, void, undefined> {
  const { epochs, steps, batchSize: batch } = course;
  const epoch = course.epoch + 1;
  const views = augment && drawViews(augment, steps * batch, run.seed, run.epochs);
  let atOnce = 1;
  let millisecondsPerStep = 0;
  while (course.step < steps) {
    const first = course.step;
    if (signal?.aborted) throw stopped(`training (epoch ${epoch}, after step ${first})`);
    const moment = (step: number): number | null => momentAt(run, progressAt(course, step));
    const hardness = engine.hardness(moment(first));
    const isAlike = (step: number): boolean => engine.hardness(moment(step)) === hardness;
    let alike = 1;
    while (alike < atOnce && first + alike < steps && isAlike(first + alike)) alike++;
    const count = Math.floor((await feed.ready(first * batch, alike * batch)) / batch);
    if (signal?.aborted) throw stopped(`training (epoch ${epoch}, after step ${first})`);
    const { result, losses, milliseconds } = await engine.withPlan(
      batch,
      async (plan) => {
        const data = await feed.places();
        if (isStream(images)) run.metadata = { ...run.metadata, ...inputOf(data) };
        const program = await engine.trainStep(plan, data, moment(first), { flips: flips !== null });
        const inputs = Array.from({ length: count }, (_, i) => {
          const from = (first + i) * batch;
          const [progress, update] = [progressAt(course, first + i), run.updates + i + 1];
          const [draw, rate] = [run.draws + i + 1, course.rate];
          const live = { kind: "train", progress, update, draw, rate, smoothing, seed: run.seed } as const;
          return engine.inputs(plan, feed.rows(from, batch), live, views?.subarray(from, from + batch));
        });
        const reads = [rangeOf(plan.objective.results)];
        if (plan.flips !== null && flips !== null) reads.push(rangeOf(plan.flips.all));
        const began = performance.now();
        const made = await engine.pool.run(program, inputs, reads);
        const each = (performance.now() - began) / Math.max(1, made.completed);
        if (made.failure !== null) await restorePrevious(engine);
        return {
          result: made,
          losses: made.reads.map(([sums, counts]) => ({
            ...lossOf(plan.objective, sums as Uint8Array, batch),
            flipped: flips === null ? null : flips.add(counts as Uint8Array),
          })),
          milliseconds: each,
        };
      },
      flips !== null,
    );
    millisecondsPerStep = millisecondsPerStep === 0 ? milliseconds : 0.9 * millisecondsPerStep + 0.1 * milliseconds;
    atOnce = Math.max(1, Math.min(MOST_STEPS_AT_ONCE, Math.round(SLICE_MS / millisecondsPerStep)));
    advance(run, course, result.completed, losses);

    for (const [i, { loss, accuracy, terms, flipped }] of losses.entries()) {
      const step = first + i + 1;
      yield {
        type: "step",
        epoch,
        epochs,
        step,
        steps,
        loss,
        accuracy,
        ...severalOf(terms),
        learningRate: course.rate * learningRateAt(optimizer, progressAt(course, step - 1)),
        ...(flipped === null ? {} : { flipRatio: flipped }),
        imagesPerSecond: (1000 * batch) / millisecondsPerStep,
        secondsLeft: (millisecondsPerStep * (epochs * steps - course.epoch * steps - step)) / 1000,
      };
    }
    if (result.failure !== null) {
      run.updates = 0;
      run.draws++;
      throw notFinite(engine.objective, result.failure, epoch, first + result.completed + 1);
    }
  }
}

/** The terms of the loss, for an event. A loss of one term says all by itself. */
export const severalOf = (terms: Readonly<Record<string, number>>): Pick<StepEvent, "terms"> =>
  Object.keys(terms).length > 1 ? { terms } : {};

/** Moves the records past `completed` steps; what stands in them is then what stands in the tensors. */
function advance(run: RunRecord, course: Course, completed: number, means: readonly StepLoss[]): void {
  for (const { loss, accuracy, terms } of means) {
    course.loss += loss / course.steps;
    course.accuracy += accuracy / course.steps;
    for (const [name, value] of Object.entries(terms)) {
      course.terms[name] = (course.terms[name] ?? 0) + value / course.steps;
    }
  }
  course.step += completed;
  run.updates += completed;
  run.draws += completed;
  run.progress = progressAt(course, course.step);
  if (course.step === course.steps) run.epochs++;
}

function notFinite(objective: Objective, failure: Failure, epoch: number, step: number): ProxbitError {
  const own = objective.find(({ remedies }) => remedies !== undefined && Object.hasOwn(remedies, failure.kernel));
  const remedy = own?.remedies?.[failure.kernel] ?? "Use a lower learning rate or check the data";
  return new ProxbitError(
    "not-finite",
    `epoch ${epoch}, step ${step}: layer "${failure.node}" met a number that is not finite (in ${failure.kernel})`,
    `${remedy}; the trainer holds the last good weights, with a fresh optimizer state.`,
  );
}
