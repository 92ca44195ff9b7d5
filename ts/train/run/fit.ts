/** The training loop: epochs of steps, with work between them. */
import { booleanOf, integerIn, numberIn, plainObject, reject, type Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Dataset, Split } from "../../data/dataset.ts";
import type { Optimizer } from "../optimizers/optimizers.ts";
import { createFlipMeter } from "../plan/flips.ts";
import { type Augmentation, checkAugmentation } from "./augment.ts";
import { checkSplit } from "./check-split.ts";
import type { Engine } from "./engine.ts";
import { type EpochEnd, runEpochEnd } from "./epoch-end.ts";
import { runSteps, type StepSetting, severalOf } from "./epoch-steps.ts";
import { checkTasks, type EpochTask } from "./epoch-task.ts";
import { DEFAULT_BATCH, LARGEST_BATCH, tooFew } from "./evaluate.ts";
import type { EpochEvent, TrainEvent } from "./events.ts";
import { type Course, endEpoch, newCourse, newRun, type RunRecord } from "./run.ts";

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
  /** Work of one's own between epochs, in this order; none where absent. */
  readonly tasks?: readonly EpochTask[];
  /** Called while an epoch is validated, with the share of that work that is done, in [0, 1]. */
  readonly onValidate?: (epoch: number, share: number) => void;
  /** Stops the run after the steps in hand, about 50 ms of work; their events still come. */
  readonly signal?: AbortSignal;
}

/** What a trainer remembers from one call of `fit` to the next. */
export interface TrainerState extends RunRecord {
  /** Whether a call is at work that would not bear another one. */
  busy: boolean;
}

/** The state of a new trainer. */
export const newState = (seed: number): TrainerState => ({ ...newRun(seed), busy: false });

/** How a split's bytes become numbers, as a model file says it. */
export const inputOf = (split: Split): Readonly<Record<string, string>> => ({
  inputScale: String(split.scale),
  inputOffset: String(split.offset),
});

/** The options of a call, checked. */
interface Checked {
  readonly fixed: Pick<Course, "epochs" | "batchSize" | "steps">;
  readonly setting: Omit<StepSetting, "flips">;
  readonly counting: boolean;
  readonly end: EpochEnd;
}

const optionNames = [
  ...[
    "epochs",
    "batchSize",
    "augment",
    "labelSmoothing",
    "validate",
    "soft",
    "flipRatio",
    "tasks",
    "onValidate",
    "signal",
  ],
] as const;

function checkFit(engine: Engine, data: Dataset, options: FitOptions): Checked {
  const subject: Subject = { code: "argument", what: "fit" };
  plainObject(data, ["name", "classes", "train", "test"], { code: "argument", what: "the data set" });
  plainObject(options, optionNames, subject);
  const epochs = integerIn(options.epochs, 1, 1e6, "epochs", subject);
  const batchSize = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const smoothing = numberIn(options.labelSmoothing ?? 0, 0, 1, "labelSmoothing", subject);
  if (smoothing === 1)
    reject(subject, "labelSmoothing", "a number below 1, for 1 leaves nothing of the labels", smoothing);
  const validate = booleanOf(options.validate ?? true, "validate", subject);
  const soft = booleanOf(options.soft ?? true, "soft", subject);
  const counting = booleanOf(options.flipRatio ?? false, "flipRatio", subject);
  const tasks = checkTasks(options.tasks, subject);
  checkSplit(engine, data.train);
  const augment = checkAugmentation(options.augment, data.train.shape);
  if (validate) checkSplit(engine, data.test, engine.scoreTruth);
  if (counting) createFlipMeter(engine.graph, engine.layout);
  const steps = Math.floor(data.train.count / batchSize);
  if (steps < 1) throw tooFew(data.train.count, batchSize);
  const { signal, onValidate } = options;
  return {
    fixed: { epochs, batchSize, steps },
    setting: { images: data.train, augment, smoothing, signal },
    counting,
    end: { data, validate, soft, tasks, signal, onValidate },
  };
}

/** See `Trainer.fit`. */
export async function* fitNetwork(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  data: Dataset,
  options: FitOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const checked = checkFit(engine, data, options);
  yield* work(engine, optimizer, state, checked, newCourse(checked.fixed));
}

/**
 * Goes on with the call of `fit` that `state` was left in; the tensors must stand where its record says. Data and options are
 * those of that call.
 *
 * @throws ProxbitError "argument" where no call was left, or where it had other epochs, batches or images.
 */
export async function* continueFit(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  data: Dataset,
  options: FitOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const checked = checkFit(engine, data, options);
  const { course } = state;
  const { epochs, batchSize, steps } = checked.fixed;
  if (course === null || course.epochs !== epochs || course.batchSize !== batchSize || course.steps !== steps) {
    const left = course === null ? "none" : `${course.epochs} epochs of ${course.steps} steps of ${course.batchSize}`;
    throw new ProxbitError(
      "argument",
      `the run that was left had ${left}, and this one has ${epochs} epochs of ${steps} steps of ${batchSize}`,
      "Go on with the data and options that the run began with.",
    );
  }
  yield* work(engine, optimizer, state, checked, course);
}

async function* work(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  { setting, counting, end }: Checked,
  course: Course,
): AsyncGenerator<TrainEvent, void, undefined> {
  if (state.busy) {
    throw new ProxbitError(
      "argument",
      "this trainer is training already, or evaluates its soft network",
      "Wait for the other call to end, or create a second trainer.",
    );
  }
  state.busy = true;
  state.course = course;
  const { data } = end;
  state.metadata = { dataset: data.name, classes: JSON.stringify(data.classes), ...inputOf(data.train) };
  try {
    while (course.epoch < course.epochs) {
      const began = performance.now();
      const flips = counting ? createFlipMeter(engine.graph, engine.layout, course.flips) : null;
      course.flips = flips?.counts ?? null;
      yield* runSteps(engine, optimizer, state, course, { ...setting, flips });
      const { loss, accuracy, terms, epochs } = course;
      const ended = await runEpochEnd(engine, state, course, end);
      const means = { loss, accuracy, ...severalOf(terms) };
      const summary: EpochEvent = { type: "epoch", epoch: course.epoch + 1, epochs, ...means, seconds: 0 };
      const flipRatio = flips === null ? {} : { flipRatio: flips.mean() };
      endEpoch(course);
      yield { ...summary, seconds: (performance.now() - began) / 1000, ...ended, ...flipRatio };
    }
    state.course = null;
  } finally {
    state.busy = false;
  }
}
