/** Work between two epochs that a method may give, such as a projection of the weights or a measurement of them. */
import { listOf, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Split } from "../../data/dataset.ts";
import type { Engine } from "./engine.ts";
import type { Course, RunRecord } from "./run.ts";
import type { Score } from "./score.ts";
import { checkTaskState } from "./task-state.ts";
import { readWeights, writeWeights } from "./trained-weights.ts";

/** The hard-signed network with running statistics that are estimated first. */
export interface HardSigned {
  /** Its outputs for examples, `[count][elements]`. @throws ProxbitError as `Trainer.predict` does. */
  predict(split: Split): Promise<Float32Array>;
  /** Its loss and accuracy over examples. @throws ProxbitError as `Trainer.evaluate` does. */
  evaluate(split: Split): Promise<Score>;
}

/** A task's view of the run before its first step. */
export interface StartView {
  /** The epoch whose steps have ended, from 1, and how many the run has; 0 before the first step. */
  readonly epoch: number;
  readonly epochs: number;
  /** The run's seed, of which draws are a function, with the epoch. */
  readonly seed: number;
  /** Share of the run that is done, in [0, 1]. */
  readonly progress: number;
  /** The latent and real weights and the running statistics, by parameter name. */
  weights(): Promise<Map<string, Float32Array>>;
  /** Replaces parameters by name; the optimizer's state stays. @throws ProxbitError as `Trainer.setWeights` does. */
  setWeights(weights: ReadonlyMap<string, Float32Array>): Promise<void>;
}

/** A task's view of the run between two epochs. */
export interface EpochView extends StartView, HardSigned {
  /** True where a task has hardened the run already. */
  readonly hardened: boolean;
  /**
   * Makes all quantizers that end as signs their signs, from the next step to the end of the call, whatever their schedules say.
   * Behind the tasks of an epoch it does nothing.
   */
  harden(): void;
}

export interface EpochTask {
  /** The name of its numbers in epoch events: letters, digits and `_ . + -`; each task of a run has another. */
  readonly name: string;
  /** Called before the first step of a call of `fit`, and not where one goes on. */
  begin?(view: StartView): Promise<void>;
  /**
   * Called behind the steps of each epoch, before running statistics are estimated. Numbers that it resolves to stand in the
   * epoch's event. For a run to be a function of its data and seed, it must be one of what it reads here.
   */
  run(view: EpochView): Promise<Readonly<Record<string, number>> | undefined>;
  /**
   * State that the task carries from epoch to epoch, as a value that JSON can hold, or an object of such and of Float32Arrays.
   * It stands in checkpoints, and comes back through `restore` where a run goes on. A task has both or neither. `fit` reads it
   * once before the first step, so that a state which no checkpoint holds is refused then.
   */
  save?(): unknown;
  restore?(state: unknown): void;
}

/** The results of tasks, by the task's name and then by their own. */
export type TaskResults = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The tasks of an option, none where it is absent. Throws an error of `subject`'s code for anything else. */
export function checkTasks(value: unknown, subject: Subject): readonly EpochTask[] {
  if (value === undefined) return [];
  const names = new Set<string>();
  return listOf(value, 0, 256, "tasks", subject).map((given) => {
    const own: Subject = { code: subject.code, what: `${subject.what}: a task` };
    const task = plainObject(given, ["name", "begin", "run", "save", "restore"], own);
    const name = safeName(task.name, "name", own);
    if (names.has(name)) reject(own, "name", "one that no other task has", name);
    if (typeof task.run !== "function") reject(own, "run", "a function", task.run);
    if (task.begin !== undefined && typeof task.begin !== "function") reject(own, "begin", "a function", task.begin);
    const kept = [task.save, task.restore];
    if (!kept.every((one) => one === undefined) && !kept.every((one) => typeof one === "function")) {
      reject(own, "save", "a function beside restore, or absent like it", task.save);
    }
    names.add(name);
    return bound(given as EpochTask, own);
  });
}

/** The task as functions that need no `this`, whose state is checked whenever it is read, and once before anything is trained. */
function bound(task: EpochTask, subject: Subject): EpochTask {
  const { name, begin, run, save, restore } = task;
  const checked = save && (() => checkTaskState(save.call(task), subject));
  checked?.();
  return {
    ...{ name, run: run.bind(task) },
    ...(begin === undefined ? {} : { begin: begin.bind(task) }),
    ...(checked === undefined ? {} : { save: checked }),
    ...(restore === undefined ? {} : { restore: restore.bind(task) }),
  };
}

const weightsOf = (engine: Engine): Pick<EpochView, "weights" | "setWeights"> => ({
  weights: () => engine.alone(() => readWeights(engine)),
  setWeights: (weights) => writeWeights(engine, weights),
});

/** Lets tasks begin, in order, before the first step of a run of `epochs`. */
export async function beginTasks(
  engine: Engine,
  seed: number,
  tasks: readonly EpochTask[],
  epochs: number,
): Promise<void> {
  for (const task of tasks) await task.begin?.({ epoch: 0, epochs, seed, progress: 0, ...weightsOf(engine) });
}

/** Runs the tasks that are left behind the steps of this epoch, in order, and keeps count of them in `course`. */
export async function runTasks(
  engine: Engine,
  run: RunRecord,
  tasks: readonly EpochTask[],
  course: Course,
  hard: HardSigned,
): Promise<TaskResults> {
  const { epoch, epochs } = course;
  let isOpen = true;
  const view: EpochView = {
    ...{ epoch: epoch + 1, epochs, seed: run.seed, progress: (epoch + 1) / epochs },
    ...weightsOf(engine),
    ...hard,
    get hardened() {
      return run.hardened;
    },
    harden: () => {
      if (isOpen) run.hardened = true;
    },
  };
  try {
    for (const { name, run: work } of tasks.slice(course.tasks)) {
      const found = await work(view);
      if (found !== undefined) course.results[name] = checkResults(name, found);
      course.tasks++;
    }
  } finally {
    isOpen = false;
  }
  return course.results;
}

function checkResults(name: string, found: unknown): Readonly<Record<string, number>> {
  const isGood =
    typeof found === "object" && found !== null && Object.values(found).every((value) => typeof value === "number");
  if (isGood) return { ...(found as Record<string, number>) };
  throw new ProxbitError(
    "argument",
    `fit: the task "${name}" resolved to something other than numbers by name`,
    "Let it resolve to an object such as { share: 0.5 }, or to nothing.",
  );
}
