/** A report on the checkpoints of a run, as a plain value for its events. */
/** The checkpoints of a run so far. */
export interface CheckpointReport {
  readonly written: number;
  /** Bytes of the last one, and the longest time in milliseconds that a copy kept the next step waiting. */
  readonly bytes: number;
  readonly longestPause: number;
  /** Seconds that the last one took, from its copy to its end on the disk, while the run went on. */
  readonly seconds: number;
  /** The fault of the last write, in words; null where it succeeded. The run goes on, and later writes may succeed. */
  readonly failure: string | null;
}
