/** What `fit` and `evaluate` report, as plain values: they can be printed as JSON lines as they are. */

/** After every step of training. */
export interface StepEvent {
  readonly type: "step";
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Step in this epoch, from 1. */
  readonly step: number;
  readonly steps: number;
  /** Mean cross-entropy of the batch, in nats, and share of right answers, both of the network as it trains. */
  readonly loss: number;
  readonly accuracy: number;
  /** Of a caseOptimizer that of the real parameters; 0 where nothing has one, as with Bop alone. */
  readonly learningRate: number;
  readonly imagesPerSecond: number;
  /** Seconds to the end of the last epoch, validation left out. */
  readonly secondsLeft: number;
}

/** The result of an evaluation: always of the hard-signed network, with running statistics. */
export interface Evaluation {
  readonly images: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** Share of right answers in [0, 1]. */
  readonly accuracy: number;
  /** The class given to each image; the first of equal maxima. */
  readonly predictions: Uint32Array;
}

/** After every epoch. `validation` is absent where `fit` was told not to validate. */
export interface EpochEvent {
  readonly type: "epoch";
  readonly epoch: number;
  readonly epochs: number;
  /** Means over the epoch. */
  readonly loss: number;
  readonly accuracy: number;
  readonly seconds: number;
  readonly validation?: { readonly loss: number; readonly accuracy: number };
}

export type TrainEvent = StepEvent | EpochEvent;
