/**
 * Evaluation and the estimation of batch statistics, both of the hard-signed network: every quantizer's forward map is
 * the sign, so what is measured is what is packed. And, on request, both of the soft network, for the number beside it.
 */
import { callbackOf, integerIn, plainObject, type Subject, signalOf } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Examples } from "../../data/dataset.ts";
import { rangeOf } from "../../program/place.ts";
import { scoreOf } from "../losses/plan.ts";
import { checkBatch } from "./check-batch.ts";
import { checkExamples } from "./check-split.ts";
import type { Engine } from "./engine.ts";
import type { Evaluation } from "./events.ts";
import { type Feed, type FeedOptions, feedOf } from "./feed.ts";
import { rememberStatistics } from "./trained-weights.ts";

/** Which network is meant by the soft one. */
export interface SoftNetwork {
  /** Images, usually those of training, over which its batch statistics are estimated. */
  readonly statistics: Examples;
  /**
   * Share of a run, in [0, 1], at which its quantizers stand by their schedules. Where absent they stand as where the last call of
   * `fit` stopped: as signs where a task hardened it, and as they begin before the first call.
   */
  readonly progress?: number | undefined;
}

export interface EvaluateOptions {
  /**
   * Evaluates the soft network instead, the one that trains: F(w) and F(x) as they stand at a moment of a run, with batch
   * statistics of its own, which are estimated first and put back afterwards; other calls made meanwhile see them. It is not
   * what is packed, so its accuracy is to be called soft, beside the other. It costs up to 64 forward passes of a batch more
   * than an evaluation.
   */
  readonly soft?: SoftNetwork;
  /** Images at a time; does not change the result. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called as images are done. */
  readonly onProgress?: (images: number, of: number) => void;
}

export interface EstimateOptions {
  /** Batches to average over, at most; 64 where absent. */
  readonly batches?: number;
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called as batches are done. */
  readonly onProgress?: ((batches: number, of: number) => void) | undefined;
}

/** Batches per message to the workers: short enough to stop and to show progress. */
const BATCHES_AT_ONCE = 8;
export const DEFAULT_BATCH = 128;
export const LARGEST_BATCH = 65536;
/** Batches of training data that running statistics are estimated over, at most. */
export const STATISTICS_BATCHES = 64;
/** Keeps the images for statistics apart from those of any epoch. */
const STATISTICS_EPOCH = 0xffffffff;

/** Where quantizers stand in a pass; null for the hard-signed network. */
type At = number | null;

/** Evaluates all images of `split`; see {@link Evaluation}. Of the network at `at` where that is no null. */
export async function evaluate(
  engine: Engine,
  split: Examples,
  given: Omit<EvaluateOptions, "soft">,
  at: At = null,
): Promise<Evaluation> {
  const subject: Subject = { code: "argument", what: "evaluate" };
  const options: typeof given = plainObject(given, ["batchSize", "signal", "onProgress"], subject);
  const signal = signalOf(options.signal, "signal", subject);
  const onProgress = callbackOf<NonNullable<typeof given.onProgress>>(options.onProgress, "onProgress", subject);
  checkExamples(engine, split, engine.scoreTruth);
  const batch = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  const predictions = new Uint32Array(split.count);
  let [loss, correct] = [0, 0];
  const passed = { order: null, batch, total: split.count, signal, truth: engine.scoreTruth };
  await fed(engine, split, passed, async (feed) => {
    for (let first = 0; first < split.count; ) {
      if (signal?.aborted) throw stopped("evaluation");
      const valid = Math.min(batch, split.count - first);
      const whole = Math.floor((split.count - first) / batch);
      const wanted = valid < batch ? valid : batch * Math.min(BATCHES_AT_ONCE, whole);
      const count = Math.max(1, Math.floor((await feed.ready(first, wanted)) / batch));
      if (signal?.aborted) throw stopped("evaluation");
      const start = first;
      const batches = await engine.withPlan(batch, async (plan) => {
        const steps = Array.from({ length: count }, (_, i) =>
          engine.inputs(plan, feed.rows(start + i * batch, valid), { kind: "evaluate", progress: at }),
        );
        const reads = [rangeOf(plan.objective.results), rangeOf(plan.predictions)];
        const program = await engine.evaluateStep(plan, await feed.places(), valid, at);
        const result = await engine.pool.run(program, steps, reads);
        if (result.failure !== null) throw notFinite(result.failure.node, "evaluation");
        return (result.reads as readonly [Uint8Array, Uint8Array][]).map(
          ([sums, classes]) => [scoreOf(plan.objective, sums), classes] as const,
        );
      });
      for (const [batchSums, classes] of batches) {
        loss += batchSums.loss;
        correct += batchSums.correct;
        predictions.set(new Uint32Array(classes.buffer, classes.byteOffset, valid), first);
        first += valid;
      }
      onProgress?.(first, split.count);
    }
  });
  return { images: split.count, loss: loss / split.count, accuracy: correct / split.count, predictions };
}

