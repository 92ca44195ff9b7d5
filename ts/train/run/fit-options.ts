/** The options of a call of `fit`, and their checks. */
import {
  booleanOf,
  callbackOf,
  integerIn,
  numberIn,
  oneOf,
  plainObject,
  reject,
  type Subject,
  signalOf,
} from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { type Dataset, type Examples, isStream } from "../../data/dataset.ts";
import type { CheckpointStore } from "../../io/checkpoint-store.ts";
import { type Objective, readsSmoothing } from "../losses/index.ts";
import { type Method, workOf } from "../method.ts";
import { checkMetrics, checkTruth, type MetricName } from "../metrics/metrics.ts";
import { createFlipMeter } from "../plan/flips.ts";
import { type Augmentation, checkAugmentation } from "./augment.ts";
import { type Average, averageTask, checkAverage } from "./average.ts";
import { keepBest } from "./best.ts";
import { checkBatch, checkTermBatch } from "./check-batch.ts";
import { checkData } from "./check-data.ts";
import type { RunFacts } from "./checkpoint.ts";
import { type CheckpointOption, type CheckpointRate, checkCheckpoint } from "./checkpoint-keeper.ts";
import { checkStopping, createStopper, type EarlyStopping, type Stopper } from "./early-stopping.ts";
import type { Engine } from "./engine.ts";
import type { EpochEnd } from "./epoch-end.ts";
import type { StepSetting } from "./epoch-steps.ts";
import { checkTasks, type EpochTask } from "./epoch-task.ts";
import { DEFAULT_BATCH, LARGEST_BATCH, tooFew } from "./evaluate.ts";
import type { EpochEvent, StepEvent } from "./events.ts";
import type { Course } from "./run.ts";

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
  /** `data.test` is evaluated after every epoch; true where absent. */
  readonly validate?: boolean;
  /**
   * Whether the soft network is validated beside the hard-signed one where some quantizer is soft; true where absent. It
   * makes the validation take twice as long: statistics and test images once more.
   */
  readonly soft?: boolean;
  /** Events tell the share of binary weights that changed their sign (`flips.ts`); false where absent. */
  readonly flipRatio?: boolean;
  /** Work of one's own between epochs, in this order; none where absent. */
  readonly tasks?: readonly EpochTask[];
  /**
   * Keeps the run where a crash cannot reach it: a path in Node, a name in a browser's IndexedDB, or a store. Checkpoints are
   * written in the background, at each epoch and so often that little is lost, and once more where the run is left.
   * `Trainer.resume` goes on from there to the bytes that the run would have had. A worker that dies then costs the steps since
   * the last one. None where absent.
   */
  readonly checkpoint?: CheckpointOption | undefined;
  /**
   * The way on from a number that is not finite. "stop", as where absent, ends the run with an error. "rollback" goes back to the
   * beginning of the epoch and halves all learning rates from there on, up to ten times.
   */
  readonly onDivergence?: "stop" | "rollback" | undefined;
  /** Ends the run with a mean of the weights at the ends of its epochs (`average.ts`); with the last weights where absent. */
  readonly average?: Average | undefined;
  /** The weights that the run ends with: "last", as where absent, or those of the epoch whose validation was "best". */
  readonly keep?: "last" | "best" | undefined;
  /** Ends the call where the validation has become no better for some epochs; the best weights come back. None where absent. */
  readonly earlyStopping?: EarlyStopping | undefined;
  /** Metrics of the test examples after every epoch (`validation.metrics`), which cost a forward pass; none where absent. */
  readonly metrics?: readonly MetricName[] | undefined;
  /** Told each step, and each epoch, however the call is run. An error that it throws ends the call with it. */
  readonly onStep?: ((event: StepEvent) => void) | undefined;
  readonly onEpoch?: ((event: EpochEvent) => void) | undefined;
  /** Called while an epoch is validated, with the share of that work that is done, in [0, 1]. */
  readonly onValidate?: (epoch: number, share: number) => void;
  /** Stops the run after the steps in hand, about 50 ms of work; their events still come. */
  readonly signal?: AbortSignal;
}

/** A task, or the like, with state of its own. */
export interface Stateful extends Pick<EpochTask, "name" | "save" | "restore"> {
  /** Nobody writes to an array that it has saved, so a checkpoint needs no copy. */
  readonly isConstant: boolean;
}

/** The options of a call, checked. */
export interface Checked {
  readonly fixed: Pick<Course, "epochs" | "batchSize" | "steps">;
  readonly setting: Omit<StepSetting, "flips">;
  readonly counting: boolean;
  /** The data as the caller gave it, which a run that goes on is held against; methods may train on other targets. */
  readonly data: Dataset<Examples>;
  readonly end: EpochEnd;
  readonly stopper: Stopper | null;
  readonly checkpoint: { readonly store: CheckpointStore; readonly every: CheckpointRate | null } | null;
  readonly rollsBack: boolean;
  readonly best: ReturnType<typeof keepBest> | null;
  /** All that has state of its own, which checkpoints keep under its name. */
  readonly stateful: readonly Stateful[];
  /** The options that a run which goes on must have again, by their words. */
  readonly facts: RunFacts;
}

