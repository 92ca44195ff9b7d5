/**
 * Progress of a benchmark and its remaining time, on stderr. A terminal gets a bar, everything else a line every few
 * seconds.
 */
import { SingleBar } from "cli-progress";

const MILLISECONDS_BETWEEN_LINES = 10_000;

export interface Progress {
  readonly expect: (steps: number) => void;
  readonly tick: () => void;
  /** Takes the bar away so that something can be printed; the next tick brings it back. */
  readonly clear: () => void;
}

export function progress(label: string): Progress {
  let [done, total, began] = [0, 0, 0];
  // The first step counts for nothing: it waits for peers to load and engines to compile.
  const left = (): string =>
    done === 1 ? "..." : `${Math.ceil((((performance.now() - began) / (done - 1)) * (total - done)) / 1000)} s left`;
  const show = process.stderr.isTTY ? barMeter(label) : lineMeter(label);
  return {
    expect: (steps) => {
      [done, total] = [0, steps];
    },
    tick: () => {
      done++;
      if (done === 1) began = performance.now();
      show.update(done, Math.max(done, total), left());
    },
    clear: show.clear,
  };
}

interface Meter {
  readonly update: (done: number, total: number, left: string) => void;
  readonly clear: () => void;
}

function barMeter(label: string): Meter {
  let bar: SingleBar | undefined;
  const clear = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    clear,
    update: (done, total, left) => {
      if (bar === undefined) {
        const format = `${label} ▕{bar}▏ {percentage} %, {left}`;
        const signs = { barCompleteChar: "█", barIncompleteChar: " ", barsize: 24 };
        bar = new SingleBar({ format, ...signs, stream: process.stderr, clearOnComplete: true, gracefulExit: false });
        bar.start(total, done, { left });
        // The bar changes how the terminal wraps lines, and gives that back when it stops.
        process.once("exit", clear);
      }
      bar.update(done, { left });
    },
  };
}

function lineMeter(label: string): Meter {
  let last = performance.now();
  return {
    clear: () => {},
    update: (done, total, left) => {
      if (performance.now() - last < MILLISECONDS_BETWEEN_LINES) return;
      last = performance.now();
      process.stderr.write(`${label}: ${Math.floor((100 * done) / total)} %, ${left}\n`);
    },
  };
}
