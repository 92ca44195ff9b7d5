/**
 * Progress for people, on stderr. A terminal gets a bar; a log file or a build server gets a line every few seconds.
 * Programs that listen get nothing.
 */
import { SingleBar } from "cli-progress";
import { printable } from "../base/text.ts";
import type { DownloadProgress } from "../data/source.ts";
import { bytes, grouped } from "../show/table.ts";
import type { EpochEvent, StepEvent } from "../train/run/events.ts";
import { clock, percent } from "./format.ts";
import type { Context } from "./run.ts";

const SECONDS_BETWEEN_LINES = 5;

interface Meter {
  /** The state of the work: `done` of the total that `start` was told, and a text about it. */
  readonly update: (done: number, total: number, text: string) => void;
  /** Takes the bar away; the next update brings it back. */
  readonly clear: () => void;
}

const silent: Meter = { update: () => {}, clear: () => {} };

/** The bar ends with `signal`. Later lines should stay on the screen, and a bar would be drawn over them. */
function barMeter(signal: AbortSignal): Meter {
  let shown: SingleBar | undefined;
  const clear = (): void => {
    shown?.stop();
    shown = undefined;
    process.off("exit", clear);
  };
  const show = (done: number, total: number, text: string): SingleBar => {
    const bar = new SingleBar({
      format: "{text} ▕{bar}▏ {percentage} %",
      barCompleteChar: "█",
      barIncompleteChar: " ",
      barsize: 16,
      stream: process.stderr,
      clearOnComplete: true,
      gracefulExit: false,
    });
    bar.start(total, done, { text });
    // The bar has changed how the terminal wraps lines, and gives that back when it stops.
    process.once("exit", clear);
    return bar;
  };
  signal.addEventListener("abort", clear);
  return {
    update: (done, total, text) => {
      if (signal.aborted) return;
      shown ??= show(done, total, text);
      shown.setTotal(total);
      shown.update(done, { text });
    },
    clear,
  };
}

function lineMeter(): Meter {
  let last: number | undefined;
  return {
    update: (_done, _total, text) => {
      const now = performance.now();
      last ??= now;
      if (now - last < 1000 * SECONDS_BETWEEN_LINES) return;
      last = now;
      process.stderr.write(`${text}\n`);
    },
    clear: () => {},
  };
}

/**
 * The meter for each reader: a bar, lines, or nothing for programs. Names of files and data sets stand in `label` and in the
 * texts, so both are made printable, and no part of them is taken for a part of the bar.
 */
export function createMeter({ output, signal }: Context, label: string): Meter {
  if (output.json) return silent;
  const { update, clear } = process.stderr.isTTY ? barMeter(signal) : lineMeter();
  return { update: (done, total, text) => update(done, total, printable(`${label}${text}`)), clear };
}

interface TrainingProgress {
  readonly step: (event: StepEvent) => void;
  readonly validate: (epoch: number, share: number) => void;
  readonly epoch: (event: EpochEvent) => void;
  readonly clear: () => void;
}

/**
 * Progress of `fit`. A meter counts the steps of all epochs, and turns to the validation at the end of each. A line for
 * each epoch stays.
 */
export function trainingProgress(context: Context): TrainingProgress {
  const meter = createMeter(context, "");
  let epochs = 1;
  return {
    step: (event) => {
      const { epoch, step, steps } = event;
      epochs = event.epochs;
      meter.update((epoch - 1) * steps + step, epochs * steps, stepText(event));
    },
    validate: (epoch, share) => {
      meter.update(share, 1, `epoch ${epoch}/${epochs}  validating`);
    },
    epoch: ({ epoch, epochs, loss, accuracy, seconds, validation, flipRatio }) => {
      meter.clear();
      if (context.output.json) return;
      const tested = validation === undefined ? "" : `  test accuracy ${percent(validation.accuracy)}`;
      const beside = validation?.soft === undefined ? "" : ` hard-signed, soft ${percent(validation.soft.accuracy)}`;
      const flipped = flipRatio === undefined ? "" : `  flips ${(100 * flipRatio.total).toFixed(4)} % a step`;
      const trained = `loss ${loss.toFixed(4)}  accuracy ${percent(accuracy)}`;
      process.stderr.write(
        `epoch ${epoch}/${epochs}  ${trained}${tested}${beside}${flipped}  ${seconds.toFixed(1)} s\n`,
      );
    },
    clear: meter.clear,
  };
}

function stepText({ epoch, epochs, step, steps, loss, accuracy, imagesPerSecond, secondsLeft }: StepEvent): string {
  const place = `epoch ${epoch}/${epochs} step ${String(step).padStart(String(steps).length)}/${steps}`;
  const speed = `${grouped(imagesPerSecond)} images/s  ETA ${clock(secondsLeft)}`;
  return `${place}  loss ${loss.toFixed(3)}  acc ${(100 * accuracy).toFixed(1)} %  ${speed}`;
}

interface PartsProgress {
  /** `done` parts of `of`, and the next work. */
  readonly update: (done: number, of: number, what: string) => void;
  readonly clear: () => void;
}

/** Progress over parts of a work that have names and take different times. */
export function partsProgress(context: Context, label: string): PartsProgress {
  const meter = createMeter(context, `${label}: `);
  const began = performance.now();
  return {
    update: (done, of, what) => {
      const secondsLeft = ((performance.now() - began) / 1000 / done) * (of - done);
      meter.update(done, of, `${what}${done === 0 ? "" : `  ETA ${clock(secondsLeft)}`}`);
    },
    clear: meter.clear,
  };
}

interface CountProgress {
  readonly update: (done: number, of: number) => void;
  readonly clear: () => void;
}

/** Progress over a number of images. */
export function countProgress(context: Context, label: string): CountProgress {
  const meter = createMeter(context, `${label} `);
  return {
    update: (done, of) => meter.update(done, of, `${grouped(done)} of ${grouped(of)} images`),
    clear: meter.clear,
  };
}

interface DownloadMeter {
  readonly update: (progress: DownloadProgress) => void;
  readonly clear: () => void;
}

/** Progress of the files of a data set, one after the other. */
export function downloadProgress(context: Context, name: string): DownloadMeter {
  const meter = createMeter(context, `downloading ${name}: `);
  return {
    update: ({ file, received, total }) => {
      const size = total === undefined ? bytes(received) : `${bytes(received)} of ${bytes(total)}`;
      meter.update(received, total ?? received, `${file}  ${size}`);
    },
    clear: meter.clear,
  };
}
