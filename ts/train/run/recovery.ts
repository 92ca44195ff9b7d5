/**
 * A run's moment, and the ways back to an earlier one. A run that diverged goes back to the beginning of its epoch, with half the
 * learning rates. A run whose worker died goes back to its last checkpoint, with new workers.
 */
import { isProxbitError } from "../../base/errors.ts";
import { brokenCheckpoint, type CheckpointTensor, copyOfPlain } from "../../io/checkpoint-file.ts";
import type { Optimizer } from "../optimizers/optimizers.ts";
import { dataFacts, type LoadedRun, type RunFacts, trainerFacts } from "./checkpoint.ts";
import type { CheckpointKeeper, RunMoment } from "./checkpoint-keeper.ts";
import { copyAtOnce, stageTensors } from "./checkpoint-stage.ts";
import type { Engine } from "./engine.ts";
import type { Checked, Stateful } from "./fit-options.ts";
import type { Course, RunRecord } from "./run.ts";
import { copyTensors, floatsOf, restoreTensors, strangersIn } from "./snapshot.ts";
import { withoutTensors } from "./task-state.ts";
import type { GoodPoint, TrainerState } from "./trainer-state.ts";
import type { LossWatch } from "./watch-loss.ts";

/** A call of `fit` at work. */
export interface Call {
  engine: Engine;
  readonly optimizer: Optimizer;
  readonly state: TrainerState;
  readonly checked: Checked;
  /** Makes a new engine where the old one's workers are lost; null where nobody can. */
  readonly revive: (() => Promise<Engine>) | null;
  /** The beginning of the epoch; null where nobody goes back to it. */
  good: GoodPoint | null;
  /** Times that a worker died, the run going back to one checkpoint, whose step is `lastDeath`; and that this epoch diverged. */
  deaths: number;
  lastDeath: number;
  rollbacks: number;
  /** True where steps were made since running statistics were estimated for the hard-signed network. */
  isStale: boolean;
  readonly watch: LossWatch;
}

/** More deaths than this at one place are no accident. */
const MOST_DEATHS = 3;
const SMALLER = 0.5;
/** Ten halvings make a rate of 0.1 one of 1e-4. */
const SMALLEST_RATE = 2 ** -10;

/** The plain record in a trainer's state. */
const recordOf = ({ seed, epochs, updates, draws, progress, hardened, metadata, course }: RunRecord): RunRecord =>
  copyOfPlain({ seed, epochs, updates, draws, progress, hardened, metadata, course });

/** All facts of a call. */
export async function factsOf({ engine, optimizer, state, checked }: Omit<Call, "revive">): Promise<RunFacts> {
  const own = trainerFacts(engine.graph, optimizer, engine.objective, state.seed, state.methods);
  return {
    ...own,
    start: state.starts,
    ...checked.facts,
    ...(await dataFacts(checked.data, checked.end.validate)),
  };
}

/** States of tasks as a checkpoint holds them: plain, and the tensors in them apart. */
function apart(states: readonly (readonly [Stateful, unknown])[]) {
  const saved = states.map(([{ name, isConstant }, state]) => ({ name, ...withoutTensors(name, state, isConstant) }));
  return {
    tasks: Object.fromEntries(saved.map(({ name, state }) => [name, state])),
    tensors: saved.flatMap(({ tensors }) => tensors),
  };
}

/** The state of tasks that keep any. */
const tasksNow = ({ checked }: Call) =>
  apart(checked.stateful.flatMap((task) => (task.save === undefined ? [] : [[task, task.save()]])));

/** The same at the good point, the beginning of the epoch: it is another only where the epoch's steps have ended. */
function tasksThen({ good, checked, state: { course } }: Call) {
  if (good === null || course === null || course.step < course.steps) return apart([]);
  return apart(checked.stateful.flatMap((task) => (task.name in good.tasks ? [[task, good.tasks[task.name]]] : [])));
}

/** Gives the content of a checkpoint of the call, as it stands whenever this is asked. */
export const momentOf = (call: Call): (() => Promise<RunMoment>) => {
  let facts: Promise<RunFacts> | undefined;
  return async () => {
    // They stay the same in a call, and a graph's take time.
    facts ??= factsOf(call);
    const known = await facts;
    const [now, then] = [tasksNow(call), tasksThen(call)];
    return {
      ...{ run: recordOf(call.state), history: call.state.history, facts: known, tasks: now.tasks },
      ...{ good: call.good?.record ?? null, goodTasks: then.tasks },
      copyTensors: (into, isWaitedFor) =>
        call.engine.alone(() => (isWaitedFor ? stageTensors : copyAtOnce)(call.engine, into)),
      goodTensors: [...(call.good?.tensors ?? []), ...then.tensors],
      taskTensors: now.tensors,
    };
  };
};

