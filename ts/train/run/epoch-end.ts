/** The end of an epoch, behind its steps: tasks, running statistics, validation. */
import type { Dataset, Examples } from "../../data/dataset.ts";
import type { MetricName } from "../metrics/metrics.ts";
import type { Engine } from "./engine.ts";
import { type EpochTask, type HardSigned, runTasks, type TaskResults } from "./epoch-task.ts";
import { estimateStatistics, evaluate, evaluateSoft, STATISTICS_BATCHES } from "./evaluate.ts";
import type { Validation } from "./events.ts";
import { measureExamples, predict } from "./predict.ts";
import { type Course, momentAt, progressAt, type RunRecord } from "./run.ts";
import type { Score } from "./score.ts";
import type { Stand } from "./stand.ts";

/** What is to be done at the end of each epoch. */
export interface EpochEnd {
  readonly data: Dataset<Examples>;
  readonly tasks: readonly EpochTask[];
  readonly metrics: readonly MetricName[];
  readonly validate: boolean;
  readonly soft: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called during the validation, with the share of that work that is done, in [0, 1]. */
  readonly onValidate: ((epoch: number, share: number) => void) | undefined;
}

/** The parts of an epoch's event that come about here; absent where nothing was to be done. */
interface Ended {
  readonly validation?: Validation;
  readonly tasks?: TaskResults;
}

/** Ends the epoch of `course` whose steps have ended. Without validation, statistics are those of the last epoch alone. */
export async function runEpochEnd(
  engine: Engine,
  run: RunRecord,
  course: Course,
  end: EpochEnd,
  within: Stand["within"],
): Promise<Ended> {
  const { data } = end;
  // Without the signal: a task that is left half done would be done again by a run that goes on.
  const { batchSize } = course;
  const estimated = (): Promise<void> => estimateStatistics(engine, run.seed, data.train, { batchSize });
  const hard: HardSigned = {
    predict: async (split) => {
      await estimated();
      return predict(engine, split, { batchSize });
    },
    evaluate: async (split) => {
      await estimated();
      return scoreOf(await evaluate(engine, split, { batchSize }));
    },
  };
  const tasks = await within(() => runTasks(engine, run, end.tasks, course, hard));
  const isLast = course.epoch + 1 === course.epochs;
  const validation = end.validate || isLast ? await validate(engine, run, course, end) : undefined;
  return {
    ...(validation === undefined ? {} : { validation }),
    ...(Object.keys(tasks).length === 0 ? {} : { tasks }),
  };
}

/**
 * Estimates running statistics, and evaluates the test images where that is wanted: those of the soft network first, so that
 * what stays are the statistics of the hard-signed one.
 */
async function validate(
  engine: Engine,
  run: RunRecord,
  course: Course,
  { data, validate: isWanted, soft, metrics, signal, onValidate }: EpochEnd,
): Promise<Validation | undefined> {
  const { batchSize, steps } = course;
  const { seed } = run;
  const progress = momentAt(run, progressAt(course, steps));
  // A batch of either work takes about the same time.
  const statistics = Math.min(steps, STATISTICS_BATCHES);
  const once = statistics + (isWanted ? data.test.count / batchSize : 0);
  const both = isWanted && soft && engine.soft(progress);
  const first = both ? once : 0;
  const report = (batches: number): void => onValidate?.(course.epoch + 1, Math.min(1, batches / (first + once)));
  const work = { batchSize, signal };
  const beside = both
    ? await evaluateSoft(engine, seed, data.test, { statistics: data.train, progress }, work, report)
    : undefined;
  const onBatch = (batches: number): void => report(first + batches);
  await estimateStatistics(engine, seed, data.train, { ...work, onProgress: onBatch });
  if (!isWanted) return undefined;
  const onProgress = (images: number): void => onBatch(statistics + images / batchSize);
  const scored = scoreOf(await evaluate(engine, data.test, { ...work, onProgress }));
  const measured = metrics.length === 0 ? {} : { metrics: await measureExamples(engine, data.test, metrics, work) };
  return { ...scored, ...(beside === undefined ? {} : { soft: scoreOf(beside) }), ...measured };
}

const scoreOf = ({ loss, accuracy }: Score): Score => ({ loss, accuracy });
