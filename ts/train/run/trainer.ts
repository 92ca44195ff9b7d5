/**
 * The trainer: a graph, its weights in a pool of workers, and what one does with them.
 *
 * The caller's thread decides (which images are in a batch, what the learning rate is) and receives events; all numbers
 * are worked on in the workers. A run is a function of graph, data, seed and options: neither the number of workers nor
 * the speed of the machine changes a bit of it.
 *
 * @example
 * const trainer = await Trainer.create(graph, { optimizer: optimizers.adam(), workers: 2, seed: 1 });
 * for await (const event of trainer.fit(data, { epochs: 5, batchSize: 128 })) console.log(event);
 */
import { integerIn, plainObject, reading, type Subject } from "../../base/checks.ts";
import { type Closable, closable } from "../../base/closable.ts";
import { ProxbitError } from "../../base/errors.ts";
import { type Dataset, type Examples, isStream, type Split } from "../../data/dataset.ts";
import type { CheckpointStore } from "../../io/checkpoint-store.ts";
import type { Graph } from "../../nn/graph.ts";
import { validateGraph } from "../../nn/validate.ts";
import { createPool } from "../../runtime/pool.ts";
import type { SourceOptions, WorkerOptions } from "../../runtime/source.ts";
import type { Variant } from "../../runtime/variants.ts";
import { explainTraining, type TrainingExplainOptions, type TrainingExplanation } from "../explain/explain-training.ts";
import { profileTraining, type TrainingProfile, type TrainingProfileOptions } from "../explain/profile-training.ts";
import { labelWord, plainObjective, termsOf } from "../losses/index.ts";
import type { LossTerm } from "../losses/term.ts";
import { applyMethods, checkMethods, type Method, packedGraph } from "../method.ts";
import { checkMetrics, type MetricName } from "../metrics/metrics.ts";
import { checkOptimizer, type Optimizer, optimizers } from "../optimizers/optimizers.ts";
import { LANES } from "../plan/plan.ts";
import { createEngine, type Engine } from "./engine.ts";
import { type EstimateOptions, type EvaluateOptions, estimateStatistics } from "./evaluate.ts";
import { evaluateEither } from "./evaluate-either.ts";
import type { Evaluation } from "./events.ts";
import { continueFit, type FitOptions, fitNetwork } from "./fit.ts";
import { type Fitting, fittingOf } from "./fitting.ts";
import { measureExamples, type PredictOptions, predict } from "./predict.ts";
import { restoreRun } from "./recovery.ts";
import { type LeftRun, leftRun, type ResumeOptions, readForResume, saveRun, wordsOf } from "./resume.ts";
import { inputOf } from "./run.ts";
import { refuseSilentFile } from "./silent-weights.ts";
import { startEngine } from "./start-engine.ts";
import { type StartOptions, type StartSource, startFrom } from "./start-from.ts";
import { initialize, pack, readWeights, writeWeights } from "./trained-weights.ts";
import { newState, type TrainerState } from "./trainer-state.ts";

export interface MetricOptions {
  /** Metrics of the hard-signed network beside loss and accuracy, which cost a forward pass more; none where absent. */
  readonly metrics?: readonly MetricName[] | undefined;
}

export interface TrainerOptions extends SourceOptions, WorkerOptions {
  /** Adam with Keras's defaults where absent. */
  readonly optimizer?: Optimizer;
  /**
   * The terms of the loss that is minimised, whose sum it is; `[losses.crossEntropy()]` where absent. Where there are several,
   * events tell each by its name.
   */
  readonly objective?: readonly LossTerm[];
  /**
   * Methods of training, each of which changes the network, its optimizer or its loss, or works between epochs; none where
   * absent. `trainer.graph` is the network that they make.
   */
  readonly methods?: readonly Method[] | undefined;
  /** Threads, from 1; as many as there are cores, at most eight, where absent. More than eight find nothing to do. */
  readonly workers?: number;
  /** Seed of the initial weights and of the order of images; a whole number from 0 to 2^32 - 1. 0 where absent. */
  readonly seed?: number;
  /** The build of the core; the best that runs here where absent. */
  readonly variant?: Variant;
}

