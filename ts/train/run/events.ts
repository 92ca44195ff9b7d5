/** What `fit` and `evaluate` report, as plain values: they can be printed as JSON lines as they are. */

import type { FlipRatio } from "../plan/flips.ts";
import type { Best } from "./best.ts";
import type { CheckpointReport } from "./checkpoint-report.ts";
import type { TaskResults } from "./epoch-task.ts";
import type { Score } from "./score.ts";

/** After every step of training. */
export interface StepEvent {
  readonly type: "step";
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Step in this epoch, from 1. */
  readonly step: number;
  readonly steps: number;
  /**
   * The loss, which is the mean cross-entropy of the batch, in nats, unless the trainer has another objective; and the share of
   * right answers. Both are of the network as it trains.
   */
  readonly loss: number;
  readonly accuracy: number;
  /** The terms that the loss is the sum of, by their names; absent where there is only one. */
  readonly terms?: Readonly<Record<string, number>>;
  /** Of a caseOptimizer that of the real parameters; 0 where nothing has one, as with Bop alone. */
  readonly learningRate: number;
  /** The share of the binary weights whose sign this step changed; where `fit` was asked for it. */
  readonly flipRatio?: number;
  readonly imagesPerSecond: number;
  /** Seconds to the end of the last epoch, validation left out. */
  readonly secondsLeft: number;
}

/** The result of an evaluation: of the hard-signed network with running statistics, unless the soft one was asked for. */
export interface Evaluation extends Score {
  readonly images: number;
  /** The place of each example's largest output, the first of equal ones: its class, where there are classes. */
  readonly predictions: Uint32Array;
  /** The metrics that were asked for, by name. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/**
 * Of the hard-signed network with batch statistics re-estimated for it: the one that is packed. Beside it, where some
 * quantizer is soft at this moment, the network that trains, F(w) and F(x) with batch statistics of its own: not what is
 * packed.
 */
export interface Validation extends Score {
  /** The metrics that `fit` was asked for, by name. */
  readonly metrics?: Readonly<Record<string, number>>;
  readonly soft?: Score;
}

/** After every epoch. `validation` is absent where `fit` was told not to validate. */
export interface EpochEvent {
  readonly type: "epoch";
  readonly epoch: number;
  readonly epochs: number;
  /** Means over the epoch. */
  readonly loss: number;
  readonly accuracy: number;
  readonly terms?: Readonly<Record<string, number>>;
  /** Time of the epoch, its validation included, in seconds; with that before a stop where the run went on within it. */
  readonly seconds: number;
  readonly validation?: Validation;
  /** Warnings about the epoch, such as a loss that explodes; absent where there is nothing. */
  readonly warnings?: readonly string[];
  /** Means over the epoch's steps; where `fit` was asked for them. */
  readonly flipRatio?: FlipRatio;
  /** Numbers of tasks between epochs, where some gave any. */
  readonly tasks?: TaskResults;
  /** The best epoch so far; where the best one is kept. */
  readonly best?: Best;
  /** The epoch whose weights the call would end with, ended here; where it keeps the best, or early stopping goes back to one. */
  readonly kept?: number;
  /** The checkpoints of the run so far; where it has any. */
  readonly checkpoint?: CheckpointReport;
  /** Times that the run diverged in this epoch and began it anew with lower learning rates; where it did. */
  readonly rollbacks?: number;
}

export type TrainEvent = StepEvent | EpochEvent;
