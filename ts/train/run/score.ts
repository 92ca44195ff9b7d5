/** The two numbers of every evaluation. */

/**
 * The loss on examples, which is that of the objective's first term over the output, without its factor: mean cross-entropy in
 * nats where no other was given. `accuracy` is the share of right answers, of examples with classes, or of all answers to several
 * labels; NaN where outputs are real numbers, of which none is right.
 */
export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}