export interface Trainer extends Closable {
  readonly graph: Graph;
  /** Threads in use, and the build of the core they run. */
  readonly workers: number;
  readonly variant: Variant;
  /** Bytes of memory in use for weights, plan and data; the same after every epoch. */
  memoryBytes(): number;
  /**
   * Trains for `epochs` epochs. Iterating gives an event after every step and every epoch; awaiting gives the history of all
   * epochs. Schedules run once over the call. Who leaves the iteration early has the running statistics of the hard-signed
   * network too, estimated on the way out; after `signal` they are those of training, as time may be short then.
   * Images that do not fill a batch are left out of the epoch (others every time). Afterwards the running statistics are
   * those of the hard-signed network. Other calls may be made meanwhile: they run between two steps and see the weights as
   * they are then.
   *
   * @throws ProxbitError `not-finite` where a loss, gradient or activation is not finite: it names step and layer, and the
   * weights are those before the last update; `aborted` after `signal`; `shape`, `argument` and `data` for what does not fit,
   * `argument` too where the weight quantizers make every weight 0.
   */
  fit(data: Dataset<Examples>, options: FitOptions): Fitting;
  /**
   * Goes on with the call of `fit` that was left: by a `break`, by `signal`, or in another process, from whose checkpoint
   * `Trainer.resume` made this trainer. It ends in the bytes of a run that was never interrupted. Options that are absent are
   * those the run began with; `signal`, `onValidate` and `tasks` are functions, and have to be given again.
   *
   * @throws ProxbitError `argument` where no call was left, `checkpoint` where data or options differ; `fit`'s besides.
   */
  continueFit(data: Dataset<Examples>, options?: Partial<FitOptions>): Fitting;
  /** The call of `fit` that is under way or was left before its end; null for none. */
  left(): LeftRun | null;
  /**
   * Writes a checkpoint of the call of `fit` that is under way or was left, to a path, a name in a browser's IndexedDB, or a
   * store.
   *
   * @throws ProxbitError `argument` where there is no such call, `checkpoint` where another run writes there, `output`.
   */
  save(to: string | CheckpointStore): Promise<void>;
  /**
   * Loss, accuracy and predictions of the network with hard-signed weights and activations; with `soft`, of the network that
   * trains, for a figure beside the other.
   */
  evaluate(split: Examples, options?: EvaluateOptions & MetricOptions): Promise<Evaluation>;
  /** The outputs of the hard-signed network for examples, `[count][elements]`: logits, or numbers. */
  predict(split: Split, options?: PredictOptions): Promise<Float32Array>;
  /** Sets the running statistics to the means over `batches` batches of `split`, of the hard-signed network. */
  estimateStatistics(split: Examples, options?: EstimateOptions): Promise<void>;
  /**
   * What runs in a step of `batchSize` images at `progress` of a run: per layer the kernels of its three products, bits,
   * bytes and multiply-accumulates, and why not the fast path. `formatTrainingExplanation` makes a table of it.
   */
  explain(options?: TrainingExplainOptions): TrainingExplanation;
  /**
   * Measures some steps on the first images of `split`, with a clock around every call; weights and optimizer are put back.
   *
   * @throws ProxbitError `not-finite`, `shape`, `argument` and `data` as `fit` does.
   */
  profile(split: Split, options?: TrainingProfileOptions): Promise<TrainingProfile>;
  /** The latent and real weights and the running statistics, by parameter name. */
  weights(): Promise<Map<string, Float32Array>>;
  /** Replaces parameters by name. @throws ProxbitError `unknown-name`, `shape` or `not-finite`; nothing changes then. */
  setWeights(weights: ReadonlyMap<string, Float32Array>): Promise<void>;
  /**
   * Starts from weights that were trained before, to fine-tune them, or with `layers` to take some of them over, and resolves to the
   * names of the layers that were taken: kernels become
   * the latent weights, all else is taken as it is, running statistics too; the optimizer begins anew. `source` is a model file
   * or weights by parameter name. Of a packed file the latent weights quantize to its weights again, with scale and shift where it
   * has some.
   * Statistics belong to the network they come from: `fit` estimates others, before that call `estimateStatistics`.
   *
   * @throws ProxbitError `shape` where names or shapes are those of another network, `unknown-name` for layers that are none,
   * `model-file` for a corrupt file, `argument` for signs that the layer's quantizer never makes; nothing changes then.
   */
  startFrom(source: StartSource, options?: StartOptions): Promise<readonly string[]>;
  /**
   * The model file: hard-signed weights as bits, the rest as 32-bit floats. Its header tells the data set's name and
   * classes, the scale and offset of its bytes (of the data trained on, else of the first evaluated on), that an example has
   * any number of classes where the loss says so, and whatever texts `metadata` adds.
   *
   * @throws ProxbitError `argument` where a quantizer has made all weights of a layer 0; `not-finite`.
   */
  pack(metadata?: Readonly<Record<string, string>>): Promise<Uint8Array>;
  /** Ends the workers. */
  close(): void;
  /** The same, for `using`. */
  [Symbol.dispose](): void;
}

function create(graph: Graph, options: TrainerOptions = {}): Promise<Trainer> {
  return createFrom(graph, options, null);
}

/**
 * A trainer that stands where a checkpoint was written, for `continueFit`. Graph, optimizer, objective and seed are those of the
 * checkpoint, and where they are given they are held against it; numbers of workers and builds of the core change nothing.
 *
 * @throws ProxbitError `checkpoint` where there is none, it is damaged, or it is of another network; `create`'s besides.
 */
