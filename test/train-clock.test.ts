/** Times that training tells, by a clock that only the workers' steps move: speed, time left, slices, and epochs. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import type { EpochEvent, StepEvent, TrainEvent } from "../ts/train/run/events.ts";
import { continueFit, fitNetwork, newState } from "../ts/train/run/fit.ts";
import { initialize } from "../ts/train/run/trained-weights.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf } from "./train-helpers.ts";

const graph = sequential({ inputShape: [4, 4, 1] }, [layers.flatten(), layers.dense({ units: 3 })]);
const optimizer = optimizers.sgd({});

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());
afterEach(() => {
  vi.restoreAllMocks();
});

/** Two epochs of 20 batches of 4 images. Each batch of any kind takes `milliseconds`. Stops and goes on behind the step `stop`. */
async function timed(milliseconds: number, stop?: number) {
  let now = 5000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const slices: number[] = [];
  const run: Pool["run"] = async (id, steps, reads) => {
    const result = await pool.run(id, steps, reads);
    now += milliseconds * steps.length;
    slices.push(steps.length);
    return result;
  };
  const engine = await createEngine(graph, optimizer, { ...pool, run });
  await initialize(engine, 1);
  const state = newState(1);
  const data = randomDataset(2, [80, 12], [4, 4, 1], 3);
  const began = now;
  const shares: number[] = [];
  const onValidate = (_: number, share: number): void => void shares.push(share);
  const options = { epochs: 2, batchSize: 4, onValidate };
  const events: TrainEvent[] = [];
  if (stop !== undefined) {
    for await (const event of fitNetwork(engine, optimizer, state, data, options)) {
      events.push(event);
      if (event.type === "step" && event.step === stop) break;
    }
    // As a file keeps it, and a day later.
    const course = JSON.parse(JSON.stringify(state.course));
    now += 86_400_000;
    Object.assign(state, { course });
  }
  const rest = stop === undefined ? fitNetwork : continueFit;
  events.push(...(await eventsOf(rest(engine, optimizer, state, data, options))));
  const steps = events.filter((event): event is StepEvent => event.type === "step");
  const epochs = events.filter((event): event is EpochEvent => event.type === "epoch");
  return { steps, epochs, slices, shares, seconds: (now - began) / 1000 };
}

test.each([40, 10])("speed and time left are those of steps of %d ms", async (milliseconds) => {
  const { steps, epochs, seconds } = await timed(milliseconds);
  expect(steps).toHaveLength(40);
  for (const [index, { imagesPerSecond, secondsLeft }] of steps.entries()) {
    expect(imagesPerSecond).toBeCloseTo(4000 / milliseconds, 9);
    expect(secondsLeft).toBeCloseTo((milliseconds / 1000) * (39 - index), 9);
  }
  // The epoch's time has all of it: twenty steps, and the estimates and the evaluation at its end.
  expect(epochs[0]?.seconds).toBeGreaterThan((20 * milliseconds) / 1000);
  expect(epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)).toBeCloseTo(seconds, 9);
});

test("an epoch's time has that before a stop, and not that between", async () => {
  const [whole, stopped] = [await timed(10), await timed(10, 7)];
  const seconds = ({ epochs }: typeof whole): readonly number[] => epochs.map((epoch) => epoch.seconds);
  // Other slices, and running statistics that are estimated at the stop, take up to five batches more.
  expect(seconds(stopped)[0]).toBeGreaterThanOrEqual(seconds(whole)[0] as number);
  expect(seconds(stopped)[0]).toBeLessThan((seconds(whole)[0] as number) + 0.05);
  expect(seconds(stopped)[1]).toBeCloseTo(seconds(whole)[1] as number, 9);
});

test.each([
  [40, 1],
  [10, 5],
  [5, 10],
  [60, 1],
  [0.01, 19],
])("steps of %d ms are sent to the workers %i at a time, after the first", async (milliseconds, most) => {
  const { slices } = await timed(milliseconds);
  // The first run lays the plan out.
  expect(slices.slice(1, 3)).toEqual([1, most]);
});

test("the share of a validation that is done grows to 1, in every epoch", async () => {
  const { shares } = await timed(1);
  const ends = shares.flatMap((share, index) => (share === 1 ? [index] : []));
  expect(ends).toEqual([shares.length / 2 - 1, shares.length - 1]);
  const [first, second] = [shares.slice(0, shares.length / 2), shares.slice(shares.length / 2)];
  expect(first).toEqual(first.toSorted((one, other) => one - other));
  expect(second).toEqual(first);
});
