/** A trainer carries along where its run stands, and all that a call which goes on needs to know of the one before. */
import type { CheckpointTensor } from "../../io/checkpoint-file.ts";
import type { CheckpointStore } from "../../io/checkpoint-store.ts";
import type { Method } from "../method.ts";
import type { RunFacts } from "./checkpoint.ts";
import type { CheckpointRate, RunMoment } from "./checkpoint-keeper.ts";
import type { EpochEvent } from "./events.ts";
import { newRun, type RunRecord } from "./run.ts";
import { createStand, type Stand } from "./stand.ts";
import type { StartFact } from "./start-from.ts";

/** A moment to go back to. */
export interface GoodPoint {
  readonly record: RunRecord;
  readonly tensors: readonly CheckpointTensor[];
  /** The state of tasks that keep any, by their names. */
  readonly tasks: Readonly<Record<string, unknown>>;
}

/** The memory of a trainer from one call of `fit` to the next. */
export interface TrainerState extends RunRecord {
  /** The methods that the trainer was made with. */
  readonly methods: readonly Method[];
  /** True where a call is at work that would not bear another one. */
  busy: boolean;
  /** The events of the epochs that have ended in the last call of `fit`. */
  history: EpochEvent[];
  /** Weights that the run started from, in the order of the calls of `startFrom`. */
  starts: readonly StartFact[];
  /** The facts that a run which goes on is held against; null before the first. */
  facts: RunFacts | null;
  /** Words of facts that may differ where the run goes on. */
  allow: readonly string[];
  /** The place of the run's checkpoints, or the store that it was read from; null for none. */
  checkpoint: { readonly store: CheckpointStore; readonly every: CheckpointRate | null } | null;
  /** The last good point of the run that was left, and the state of its tasks. */
  good: GoodPoint | null;
  tasks: Readonly<Record<string, unknown>>;
  /** The moment at which the last call of `fit` stands. */
  moment: (() => Promise<RunMoment>) | null;
  readonly stand: Stand;
  /** A worker died within a step, so that the tensors are of no moment. */
  isTorn: boolean;
}

/** The state of a new trainer. */
export const newState = (seed: number, methods: readonly Method[] = []): TrainerState => ({
  methods,
  ...{
    ...newRun(seed),
    busy: false,
    history: [],
    starts: [],
    facts: null,
    allow: [],
    checkpoint: null,
    good: null,
    tasks: {},
  },
  ...{ moment: null, stand: createStand(), isTorn: false },
});
