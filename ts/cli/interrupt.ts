/**
 * Ctrl-C, in two steps. The first asks the work to stop after its current step, through an `AbortSignal`. The second
 * ends the process at once. Threads end with the process, and files are only ever written whole, so both ends are
 * clean. A training saves where it stands after the first, and loses the steps since its last checkpoint after the second.
 */
import { constants } from "node:os";
import { ProxbitError } from "../base/errors.ts";

/**
 * A terminal delivers Ctrl-C to the whole group of processes, and npm and tsx pass it on again. One press may therefore
 * arrive up to three times. All that follows within this time is the same press.
 */
const SAME_PRESS_MS = 400;

interface Interrupt {
  /** Aborted after the first signal. */
  readonly signal: AbortSignal;
  /** The exit code that tells which signal it was (130 for Ctrl-C), or undefined where there was none. */
  readonly exitCode: () => number | undefined;
  /** Gives the signals back to the system. */
  readonly dispose: () => void;
}

export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let first = 0;
  const stop = (name: NodeJS.Signals): void => {
    const now = performance.now();
    if (exitCode === undefined) {
      exitCode = 128 + constants.signals[name];
      first = now;
      controller.abort();
      process.stderr.write("\nstopping after this step; press Ctrl-C again to stop at once\n");
    } else if (now - first > SAME_PRESS_MS) {
      process.exit(exitCode);
    }
  };
  // SIGHUP comes where a terminal is closed, or a connection to another machine ends.
  const names: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    dispose: () => {
      for (const name of names) process.off(name, stop);
    },
  };
}

/** @throws ProxbitError `aborted` where the signal has come: called between two pieces of work. */
export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ProxbitError("aborted", "stopped", "Run the command again; nothing was written.");
}