/** Does `work` with a pass over `examples`. */
async function fed(
  engine: Engine,
  examples: Examples,
  options: FeedOptions,
  work: (feed: Feed) => Promise<void>,
): Promise<void> {
  const feed = feedOf(engine, examples, options);
  try {
    await work(feed);
  } finally {
    feed.end();
  }
}

/** Sets running means and variances to the averages over batches drawn from `split`; not at all where that fails. */
export async function estimateStatistics(
  engine: Engine,
  seed: number,
  split: Examples,
  given: EstimateOptions,
  at: At = null,
): Promise<void> {
  const subject: Subject = { code: "argument", what: "estimateStatistics" };
  const options: EstimateOptions = plainObject(given, ["batches", "batchSize", "signal", "onProgress"], subject);
  const signal = signalOf(options.signal, "signal", subject);
  const onProgress = callbackOf<NonNullable<typeof given.onProgress>>(options.onProgress, "onProgress", subject);
  checkExamples(engine, split, new Set());
  const batch = integerIn(options.batchSize ?? DEFAULT_BATCH, 1, LARGEST_BATCH, "batchSize", subject);
  checkBatch(engine, batch);
  const most = Math.floor(split.count / batch);
  if (most < 1) throw tooFew(split.count, batch);
  const batches = Math.min(most, integerIn(options.batches ?? STATISTICS_BATCHES, 1, 1 << 20, "batches", subject));
  const passed = {
    order: { seed, epoch: STATISTICS_EPOCH, isPlain: true as const },
    batch,
    total: batches * batch,
    signal,
    truth: new Set<never>(),
  };
  const restore = await rememberStatistics(engine);
  try {
    await fed(engine, split, passed, async (feed) => {
      for (let first = 0; first < batches; ) {
        if (signal?.aborted) throw stopped("the estimation of batch statistics");
        const wanted = batch * Math.min(BATCHES_AT_ONCE, batches - first);
        const count = Math.floor((await feed.ready(first * batch, wanted)) / batch);
        if (signal?.aborted) throw stopped("the estimation of batch statistics");
        const result = await engine.withPlan(batch, async (plan) => {
          const steps = Array.from({ length: count }, (_, i) => {
            const live = { kind: "estimate", batch: first + i, progress: at } as const;
            return engine.inputs(plan, feed.rows((first + i) * batch, batch), live);
          });
          return engine.pool.run(await engine.estimateStep(plan, await feed.places(), at), steps, []);
        });
        if (result.failure !== null) throw notFinite(result.failure.node, "the estimation of batch statistics");
        first += count;
        onProgress?.(first, batches);
      }
    });
  } catch (error) {
    await engine.alone(restore);
    throw error;
  }
}

/**
 * Evaluates the soft network at `progress` (null for the hard-signed one), over statistics of its own; those that were there come
 * back. The last argument is called with the batches that are done, of either work, and how many there are.
 */
export async function evaluateSoft(
  engine: Engine,
  seed: number,
  split: Examples,
  { statistics, progress }: { readonly statistics: Examples; readonly progress: number | null },
  { batchSize: wanted = DEFAULT_BATCH, signal }: Pick<EvaluateOptions, "batchSize" | "signal">,
  onProgress: (batches: number, of: number) => void = () => {},
): Promise<Evaluation> {
  checkExamples(engine, split, engine.scoreTruth);
  checkExamples(engine, statistics, new Set());
  const batchSize = integerIn(wanted, 1, LARGEST_BATCH, "batchSize", { code: "argument", what: "evaluate" });
  const estimated = Math.min(STATISTICS_BATCHES, Math.floor(statistics.count / batchSize));
  const all = estimated + split.count / batchSize;
  const restore = await engine.alone(() => rememberStatistics(engine));
  try {
    const report = (batches: number): void => onProgress(batches, all);
    await estimateStatistics(engine, seed, statistics, { batchSize, signal, onProgress: report }, progress);
    return await evaluate(
      engine,
      split,
      { batchSize, signal, onProgress: (images) => report(estimated + images / batchSize) },
      progress,
    );
  } finally {
    await engine.alone(restore);
  }
}

/** The error for a split that does not fill one batch. */
export function tooFew(count: number, batch: number): ProxbitError {
  return new ProxbitError(
    "data",
    `${count} images do not fill a batch of ${batch}`,
    `Use a batchSize of at most ${count}, or more images.`,
  );
}

/** The error after an abort signal. */
export function stopped(what: string): ProxbitError {
  return new ProxbitError("aborted", `${what} was stopped`, "The weights are those of the last completed step.");
}

/** The error for a number that is not finite, met outside of training. */
export function notFinite(node: string, when: string): ProxbitError {
  return new ProxbitError(
    "not-finite",
    `layer "${node}" met a number that is not finite during ${when}`,
    "Train again with a lower learning rate.",
  );
}
