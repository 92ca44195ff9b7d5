/** Helpers for tests of training: trainers that the test closes, a run's events, a clock that stands still. */
import { afterEach, vi } from "vitest";
import type { Graph } from "../ts/nn/index.ts";
import type { TrainEvent } from "../ts/train/run/events.ts";
import { Trainer, type TrainerOptions } from "../ts/train/run/trainer.ts";
import { newState, type TrainerState } from "../ts/train/run/trainer-state.ts";

const open: Trainer[] = [];
afterEach(() => {
  for (const trainer of open.splice(0)) trainer.close();
  vi.restoreAllMocks();
});

/** A trainer of one worker and seed 3, but for `options`. */
export async function trainerOf(graph: Graph, options: TrainerOptions = {}): Promise<Trainer> {
  const trainer = await Trainer.create(graph, { workers: 1, seed: 3, ...options });
  open.push(trainer);
  return trainer;
}

export async function eventsOf(events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** The record of a run that was left, as a file would keep it. What is of the call itself is new: it holds nothing of the old one. */
export const copied = (state: TrainerState): TrainerState =>
  Object.assign(newState(state.seed), JSON.parse(JSON.stringify({ ...state, stand: undefined })), { busy: false });

/**
 * Sets the time that steps take, until the test ends. Long steps are sent to the workers one at a time. Steps that take
 * no time are sent up to 64 at once, behind the first of an epoch.
 */
export function stepsAtOnce(count: "one" | "many"): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    if (count === "one") now += 1000;
    return now;
  });
}

/** The sum of the squares of `values`. */
export const squares = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value * value, 0);
