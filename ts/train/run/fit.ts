/** The training loop: epochs of steps, with work between them; and ways to go on where it was left. */
import { isProxbitError, ProxbitError } from "../../base/errors.ts";
import { type Dataset, type Examples, isStream } from "../../data/dataset.ts";
import type { Optimizer } from "../optimizers/optimizers.ts";
import { createFlipMeter } from "../plan/flips.ts";
import { checkFacts, trainerFacts } from "./checkpoint.ts";
import { type CheckpointKeeper, createKeeper } from "./checkpoint-keeper.ts";
import { leaveStage } from "./checkpoint-stage.ts";
import type { Engine } from "./engine.ts";
import { runEpochEnd } from "./epoch-end.ts";
import { runSteps, severalOf } from "./epoch-steps.ts";
import { beginTasks } from "./epoch-task.ts";
import { estimateStatistics } from "./evaluate.ts";
import type { EpochEvent, TrainEvent, Validation } from "./events.ts";
import { type Checked, checkFit, type FitOptions, optionsFrom } from "./fit-options.ts";
import { type Call, factsOf, goodPoint, isRecovered, momentOf, remember, restoreTasks } from "./recovery.ts";
import { type Course, endEpoch, inputOf, newCourse, type RunRecord } from "./run.ts";
import { mayFallSilent, refuseSilentTraining } from "./silent-weights.ts";
import type { TrainerState } from "./trainer-state.ts";
import { watchLoss } from "./watch-loss.ts";

export type { FitOptions } from "./fit-options.ts";
export { newState, type TrainerState } from "./trainer-state.ts";

/** Makes a new engine of the same network, where the workers of the old one are lost. */
export type Revive = () => Promise<Engine>;

const newCounts = () => ({ deaths: 0, lastDeath: 0, rollbacks: 0, isStale: false, watch: watchLoss() });

/** See `Trainer.fit`. */
export async function* fitNetwork(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  data: Dataset<Examples>,
  options: FitOptions,
  revive: Revive | null = null,
): AsyncGenerator<TrainEvent, void, undefined> {
  const checked = checkFit(engine, data, options, state.methods);
  // Without a pause where nothing can fall silent, so that the trainer is busy at once.
  if (mayFallSilent(engine)) await refuseSilentTraining(engine);
  yield* work(
    { engine, optimizer, state, checked, revive, good: null, ...newCounts() },
    () => {
      Object.assign(state, { history: [], allow: [], good: null, tasks: {}, progress: 0, hardened: false });
      return newCourse(checked.fixed);
    },
    true,
  );
}

/**
 * Goes on with the call of `fit` that `state` was left in; the tensors must stand where its record says. Data and options are
 * those of that call, and options that are absent are taken from it.
 *
 * @throws ProxbitError "argument" where no call was left, or where it had other epochs, batches or images; "checkpoint" where
 * it was read from a checkpoint and something else differs.
 */
export async function* continueFit(
  engine: Engine,
  optimizer: Optimizer,
  state: TrainerState,
  data: Dataset<Examples>,
  options: Partial<FitOptions>,
  revive: Revive | null = null,
): AsyncGenerator<TrainEvent, void, undefined> {
  const usual = { ...checkpointFrom(state), ...optionsFrom(state.facts ?? {}) };
  const checked = checkFit(engine, data, { ...usual, ...options } as FitOptions, state.methods);
  const call = { engine, optimizer, state, checked, revive, good: state.good, ...newCounts() };
  const { course } = state;
  const { epochs, batchSize, steps } = checked.fixed;
  const isOther = course?.epochs !== epochs && !state.allow.includes("epochs");
  if (course === null || isOther || course.batchSize !== batchSize || course.steps !== steps) {
    const left = course === null ? "none" : `${course.epochs} epochs of ${course.steps} steps of ${course.batchSize}`;
    throw new ProxbitError(
      "argument",
      `the run that was left had ${left}, and this one has ${epochs} epochs of ${steps} steps of ${batchSize}`,
      "Go on with the data and options that the run began with.",
    );
  }
  if (epochs < course.epoch) {
    throw new ProxbitError(
      "argument",
      `${course.epoch} epochs of the run are done, and it is to go on to ${epochs}`,
      `Give at least ${course.epoch} epochs.`,
    );
  }
  if (state.facts !== null) checkFacts(state.facts, await factsOf(call), state.allow);
  refuseBusy(state);
  restoreTasks(call);
  yield* work(call, () => Object.assign(course, { epochs }));
}

