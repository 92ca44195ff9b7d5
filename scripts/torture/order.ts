/** The orders that the torturer gives to a process in which the run trains, as one argument of JSON. */
import type { Setting } from "./work.ts";

export interface Order {
  /** The paths of the file and of the checkpoint. */
  readonly out: string;
  readonly checkpoint: string;
  readonly setting: Setting;
  /** Steps between two checkpoints. */
  readonly every: number;
  /** Milliseconds that the run waits behind each step. */
  readonly pause: number;
  /**
   * A fault of the run: a worker that is ended behind a step; or a fault of the file layer, at its deed of this number: the
   * process is killed before or behind it, or the disk is full from there on for some deeds.
   */
  readonly fault:
    | { readonly kind: "none" }
    | { readonly kind: "worker"; readonly step: number }
    | { readonly kind: "killed"; readonly deed: number; readonly when: "before" | "behind" }
    | { readonly kind: "full"; readonly deed: number; readonly deeds: number };
}
