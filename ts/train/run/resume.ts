/** Trainers out of checkpoints, and checkpoints out of trainers. */
import { isArrayOf } from "../../base/arrays.ts";
import { integerIn, isList, listOf, oneOf, plainObject, reading, reject, type Subject } from "../../base/checks.ts";
import { isProxbitError, ProxbitError } from "../../base/errors.ts";
import { brokenCheckpoint } from "../../io/checkpoint-file.ts";
import { type CheckpointStore, storeOf } from "../../io/checkpoint-store.ts";
import { isRecord } from "../../io/json.ts";
import type { Graph } from "../../nn/graph.ts";
import { validateGraph } from "../../nn/validate.ts";
import type { SourceOptions, WorkerOptions } from "../../runtime/source.ts";
import type { Variant } from "../../runtime/variants.ts";
import { plainObjective, termsOf } from "../losses/index.ts";
import type { LossTerm } from "../losses/term.ts";
import { applyMethods, checkMethods, type Method, type MethodByName, type MethodFact } from "../method.ts";
import { checkOptimizer, type Optimizer } from "../optimizers/optimizers.ts";
import {
  type Allowed,
  allowable,
  checkFacts,
  decodeRun,
  type LoadedRun,
  optimizerFrom,
  type RunFacts,
  readRun,
  trainerFacts,
} from "./checkpoint.ts";
import { createKeeper, type RunMoment } from "./checkpoint-keeper.ts";
import type { EpochEvent } from "./events.ts";
import { type StartFact, type StartOptions, type StartSource, startFact } from "./start-from.ts";
import type { TrainerState } from "./trainer-state.ts";

export interface ResumeOptions extends SourceOptions, WorkerOptions {
  /** The network and its optimizer, to be held against the checkpoint's; the checkpoint's own where absent. */
  readonly graph?: Graph;
  readonly optimizer?: Optimizer;
  /** The terms of the loss; needed where the run had another objective than cross-entropy alone, for terms hold functions. */
  readonly objective?: readonly LossTerm[];
  /**
   * The methods that the run began with, or a function that makes each of the checkpoint's again out of its name and options, as
   * `methodOf` does. Needed where the run had some, because methods hold functions.
   */
  readonly methods?: readonly Method[] | MethodByName | undefined;
  readonly seed?: number;
  /**
   * Weights that the run started from, each as it was given to `startFrom`, in that order; none for []. They are held against
   * the checkpoint's and are not put in place, because the run has gone on from there. Not compared where absent.
   */
  readonly start?: readonly ResumeStart[];
  /** Threads and build of the core, as of `Trainer.create`; they may differ from those of the run so far. */
  readonly workers?: number;
  readonly variant?: Variant;
  /** Words of what may differ from the run so far, here and in `continueFit`; the run is then another one from here on. */
  readonly allow?: readonly Allowed[];
}

/** A call of `startFrom` before the run: its weights and its options. */
export interface ResumeStart extends StartOptions {
  readonly source: StartSource;
}

/** A call of `fit` that has not ended. */
export interface LeftRun {
  readonly epochs: number;
  readonly batchSize: number;
  /** Steps of an epoch. */
  readonly steps: number;
  /** Epochs that have ended, and steps of the one under way. */
  readonly epoch: number;
  readonly step: number;
  /** The events of the epochs that have ended. */
  readonly history: readonly EpochEvent[];
}

const subject: Subject = { code: "argument", what: "Trainer.resume" };

/** The words of `allow`, checked. */
export const wordsOf = (allow: unknown): readonly string[] =>
  listOf(allow ?? [], 0, allowable.length, "allow", subject).map((word) => oneOf(word, allowable, "allow", subject));

/** The facts of `start`; undefined where it is absent. */
function factsOfStarts(start: unknown): readonly StartFact[] | undefined {
  if (start === undefined) return undefined;
  return listOf(start, 0, 1000, "start", subject).map((one) => {
    const known = ["source", "rescale", "layers"];
    const { source, ...options } = plainObject(one, known, { ...subject, what: `${subject.what}: start` });
    return startFact(source as StartSource, options as StartOptions);
  });
}

/** Everything that a trainer is made of again. */
interface Resumed {
  readonly starts: readonly StartFact[];
  readonly run: LoadedRun;
  readonly store: CheckpointStore | null;
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  readonly objective: readonly LossTerm[];
  readonly methods: readonly Method[];
  readonly seed: number;
}

