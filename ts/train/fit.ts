/** The training loop: which images, which program, which event. */
import { booleanOf, integerIn, numberIn, plainObject, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Dataset, Split } from "../io/dataset.ts";
import { shuffle } from "../nn/random.ts";
import type { Failure } from "../program/bind.ts";
import { rangeOf } from "../program/place.ts";
import { type Augmentation, checkAugmentation, drawViews } from "./augment.ts";
import { checkSplit } from "./check.ts";
import type { Engine } from "./engine.ts";
import {
  DEFAULT_BATCH,
  estimateStatistics,
  evaluate,
  evaluateSoft,
  LARGEST_BATCH,
  STATISTICS_BATCHES,
  stopped,
  tooFew,
} from "./evaluate.ts";
import type { EpochEvent, Score, StepEvent, TrainEvent, Validation } from "./events.ts";
import { createFlipMeter, type FlipMeter } from "./flips.ts";
import { lossOf } from "./losses/plan.ts";
import { learningRateAt, type Optimizer } from "./optimizers.ts";
import { restorePrevious } from "./weights.ts";

export interface FitOptions {
  readonly epochs: number;
  readonly batchSize?: number;
  /** Random views of the training images; none where absent. */
  readonly augment?: Augmentation | undefined;
  /**
   * Label smoothing, in [0, 1): the share of the truth that all classes have alike (Szegedy et al., CVPR 2016, section 7).
   * Losses of steps and epochs are then those with the smoothed truth; evaluation knows none. 0 where absent.
   */
  readonly labelSmoothing?: number | undefined;
  /** Whether `data.test` is evaluated after every epoch; true where absent. */
  readonly validate?: boolean;
  /**
   * Whether the soft network is validated beside the hard-signed one where some quantizer is soft; true where absent. It
   * makes the validation take twice as long: statistics and test images once more.
   */
  readonly soft?: boolean;
  /** Whether events tell the share of binary weights that changed their sign (`flips.ts`); false where absent. */
  readonly flipRatio?: boolean;
  /** Called while an epoch is validated, with the share of that work that is done, in [0, 1]. */
  readonly onValidate?: (epoch: number, share: number) => void;
  /** Stops the run after the steps in hand, about 50 ms of work; their events still come. */
  readonly signal?: AbortSignal;
}

/** What a trainer remembers from one call of `fit` to the next. */
export interface TrainerState {
  readonly seed: number;
  epochs: number;
  updates: number;
  /** Share of the last call of `fit` that is done; 0 before the first. */
  progress: number;
  busy: boolean;
  /** What a model file says of its input: that of the last data set trained on. */
  metadata: Readonly<Record<string, string>>;
}

/** How a split's bytes become numbers, as a model file says it. */
export const inputOf = (split: Split): Readonly<Record<string, string>> => ({
  inputScale: String(split.scale),
  inputOffset: String(split.offset),
});

/** Steps are sent to the workers in slices of about this long: short enough to stop and to report. */
const SLICE_MS = 50;
const MOST_STEPS_AT_ONCE = 64;

/** See `Trainer.fit`. */
export async function* fitNetwork(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  data: Dataset,
  options: FitOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const subject: Subject = { code: "argument", what: "fit" };
  plainObject(data, ["name", "classes", "train", "test"], { code: "argument", what: "the data set" });
  plainObject(
    options,
    ["epochs", "batchSize", "augment", "labelSmoothing", "validate", "soft", "flipRatio", "onValidate", "signal"],
    subject,
  );
  const epochs = integerIn(options.epochs, 1, 1e6, "epochs", subject);
  const batch = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const smoothing = numberIn(options.labelSmoothing ?? 0, 0, 1, "labelSmoothing", subject);
  if (smoothing === 1)
    reject(subject, "labelSmoothing", "a number below 1, for 1 leaves nothing of the labels", smoothing);
  const validate = booleanOf(options.validate ?? true, "validate", subject);
  const soft = booleanOf(options.soft ?? true, "soft", subject);
  const counting = booleanOf(options.flipRatio ?? false, "flipRatio", subject);
  checkSplit(engine, data.train);
  const augment = checkAugmentation(options.augment, data.train.shape);
  if (validate) checkSplit(engine, data.test);
  if (counting) createFlipMeter(engine.graph, engine.layout);
  const steps = Math.floor(data.train.count / batch);
  if (steps < 1) throw tooFew(data.train.count, batch);
  if (state.busy) {
    throw new ProxbitError(
      "argument",
      "this trainer is training already, or evaluates its soft network",
      "Wait for the other call to end, or create a second trainer.",
    );
  }
  state.busy = true;
  state.metadata = {
    dataset: data.name,
    classes: JSON.stringify(data.classes),
    ...inputOf(data.train),
  };
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const began = performance.now();
      const flips = counting ? createFlipMeter(engine.graph, engine.layout) : null;
      const course: Course = { epoch, epochs, batch, steps, augment, smoothing, flips };
      let [loss, accuracy] = [0, 0];
      const terms = new Map<string, number>();
      for await (const event of runEpoch(engine, optimizer, state, data, options, course)) {
        loss += event.loss / steps;
        accuracy += event.accuracy / steps;
        for (const [name, value] of Object.entries(event.terms ?? {})) {
          terms.set(name, (terms.get(name) ?? 0) + value / steps);
        }
        yield event;
      }
      state.epochs++;
      const means = { loss, accuracy, ...termsOf(Object.fromEntries(terms)) };
      const summary: EpochEvent = { type: "epoch", epoch, epochs, ...means, seconds: 0 };
      const measured =
        validate || epoch === epochs
          ? await endEpoch(engine, state, data, { ...options, validate, soft }, course)
          : undefined;
      const seconds = (performance.now() - began) / 1000;
      yield {
        ...summary,
        seconds,
        ...(measured === undefined ? {} : { validation: measured }),
        ...(flips === null ? {} : { flipRatio: flips.mean() }),
      };
    }
  } finally {
    state.busy = false;
  }
}