const optionNames = [
  ...[
    ...["epochs", "batchSize", "augment", "labelSmoothing", "validate", "soft", "flipRatio", "tasks", "checkpoint"],
    ...["onDivergence", "average", "keep", "earlyStopping", "metrics", "onStep", "onEpoch", "onValidate", "signal"],
  ],
] as const;

/** @throws ProxbitError "argument", "shape" or "data" for what does not fit the network. */
export function checkFit(
  engine: Engine,
  given: Dataset<Examples>,
  asked: FitOptions,
  methods: readonly Method[] = [],
): Checked {
  const subject: Subject = { code: "argument", what: "fit" };
  const options = plainObject(asked, optionNames, subject) as unknown as FitOptions;
  const epochs = integerIn(options.epochs, 1, 1e6, "epochs", subject);
  const batchSize = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  checkBatch(engine, batchSize);
  checkTermBatch(engine, batchSize);
  const smoothing = numberIn(options.labelSmoothing ?? 0, 0, 1, "labelSmoothing", subject);
  if (smoothing === 1)
    reject(subject, "labelSmoothing", "a number below 1, for 1 leaves nothing of the labels", smoothing);
  if (smoothing > 0 && !readsSmoothing(engine.objective)) throw nothingToSmooth(engine.objective);
  const validate = booleanOf(options.validate ?? true, "validate", subject);
  const soft = booleanOf(options.soft ?? true, "soft", subject);
  const counting = booleanOf(options.flipRatio ?? false, "flipRatio", subject);
  const average = checkAverage(options.average, subject);
  const named = checkTasks(options.tasks, subject);
  const work = workOf(methods, { graph: engine.graph, epochs, data: given });
  const own = checkTasks([...work.tasks, ...named], subject);
  const averaging = average === null ? [] : [averageTask(average, engine.parameters)];
  const tasks = [...own, ...averaging];
  const keep = oneOf(options.keep ?? "last", ["last", "best"], "keep", subject);
  if (keep === "best" && !validate) reject(subject, "validate", "true where the best epoch is kept", validate);
  const best = keep === "best" ? keepBest() : null;
  const stopping = checkStopping(options.earlyStopping, validate, subject);
  if (average !== null && stopping !== null)
    reject(subject, "average", "absent beside earlyStopping, for the mean is that of a whole run", options.average);
  const stopper = stopping === null ? null : createStopper(stopping);
  const ours = [...averaging, ...(best === null ? [] : [best]), ...(stopper === null ? [] : [stopper])];
  const metrics = checkMetrics(options.metrics ?? [], subject);
  for (const name of ["onStep", "onEpoch"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function")
      reject(subject, name, "a function", options[name]);
  }
  const checkpoint = checkCheckpoint(options.checkpoint, subject);
  const onDivergence = oneOf(options.onDivergence ?? "stop", ["stop", "rollback"], "onDivergence", subject);
  const data = checkData(engine, work.data, validate);
  if (validate && !isStream(data.test)) checkTruth(metrics, data.test);
  const augment = checkAugmentation(options.augment, data.train.shape);
  if (counting) createFlipMeter(engine.graph, engine.layout);
  const steps = Math.floor(data.train.count / batchSize);
  if (steps < 1) throw tooFew(data.train.count, batchSize);
  const signal = signalOf(options.signal, "signal", subject);
  const onValidate = callbackOf<NonNullable<FitOptions["onValidate"]>>(options.onValidate, "onValidate", subject);
  return {
    fixed: { epochs, batchSize, steps },
    setting: { images: data.train, augment, smoothing, signal },
    counting,
    data: work.data === given ? data : given,
    end: { data, validate, soft, tasks, metrics, signal, onValidate },
    stopper,
    checkpoint,
    rollsBack: onDivergence === "rollback",
    best,
    stateful: [...own.map((task) => stateOf(task, false)), ...ours.map((one) => stateOf(one, true))],
    facts: {
      ...{ epochs, batchSize, augment, labelSmoothing: smoothing, validate, soft, flipRatio: counting, onDivergence },
      // Always there, null too: a fact that a checkpoint lacks is compared with nothing.
      ...{ average, keep, earlyStopping: stopping, metrics, tasks: named.map(({ name }) => name) },
    },
  };
}

const nothingToSmooth = (objective: Objective): ProxbitError =>
  new ProxbitError(
    "argument",
    `labelSmoothing is for cross-entropies, and the loss is ${objective.map(({ name }) => name).join(" + ")}`,
    "Leave labelSmoothing out, or take losses.crossEntropy() or losses.binaryCrossEntropy().",
  );

const stateOf = ({ name, save, restore }: Omit<Stateful, "isConstant">, isConstant: boolean): Stateful => ({
  ...{ name, isConstant },
  ...(save === undefined ? {} : { save }),
  ...(restore === undefined ? {} : { restore }),
});

/** Options out of the facts of a run that was left. Tasks are functions, which no fact can give back. */
export function optionsFrom(facts: RunFacts): Partial<FitOptions> {
  const { epochs, batchSize, augment, labelSmoothing, validate, soft, flipRatio, onDivergence, average, keep } = facts;
  const { earlyStopping, metrics } = facts;
  return {
    ...{ epochs, batchSize, labelSmoothing, validate, soft, flipRatio, onDivergence, average, keep },
    ...{ metrics, earlyStopping: earlyStopping ?? undefined },
    augment: augment ?? undefined,
  } as Partial<FitOptions>;
}