/** Copies of the states of tasks that keep any, by their names. */
function statesOf({ stateful }: Checked): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    stateful.flatMap(({ name, save }) => (save === undefined ? [] : [[name, structuredClone(save())]])),
  );
}

/** The moment as it is, to go back to. */
export async function goodPoint({ engine, state, checked }: Call): Promise<GoodPoint> {
  const tensors = await engine.alone(() => copyTensors(engine));
  return { record: recordOf(state), tensors, tasks: statesOf(checked) };
}

/** Leaves in the trainer's state what a later call that goes on will want of this one. */
export function remember({ state, checked, good }: Call): void {
  state.good = good;
  state.tasks = statesOf(checked);
}

/** @throws ProxbitError "checkpoint" where `tensors` are not those of the network: they would be written beside their places. */
function checkTensors(engine: Engine, tensors: readonly CheckpointTensor[]): void {
  const [stranger, ...more] = strangersIn(engine, floatsOf(tensors));
  if (stranger === undefined) return;
  const others = more.length === 0 ? "" : ` and of ${more.length} more`;
  throw brokenCheckpoint(`its tensors are not those of the network: that of ${stranger}${others}`);
}

/** Puts the state and the tensors of a run into place. @throws ProxbitError "checkpoint" where the tensors are of another. */
export async function restoreRun(engine: Engine, state: TrainerState, loaded: LoadedRun): Promise<void> {
  const { good: record, goodTensors: tensors, tasks, goodTasks } = loaded;
  checkTensors(engine, loaded.tensors);
  if (record !== null) checkTensors(engine, tensors);
  await engine.alone(() => restoreTensors(engine, floatsOf(loaded.tensors)));
  const good = record === null ? null : { record, tensors, tasks: { ...tasks, ...goodTasks } };
  Object.assign(state, loaded.run, { history: [...loaded.history], good, tasks: loaded.tasks });
}

/** Goes back to where the run can go on after `error`; false where it cannot. */
export async function isRecovered(call: Call, keeper: CheckpointKeeper | null, error: unknown): Promise<boolean> {
  if (!isProxbitError(error)) return false;
  if (error.code === "not-finite") return rollBack(call);
  return error.code === "worker" && keeper !== null && goOnWithOthers(call, keeper);
}

async function rollBack(call: Call): Promise<boolean> {
  const { good, state, engine, checked } = call;
  const rate = SMALLER * (state.course as Course).rate;
  if (good === null || rate < SMALLEST_RATE) return false;
  await engine.alone(() => restoreTensors(engine, floatsOf(good.tensors)));
  // Draws go on: the epoch is not to meet the same masks again.
  const { draws } = state;
  const { epochs, seconds } = state.course as Course;
  Object.assign(state, copyOfPlain(good.record), { draws });
  Object.assign(state.course as Course, { rate, epochs, seconds });
  for (const { name, restore } of checked.stateful) if (name in good.tasks) restore?.(good.tasks[name]);
  call.rollbacks++;
  return true;
}

async function goOnWithOthers(call: Call, keeper: CheckpointKeeper): Promise<boolean> {
  const { revive, state } = call;
  if (revive === null) return false;
  const loaded = await keeper.readBack();
  const { draws } = loaded.run;
  call.deaths = draws > call.lastDeath ? 1 : call.deaths + 1;
  call.lastDeath = draws;
  if (call.deaths > MOST_DEATHS) return false;
  const engine = await revive();
  await restoreRun(engine, state, loaded);
  Object.assign(call, { engine, good: state.good });
  restoreTasks(call);
  return true;
}

/** Gives tasks the state that a checkpoint kept for them. */
export function restoreTasks({ checked, state }: Call): void {
  for (const { name, restore } of checked.stateful) {
    if (!Object.hasOwn(state.tasks, name)) continue;
    try {
      restore?.(state.tasks[name]);
    } catch (cause) {
      if (isProxbitError(cause)) throw cause;
      throw brokenCheckpoint(`the state of the task "${name}" cannot be taken up`, undefined, cause);
    }
  }
}
