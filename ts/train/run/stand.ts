/**
 * The moments of a call of `fit`: while it stands still, its record and its tensors are those of one moment, and can be saved.
 * It stands still while its caller has an event, and moves on when nobody is at work with the moment any more.
 */
import { ProxbitError } from "../../base/errors.ts";

export interface Stand {
  /**
   * Does `work` at a moment: at once while the call stands still, else at the next one.
   *
   * @throws ProxbitError "argument" within a task between epochs, which waits for itself otherwise.
   */
  readonly at: (work: () => Promise<void>) => Promise<void>;
  /** Stands still, and begins what waits. */
  readonly still: () => void;
  /** Moves on, behind all work at this moment. */
  readonly move: () => Promise<void>;
  /** Runs tasks between epochs, which may have set some weights and others not. */
  readonly within: <T>(tasks: () => Promise<T>) => Promise<T>;
}

export function createStand(): Stand {
  let phase: "still" | "moving" | "task" = "still";
  const waiting: (() => void)[] = [];
  const underway = new Set<Promise<void>>();
  const begin = (work: () => Promise<void>): Promise<void> => {
    const own = work().finally(() => underway.delete(own));
    underway.add(own);
    return own;
  };
  return {
    at: async (work) => {
      if (phase === "task") throw withinTask();
      if (phase === "still") return begin(work);
      return new Promise((resolve, reject) => {
        waiting.push(() => begin(work).then(resolve, reject));
      });
    },
    still: () => {
      phase = "still";
      for (const start of waiting.splice(0)) start();
    },
    move: async () => {
      while (underway.size > 0) await Promise.allSettled(underway);
      phase = "moving";
    },
    within: async (tasks) => {
      const before = phase;
      phase = "task";
      try {
        return await tasks();
      } finally {
        phase = before;
      }
    },
  };
}

const withinTask = (): ProxbitError =>
  new ProxbitError(
    "argument",
    "a task between epochs is at work, so the weights are those of no moment of the run",
    "Save in the loop over fit, or in onEpoch.",
  );