/** The option of the call that was left. */
const checkpointFrom = ({ checkpoint: left }: TrainerState): Partial<FitOptions> =>
  left === null ? {} : { checkpoint: { to: left.store, ...(left.every === null ? {} : { every: left.every }) } };

/** @throws ProxbitError "argument" where a call is at work. */
function refuseBusy({ busy }: TrainerState): void {
  if (!busy) return;
  throw new ProxbitError(
    "argument",
    "this trainer is training already, or evaluates its soft network",
    "Wait for the other call to end, or create a second trainer.",
  );
}

/** The words about a stream's numbers, which its first batch tells; a call that goes on behind its last step has none. */
function inputWords({ metadata }: TrainerState): Readonly<Record<string, string>> {
  const { inputScale, inputOffset } = metadata;
  return inputScale === undefined || inputOffset === undefined ? {} : { inputScale, inputOffset };
}

/** Does the rest of the course that `begin` gives, and keeps checkpoints of it; `isNew` where no step of it is done. */
async function* work(call: Call, begin: () => Course, isNew = false): AsyncGenerator<TrainEvent, void, undefined> {
  const { state, checked } = call;
  refuseBusy(state);
  state.busy = true;
  let hasBegun = false;
  let keeper: CheckpointKeeper | null = null;
  let isLeft = true;
  /** By a `break`: an error and a signal are thrown, the end is reached. */
  let isLeftByCaller = true;
  try {
    if (checked.checkpoint !== null) keeper = await createKeeper(checked.checkpoint.store, checked.checkpoint.every);
    await state.stand.move();
    state.course = begin();
    hasBegun = true;
    Object.assign(state, { checkpoint: checked.checkpoint, isTorn: false });
    const { data } = checked.end;
    // A stream tells of its numbers with its first batch.
    const input = !isStream(data.train) ? inputOf(data.train) : isNew ? {} : inputWords(state);
    const fit = data.input && { inputFit: data.input.fit, inputBackground: data.input.background };
    state.metadata = { dataset: data.name, classes: JSON.stringify(data.classes), ...input, ...fit };
    state.facts = {
      ...trainerFacts(call.engine.graph, call.optimizer, call.engine.objective, state.seed, state.methods),
      start: state.starts,
      ...checked.facts,
    };
    // What tasks begin with stands in the first checkpoint, so a run that goes on has it.
    if (isNew) {
      const { tasks } = checked.end;
      await state.stand.within(() => beginTasks(call.engine, state.seed, tasks, checked.fixed.epochs));
    }
    const moment = momentOf(call);
    state.moment = moment;
    // The first one finds out whether there is room, and a worker that dies early goes back to it.
    await keeper?.save(stepsOf(state), moment);
    if (keeper !== null) checkWritten(keeper);
    for (;;) {
      try {
        yield* runEpochs(call, keeper);
        break;
      } catch (error) {
        if (!(await isRecovered(call, keeper, error))) throw error;
      }
    }
    isLeft = false;
    isLeftByCaller = false;
    await keeper?.save(stepsOf(state), moment);
    state.course = null;
  } catch (error) {
    isLeft = isProxbitError(error) && error.code === "aborted";
    state.isTorn = isProxbitError(error) && error.code === "worker";
    isLeftByCaller = false;
    throw error;
  } finally {
    try {
      if (isLeft) await keeper?.save(stepsOf(state), momentOf(call));
      if (isLeftByCaller && call.isStale) await leaveStatistics(call);
    } finally {
      await leave(call, keeper, hasBegun);
    }
  }
}

/** Lets go of what a call holds, whatever becomes of one part of it. */
async function leave(call: Call, keeper: CheckpointKeeper | null, hasBegun: boolean): Promise<void> {
  const { state } = call;
  try {
    await keeper?.close();
    if (keeper !== null) await leaveStage(call.engine);
  } finally {
    state.busy = false;
    state.stand.still();
    if (hasBegun) remember(call);
  }
}