async function resume(from: string | CheckpointStore | Uint8Array, options: ResumeOptions = {}): Promise<Trainer> {
  const loaded = await readForResume(from, options);
  const { graph, optimizer, objective, seed, methods } = loaded;
  const { workers, variant, source, worker } = options;
  const given = {
    ...{ optimizer, objective, seed, source, worker },
    ...(workers === undefined ? {} : { workers }),
    ...(variant === undefined ? {} : { variant }),
  };
  const restore: Restore = async (engine, state) => {
    await restoreRun(engine, state, loaded.run);
    const { store, run, starts } = loaded;
    const checkpoint = store === null ? null : { store, every: null };
    Object.assign(state, { facts: run.facts, allow: wordsOf(options.allow), checkpoint, starts });
  };
  return createFrom(graph, given, { methods, restore });
}

type Restore = (engine: Engine, state: TrainerState) => Promise<void>;

/** A new trainer, or one that `restore` puts to where another stood, whose methods have done their part. */
async function createFrom(
  graph: Graph,
  asked: TrainerOptions,
  resumed: { readonly methods: readonly Method[]; readonly restore: Restore } | null,
): Promise<Trainer> {
  const network = validateGraph(graph);
  const subject: Subject = { code: "argument", what: "Trainer.create" };
  const known = ["optimizer", "objective", "methods", "workers", "seed", "variant", "source", "worker"];
  const options: TrainerOptions = plainObject(asked, known, subject);
  const seed = integerIn(options.seed ?? 0, 0, 0xffffffff, "seed", subject);
  const workers = options.workers ?? Math.min(LANES, globalThis.navigator?.hardwareConcurrency ?? 1);
  const { variant, source, worker } = options;
  // Before any thread is started.
  const given = {
    graph: network,
    optimizer: options.optimizer === undefined ? optimizers.adam() : checkOptimizer(options.optimizer),
    objective: options.objective === undefined ? plainObjective : termsOf(options.objective, subject),
  };
  const methods = resumed?.methods ?? checkMethods(options.methods, subject);
  const { graph: valid, optimizer, objective } = resumed === null ? applyMethods(methods, given) : given;
  let { pool, engine } = await startEngine(valid, optimizer, { workers, variant, source, worker }, { objective });
  try {
    const state = newState(seed, methods);
    if (resumed === null) await initialize(engine, seed);
    else await resumed.restore(engine, state);
    /** The same network in new workers. Everything that was not in a checkpoint is lost with the old ones. */
    let isClosed = false;
    const revive = async (): Promise<Engine> => {
      if (isClosed) {
        const message = "the trainer was closed while it trained";
        throw new ProxbitError("worker", message, "Close it when training has ended.");
      }
      pool.close();
      pool = await createPool({ workers, variant: pool.variant, source, worker });
      engine = await createEngine(valid, optimizer, pool, { objective });
      return engine;
    };
    return {
      graph: valid,
      workers: pool.workers,
      variant: pool.variant,
      memoryBytes: () => pool.reservedBytes(),
      fit: (data, fitOptions) => fittingOf(fitNetwork(engine, optimizer, state, data, fitOptions, revive), fitOptions),
      continueFit: (data, fitOptions = {}) =>
        fittingOf(continueFit(engine, optimizer, state, data, fitOptions, revive), fitOptions),
      left: () => leftRun(state),
      save: (to) => saveRun(state, to),
      evaluate: async (split, given = {}) => {
        const { metrics, ...evaluateOptions } = reading("evaluate", "options as an object", () => ({ ...given }));
        const names = checkMetrics(metrics ?? [], { code: "argument", what: "evaluate" });
        const scored = await evaluateEither(engine, state, split, evaluateOptions);
        const { batchSize, signal } = evaluateOptions;
        const measured =
          names.length === 0 ? {} : { metrics: await measureExamples(engine, split, names, { batchSize, signal }) };
        const evaluation = { ...scored, ...measured };
        if (!isStream(split)) state.metadata = { ...inputOf(split), ...state.metadata };
        return evaluation;
      },
      predict: (split, predictOptions) => predict(engine, split, predictOptions),
      estimateStatistics: async (split, estimateOptions = {}) => {
        await estimateStatistics(engine, state.seed, split, estimateOptions);
        if (!isStream(split)) state.metadata = { ...inputOf(split), ...state.metadata };
      },
      explain: (explainOptions = {}) => explainTraining(engine, explainOptions),
      profile: (split, profileOptions = {}) => profileTraining(engine, split, profileOptions),
      weights: () => engine.alone(() => readWeights(engine)),
      setWeights: async (weights) => {
        const own = reading("setWeights", "a Map of parameters by name", () => new Map(weights));
        await writeWeights(engine, own);
      },
      startFrom: async (source, startOptions = {}) => {
        const { fact, taken } = await startFrom(engine, source, startOptions);
        state.updates = 0;
        state.starts = [...state.starts, fact];
        return taken;
      },
      pack: async (metadata = {}) => {
        const own = reading("pack", "texts by name", () => ({
          ...labelWord(engine.objective),
          ...state.metadata,
          ...metadata,
        }));
        await refuseSilentFile(engine);
        return pack(engine, own, packedGraph(methods, valid));
      },
      ...closable(() => {
        isClosed = true;
        pool.close();
      }),
    };
  } catch (error) {
    pool.close();
    throw error;
  }
}

export const Trainer = { create, resume };