/** Reads a checkpoint, and holds what is given against it. */
export async function readForResume(
  from: string | CheckpointStore | Uint8Array,
  options: ResumeOptions,
): Promise<Resumed> {
  plainObject(
    options,
    ["graph", "optimizer", "objective", "methods", "seed", "start", "workers", "variant", "source", "worker", "allow"],
    subject,
  );
  const allow = wordsOf(options.allow);
  const isStore = reading("resume", "a path, a name, a store or bytes", () => {
    return isArrayOf(from, "Uint8Array") || (typeof from === "object" && typeof from?.read === "function");
  });
  if (from === "" || (typeof from !== "string" && !isStore)) {
    reject(subject, "the checkpoint", "a path, a name, a store or bytes", from);
  }
  const store = isArrayOf(from, "Uint8Array") ? null : storeOf(from);
  const run = isArrayOf(from, "Uint8Array") ? await decodeRun(from) : await readRun(store as CheckpointStore);
  const { facts } = run;
  try {
    const saved = { graph: validateGraph(facts.graph), optimizer: checkOptimizer(optimizerFrom(facts)) };
    const methods = methodsOf(facts, options.methods);
    const given = {
      graph: options.graph === undefined ? saved.graph : validateGraph(options.graph),
      optimizer: options.optimizer === undefined ? saved.optimizer : checkOptimizer(options.optimizer),
      objective: options.objective === undefined ? plainObjective : termsOf(options.objective, subject),
    };
    // The checkpoint's own have gone through its methods already.
    const { graph, optimizer, objective } = applyMethods(methods, given, {
      ...(options.graph === undefined ? { graph: saved.graph } : {}),
      ...(options.optimizer === undefined ? { optimizer: saved.optimizer } : {}),
    });
    const seed =
      options.seed === undefined ? (facts.seed as number) : integerIn(options.seed, 0, 0xffffffff, "seed", subject);
    const starts = factsOfStarts(options.start);
    const own = trainerFacts(graph, optimizer, objective, seed, methods);
    // A checkpoint from before there were methods knows none.
    checkFacts({ methods: [], ...facts }, starts === undefined ? own : { ...own, start: starts }, allow);
    // A checkpoint from before starts were facts knows none.
    const known = starts ?? (Array.isArray(facts.start) ? (facts.start as StartFact[]) : []);
    return { run, store, graph, optimizer, objective, methods, seed, starts: known };
  } catch (cause) {
    if (isProxbitError(cause) && cause.code === "checkpoint") throw cause;
    if (!isRecord(facts.graph)) throw brokenCheckpoint("it holds no network", undefined, cause);
    throw cause;
  }
}

/** The methods to go on with: those given, or those of the checkpoint made again. @throws ProxbitError `argument` for none. */
function methodsOf({ methods: saved }: RunFacts, given: ResumeOptions["methods"]): readonly Method[] {
  if (given !== undefined && typeof given !== "function") return checkMethods(given, subject);
  const facts = isList(saved)
    ? saved.filter((fact): fact is MethodFact => isRecord(fact) && isRecord(fact.options))
    : [];
  if (facts.length > 0 && given === undefined) {
    throw new ProxbitError(
      "argument",
      `the run was trained with ${facts.map(({ name }) => `"${String(name)}"`).join(" and ")}, and Trainer.resume got no methods`,
      "Give methods: methodOf, which makes them again, or a list of your own.",
    );
  }
  return checkMethods(
    facts.map(({ name, options }) => (given as MethodByName)(name, options)),
    subject,
  );
}

/** See `Trainer.left`. */
export function leftRun({ course, history }: TrainerState): LeftRun | null {
  if (course === null) return null;
  const { epochs, batchSize, steps, epoch, step } = course;
  return { epochs, batchSize, steps, epoch, step, history: [...history] };
}

/** @throws ProxbitError "argument" where no call is under way or left, "worker" where its tensors are of no moment. */
function momentOfCall({ moment, course, isTorn }: TrainerState): () => Promise<RunMoment> {
  if (moment === null || course === null) {
    throw new ProxbitError(
      "argument",
      "there is no call of fit under way or left, and a checkpoint is of one",
      "Keep the weights of a trainer that has ended by pack() or weights().",
    );
  }
  if (!isTorn) return moment;
  throw new ProxbitError(
    "worker",
    "a worker died within a step, so the weights are those of no moment of the run",
    "Go on from the run's last checkpoint.",
  );
}

/** See `Trainer.save`. */
export async function saveRun(state: TrainerState, to: string | CheckpointStore): Promise<void> {
  momentOfCall(state);
  // The call may have ended at the moment that comes.
  return state.stand.at(() => saveMoment(state, to));
}

async function saveMoment(state: TrainerState, to: string | CheckpointStore): Promise<void> {
  const moment = momentOfCall(state);
  const keeper = await createKeeper(storeOf(to), null);
  try {
    await keeper.save(0, moment);
    const { failure } = keeper.report();
    if (failure !== null) throw new ProxbitError("output", failure, "Choose another place for the checkpoint.");
  } finally {
    await keeper.close();
  }
}
