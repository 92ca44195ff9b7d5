/** Progress over the whole grid of a comparison, and a line that stays for each run. */
import { type Run, runName } from "../compare/grid.ts";
import type { GridEvent } from "../compare/run-grid.ts";
import { secondsLeft, type TimedRun } from "../compare/time-left.ts";
import { clock, percent } from "./format.ts";
import { printNote } from "./output.ts";
import { createMeter } from "./progress.ts";
import type { Context } from "./run.ts";

interface GridProgress {
  readonly update: (event: GridEvent) => void;
  readonly clear: () => void;
}

/** The meter counts thousandths of runs, so that it moves within one. */
const FINE = 1000;

export function gridProgress(context: Context, runs: readonly Run[]): GridProgress {
  const meter = createMeter(context, "");
  const timed: TimedRun[] = [];
  let done = 0;
  let began = performance.now();
  let waiting: readonly Run[] = runs;

  const show = (run: Run, share: number, text: string): void => {
    const seconds = (performance.now() - began) / 1000;
    const left = secondsLeft(timed, waiting, { run, seconds, share });
    const eta = left === null ? "" : `  ETA ${clock(left)}`;
    meter.update(FINE * (done + share), FINE * runs.length, `run ${done + 1}/${runs.length}  ${text}${eta}`);
  };
  const end = (run: Run, seconds: number | undefined): void => {
    done++;
    began = performance.now();
    waiting = waiting.filter(({ key }) => key !== run.key);
    if (seconds !== undefined) timed.push({ run, seconds });
  };
  const say = (line: string): void => {
    meter.clear();
    if (!context.output.json) printNote(line);
  };
  return {
    clear: meter.clear,
    update: (event) => {
      switch (event.type) {
        case "found":
          for (const { run, outcome } of event.finished) end(run, outcome.result?.seconds);
          if (done > 0) say(`${done} of ${runs.length} runs were finished before`);
          return;
        case "step": {
          const { epoch, epochs, step, steps, imagesPerSecond } = event.event;
          waiting = waiting.filter(({ key }) => key !== event.run.key);
          const place = `epoch ${epoch}/${epochs}  ${Math.round(imagesPerSecond)} images/s`;
          show(event.run, ((epoch - 1) * steps + step) / (epochs * steps), `${runName(event.run)}  ${place}`);
          return;
        }
        case "epoch":
          return;
        case "run": {
          const { run, outcome } = event.finished;
          const { result, failure } = outcome;
          end(run, result?.seconds);
          const what = result === null ? failure : `${percent(result.testAccuracy)}  ${result.seconds.toFixed(1)} s`;
          say(`run ${done}/${runs.length}  ${runName(run)}  ${what}`);
        }
      }
    },
  };
}
