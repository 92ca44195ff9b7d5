/** What tests of training share: trainers that are closed after the test, all events of a run, a clock that stands still. */
import { afterEach, vi } from "vitest";
import type { Graph } from "../ts/nn/index.ts";
import type { TrainEvent } from "../ts/train/events.ts";
import { Trainer, type TrainerOptions } from "../ts/train/trainer.ts";

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

/**
 * Makes steps take so long that the workers are sent one at a time, or no time, so that they are sent up to 64 at once behind
 * the first of an epoch. It lasts until the test ends.
 */
export function stepsAtOnce(count: "one" | "many"): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    if (count === "one") now += 1000;
    return now;
  });
}
