/** Progress over the whole grid of a comparison, and a line that stays for each run. */
import { type Run, runName } from "../compare/grid.ts";
import type { GridEvent } from "../compare/run-grid.ts";
import { secondsLeft, type TimedRun } from "../compare/time-left.ts";
import { epochNotes, failedCheckpoint } from "./epoch-notes.ts";
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

/** A run at work, with its number among all. */
interface RunShown {
  readonly run: Run;
  readonly number: number;
  readonly began: number;
  readonly from: number;
  share: number;
}

/** The notes about an epoch, and about a checkpoint that failed, with the run before each. */
function notesOf({ run, event }: Extract<GridEvent, { readonly type: "epoch" }>): readonly string[] {
  const failure = event.checkpoint?.failure ?? null;
  const notes = [...epochNotes(event), ...(failure === null ? [] : [failedCheckpoint(failure)])];
  return notes.map((note) => `${runName(run)}, epoch ${event.epoch}: ${note}`);
}

/** `startText` says what a run starts from; it is shown once where several runs have the same. */
export function gridProgress(
  context: Context,
  runs: readonly Run[],
  startText: (run: Run, layers: readonly string[]) => string,
): GridProgress {
  const meter = createMeter(context, "");
  const timed: TimedRun[] = [];
  let done = 0;
  let waiting: readonly Run[] = runs;
  /** When the last run ended, or the grid began: the next one began then. */
  let since = performance.now();
  const atWork = new Map<string, RunShown>();
  const startsSaid = new Set([""]);

  /** The run as one at work, which it may be from now on, at the share `from`. */
  const begun = (run: Run, from: number): RunShown => {
    const number = done + atWork.size + 1;
    const own = atWork.get(run.key) ?? { run, number, began: since, from, share: from };
    atWork.set(run.key, own);
    waiting = waiting.filter(({ key }) => key !== run.key);
    return own;
  };
  const show = ({ run, event }: Extract<GridEvent, { readonly type: "step" }>): void => {
    const { epoch, epochs, step, steps, imagesPerSecond } = event;
    const before = (epoch - 1) * steps + step - 1;
    const own = begun(run, before / (epochs * steps));
    own.share = (before + 1) / (epochs * steps);
    const all = [...atWork.values()];
    const seconds = (began: number) => (performance.now() - began) / 1000;
    const left = secondsLeft(
      timed,
      waiting,
      all.map((one) => ({ ...one, seconds: seconds(one.began) })),
    );
    const eta = left === null ? "" : `  ETA ${clock(left)}`;
    const place = all.reduce((sum, { share }) => sum + share, done);
    const text = `${runName(run)}  epoch ${epoch}/${epochs}  ${Math.round(imagesPerSecond)} images/s${eta}`;
    meter.update(FINE * place, FINE * runs.length, `run ${own.number}/${runs.length}  ${text}`);
  };
  const end = (run: Run, seconds: number | undefined): void => {
    done++;
    since = performance.now();
    atWork.delete(run.key);
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
        case "from": {
          const text = startText(event.run, event.layers);
          if (!startsSaid.has(text)) say(text);
          startsSaid.add(text);
          return;
        }
        case "step":
          show(event);
          return;
        case "epoch":
          for (const note of notesOf(event)) say(note);
          return;
        case "run": {
          const { run, outcome } = event.finished;
          const { result, failure } = outcome;
          const { number } = begun(run, 1);
          end(run, result?.seconds);
          const what = result === null ? failure : `${percent(result.testAccuracy)}  ${result.seconds.toFixed(1)} s`;
          say(`run ${number}/${runs.length}  ${runName(run)}  ${what}`);
        }
      }
    },
  };
}