/**
 * Estimates running statistics, and evaluates the test images where that is wanted: those of the soft network first, so that
 * what stays are the statistics of the hard-signed one.
 */
async function endEpoch(
  engine: Engine,
  state: TrainerState,
  data: Dataset,
  { validate, soft, signal, onValidate }: FitOptions,
  { epoch, epochs, batch, steps }: Course,
): Promise<Validation | undefined> {
  const progress = epoch / epochs;
  // A batch of either work takes about the same time.
  const statistics = Math.min(steps, STATISTICS_BATCHES);
  const once = statistics + (validate ? data.test.count / batch : 0);
  const both = validate && soft === true && engine.soft(progress);
  const first = both ? once : 0;
  const report = (batches: number): void => onValidate?.(epoch, Math.min(1, batches / (first + once)));
  const work = { batchSize: batch, signal };
  const beside = both
    ? await evaluateSoft(engine, state.seed, data.test, { statistics: data.train, progress }, work, report)
    : undefined;
  const onBatch = (batches: number): void => report(first + batches);
  await estimateStatistics(engine, state.seed, data.train, { ...work, onProgress: onBatch });
  if (!validate) return undefined;
  const onProgress = (images: number): void => onBatch(statistics + images / batch);
  const scored = scoreOf(await evaluate(engine, data.test, { ...work, onProgress }));
  return beside === undefined ? scored : { ...scored, soft: scoreOf(beside) };
}

/** The terms of the loss, for an event; a loss of one term says all by itself. */
const termsOf = (terms: Readonly<Record<string, number>>): Pick<StepEvent, "terms"> =>
  Object.keys(terms).length > 1 ? { terms } : {};

const scoreOf = ({ loss, accuracy }: Score): Score => ({ loss, accuracy });

interface Course {
  readonly epoch: number;
  readonly epochs: number;
  readonly batch: number;
  readonly steps: number;
  readonly augment: Required<Augmentation> | null;
  readonly smoothing: number;
  readonly flips: FlipMeter | null;
}

async function* runEpoch(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  data: Dataset,
  options: FitOptions,
  course: Course,
): AsyncGenerator<StepEvent, void, undefined> {
  const { epoch, epochs, batch, steps, augment, smoothing, flips } = course;
  const order = shuffle(data.train.count, state.seed, state.epochs);
  const views = augment && drawViews(augment, steps * batch, state.seed, state.epochs);
  const total = epochs * steps;
  const progressAt = (step: number): number => ((epoch - 1) * steps + step) / total;
  let atOnce = 1;
  let millisecondsPerStep = 0;
  for (let first = 0; first < steps; ) {
    if (options.signal?.aborted) throw stopped(`training (epoch ${epoch}, after step ${first})`);
    const hardness = engine.hardness(progressAt(first));
    let count = 1;
    while (count < atOnce && first + count < steps && engine.hardness(progressAt(first + count)) === hardness) count++;
    const start = first;
    const { result, losses, milliseconds } = await engine.withPlan(
      batch,
      async (plan) => {
        const program = await engine.trainStep(plan, data.train, progressAt(start), { flips: flips !== null });
        const inputs = Array.from({ length: count }, (_, i) => {
          const [from, to] = [(start + i) * batch, (start + i + 1) * batch];
          const images = order.subarray(from, to);
          const progress = progressAt(start + i);
          return engine.inputs(
            plan,
            images,
            { kind: "train", progress, update: state.updates + i + 1, smoothing },
            views?.subarray(from, to),
          );
        });
        const reads = [rangeOf(plan.objective.results)];
        if (plan.flips !== null && flips !== null) reads.push(rangeOf(plan.flips.all));
        const began = performance.now();
        const run = await engine.pool.run(program, inputs, reads);
        const each = (performance.now() - began) / Math.max(1, run.completed);
        if (run.failure !== null) await restorePrevious(engine);
        return {
          result: run,
          losses: run.reads.map(([sums, counts]) => ({
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
    state.updates += result.completed;
    state.progress = progressAt(first + result.completed);

    for (const [i, sums] of losses.entries()) {
      const step = first + i + 1;
      yield {
        type: "step",
        epoch,
        epochs,
        step,
        steps,
        loss: sums.loss,
        accuracy: sums.accuracy,
        ...termsOf(sums.terms),
        learningRate: learningRateAt(optimizer, progressAt(step - 1)),
        ...(sums.flipped === null ? {} : { flipRatio: sums.flipped }),
        imagesPerSecond: (1000 * batch) / millisecondsPerStep,
        secondsLeft: (millisecondsPerStep * (total - (epoch - 1) * steps - step)) / 1000,
      };
    }
    if (result.failure !== null) {
      state.updates = 0;
      throw notFinite(result.failure, epoch, first + result.completed + 1);
    }
    first += count;
  }
}

function notFinite(failure: Failure, epoch: number, step: number): ProxbitError {
  return new ProxbitError(
    "not-finite",
    `epoch ${epoch}, step ${step}: layer "${failure.node}" met a number that is not finite (in ${failure.kernel})`,
    "Use a lower learning rate or check the data; the trainer holds the last good weights, with a fresh optimizer state.",
  );
}