/** @throws ProxbitError "output" where the first checkpoint was not written, before hours of training. */
function checkWritten(keeper: CheckpointKeeper): void {
  const { failure } = keeper.report();
  if (failure === null) return;
  throw new ProxbitError(
    "output",
    `the first checkpoint was not written: ${failure}`,
    "Free some room, or choose another place for the checkpoint.",
  );
}

/** Keeps the epoch's weights where it is the best one. */
async function keepBest(
  { engine, state, checked: { best } }: Call,
  validation: Validation | undefined,
): Promise<Pick<EpochEvent, "best">> {
  if (best === null || validation === undefined) return {};
  const { accuracy, loss } = validation;
  await best.offer(engine, { epoch: (state.course as Course).epoch + 1, accuracy, loss });
  const found = best.best();
  return found === null ? {} : { best: found };
}

/** The running statistics of the hard-signed network, where steps have left those of training behind. */
async function leaveStatistics({ engine, state, checked }: Call): Promise<void> {
  const { data } = checked.end;
  await estimateStatistics(engine, state.seed, data.train, { batchSize: checked.fixed.batchSize });
}

const stepsOf = ({ course }: RunRecord): number => (course === null ? 0 : course.epoch * course.steps + course.step);

async function* runEpochs(call: Call, keeper: CheckpointKeeper | null): AsyncGenerator<TrainEvent, void, undefined> {
  const { optimizer, state } = call;
  const { setting, counting, end, rollsBack }: Checked = call.checked;
  const moment = momentOf(call);
  // Another engine has other records, so none is kept across a recovery.
  const { engine } = call;
  const course = state.course as Course;
  const { best: bestKeeper, stopper } = call.checked;
  // The best epoch that was asked for comes before that of who ended the run.
  const chosen = bestKeeper ?? stopper;
  while (course.epoch < course.epochs && !(stopper?.isOver(course.epoch) ?? false)) {
    const began = performance.now() - 1000 * course.seconds;
    const secondsSoFar = (): number => (performance.now() - began) / 1000;
    // A run that goes on within an epoch goes back to where it went on.
    if (rollsBack && (course.step === 0 || call.good === null)) call.good = await goodPoint(call);
    const flips = counting ? createFlipMeter(engine.graph, engine.layout, course.flips) : null;
    course.flips = flips?.counts ?? null;
    for await (const event of runSteps(engine, optimizer, state, course, { ...setting, flips })) {
      call.isStale = true;
      course.seconds = secondsSoFar();
      call.watch.step(event);
      state.stand.still();
      yield event;
      await state.stand.move();
      await keeper?.offer(stepsOf(state), moment);
    }
    const { loss, accuracy, terms, epochs } = course;
    const ended = await runEpochEnd(engine, state, course, end, state.stand.within);
    if (end.validate || course.epoch + 1 === course.epochs) call.isStale = false;
    const means = { loss, accuracy, ...severalOf(terms) };
    const summary: EpochEvent = { type: "epoch", epoch: course.epoch + 1, epochs, ...means, seconds: 0 };
    const flipRatio = flips === null ? {} : { flipRatio: flips.mean() };
    const checkpoint = keeper === null ? {} : { checkpoint: keeper.report() };
    const best = await keepBest(call, ended.validation);
    const value = ended.validation?.[stopper?.monitor ?? "loss"] ?? Number.NaN;
    await stopper?.offer(engine, { epoch: summary.epoch, value });
    const kept = chosen?.kept() ?? null;
    const rollbacks = call.rollbacks === 0 ? {} : { rollbacks: call.rollbacks };
    call.rollbacks = 0;
    endEpoch(course);
    const seconds = secondsSoFar();
    const warnings = call.watch.epoch(summary);
    const told = { ...ended, ...warnings, ...flipRatio, ...best, ...checkpoint, ...rollbacks };
    const event: EpochEvent = { ...summary, seconds, ...told, ...(kept === null ? {} : { kept }) };
    state.history.push(event);
    keeper?.epochEnded();
    state.stand.still();
    yield event;
    await state.stand.move();
    await keeper?.offer(stepsOf(state), moment);
  }
  await chosen?.putBack(engine, course.epoch);
}
