/** A run is a value: left anywhere and gone on with from a copy of its record, it ends in the same bits. And work between epochs. */
import { describe, expect, test } from "vitest";
import { elementsOf } from "../ts/nn/shapes.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine, type Engine } from "../ts/train/run/engine.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import type { EpochEvent, TrainEvent } from "../ts/train/run/events.ts";
import { continueFit, type FitOptions, fitNetwork, newState } from "../ts/train/run/fit.ts";
import { initialize, readWeights } from "../ts/train/run/trained-weights.ts";
import { copied, eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE, softening } from "./train-networks.ts";

const optimizer = optimizers.adam();
const options: FitOptions = { epochs: 3, batchSize: 16, flipRatio: true, augment: { mirror: true } };

/** All of an event but what a clock says. */
function timeless(event: TrainEvent): object {
  const {
    seconds: _,
    imagesPerSecond: __,
    secondsLeft: ___,
    ...rest
  } = { seconds: 0, imagesPerSecond: 0, secondsLeft: 0, ...event };
  return rest;
}

const epochEnds = (events: readonly TrainEvent[]): readonly object[] =>
  events.filter(({ type }) => type === "epoch").map(timeless);

/** Runs `work` with an engine of one worker. */
async function withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
  const pool = await createPool({ workers: 1 });
  try {
    const engine = await createEngine(softening(), optimizer, pool);
    await initialize(engine, 1);
    return await work(engine);
  } finally {
    pool.close();
  }
}

/** Takes events until `enough` of them have come, and leaves the run there. */
async function leave(run: AsyncGenerator<TrainEvent, void, undefined>, enough: number): Promise<TrainEvent[]> {
  const seen: TrainEvent[] = [];
  for await (const event of run) {
    seen.push(event);
    if (seen.length === enough) break;
  }
  return seen;
}

describe("a run that was left", () => {
  // Three steps and the end of an epoch are four events: in an epoch, at the end of one, behind one, in the last.
  test.each(["one", "many"] as const)("ends in the same bits, its steps sent %s at a time", async (count) => {
    stepsAtOnce(count);
    const whole = await withEngine(async (engine) => {
      const events = await eventsOf(fitNetwork(engine, optimizer, newState(1), data, options));
      return { ends: epochEnds(events), weights: await readWeights(engine) };
    });
    for (const events of [1, 2, 3, 4, 5, 7, 10, 11]) {
      const parts = await withEngine(async (engine) => {
        const state = newState(1);
        const before = await leave(fitNetwork(engine, optimizer, state, data, options), events);
        const later = copied(state);
        const after = await eventsOf(continueFit(engine, optimizer, later, data, options));
        expect(later.course).toBeNull();
        expect([later.epochs, later.updates, later.progress]).toEqual([3, 9, 1]);
        return { ends: [...epochEnds(before), ...epochEnds(after)], weights: await readWeights(engine) };
      });
      expect(parts, `left after ${events} events`).toEqual(whole);
    }
  });

  test("is refused with other epochs, batches or images, and where there is none", async () => {
    await withEngine(async (engine) => {
      const state = newState(1);
      await leave(fitNetwork(engine, optimizer, state, data, options), 2);
      const { course } = state;
      const { images, labels } = data.train;
      const train = {
        ...data.train,
        count: 40,
        images: images.subarray(0, 40 * elementsOf(SHAPE)),
        labels: labels.subarray(0, 40),
      };
      const less = { ...data, train };
      for (const [given, of] of [
        [{ ...options, epochs: 4 }, data],
        [{ ...options, batchSize: 12 }, data],
        [options, less],
      ] as const) {
        await expect(eventsOf(continueFit(engine, optimizer, state, of, given))).rejects.toMatchObject({
          code: "argument",
          message: expect.stringContaining("the run that was left had 3 epochs of 3 steps of 16"),
        });
      }
      expect(state.course).toEqual(course);
      await expect(eventsOf(continueFit(engine, optimizer, newState(1), data, options))).rejects.toMatchObject({
        message: expect.stringContaining("had none"),
      });
    });
  });
});

describe("tasks between epochs", () => {
  test("run in order behind the steps, see and set the weights, and their numbers stand in the events", async () => {
    const trainer = await trainerOf(binary());
    const seen: unknown[] = [];
    const clear: EpochTask = {
      name: "clear",
      run: async ({ weights, setWeights, epoch, epochs, progress }) => {
        const [[name, values] = ["", new Float32Array()]] = await weights();
        seen.push([epoch, epochs, progress]);
        await setWeights(new Map([[name, values.fill(0.25)]]));
        return undefined;
      },
    };
    const count: EpochTask = {
      name: "count",
      run: async ({ weights }) => {
        const [[, values] = ["", new Float32Array()]] = await weights();
        return { quarters: values.filter((value) => value === 0.25).length };
      },
    };
    const events = await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16, tasks: [clear, count] }));
    const [first] = (await trainer.weights()).values();
    expect(seen).toEqual([
      [1, 2, 0.5],
      [2, 2, 1],
    ]);
    const results = events.filter((event): event is EpochEvent => event.type === "epoch").map(({ tasks }) => tasks);
    expect(results).toEqual(Array(2).fill({ count: { quarters: first?.length } }));
    expect(first?.every((value) => value === 0.25)).toBe(true);
  });

  test("are done once where a run is left behind them and gone on with", async () => {
    await withEngine(async (engine) => {
      const done: string[] = [];
      let spoilt = true;
      const tasks: EpochTask[] = ["a", "b"].map((name) => ({
        name,
        run: async ({ epoch }) => {
          if (name === "b" && spoilt) throw new Error("not yet");
          done.push(`${name}${epoch}`);
          return undefined;
        },
      }));
      const state = newState(1);
      const given = { ...options, epochs: 2, tasks };
      await expect(eventsOf(fitNetwork(engine, optimizer, state, data, given))).rejects.toThrow("not yet");
      spoilt = false;
      await eventsOf(continueFit(engine, optimizer, copied(state), data, given));
      expect(done).toEqual(["a1", "b1", "a2", "b2"]);
    });
  });

  test.each([
    ["no list", 3, "tasks must be"],
    ["a task without a name", [{ run: async () => undefined }], "name must be"],
    ["two of one name", Array(2).fill({ name: "a", run: async () => undefined }), "no other task has"],
    ["a task that cannot run", [{ name: "a", run: 3 }], "run must be a function"],
  ])("are refused for %s", async (_what, tasks, message) => {
    const trainer = await trainerOf(binary());
    await expect(eventsOf(trainer.fit(data, { epochs: 1, tasks: tasks as EpochTask[] }))).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining(message),
    });
  });

  test.each([[3], [{ a: "b" }], [null]])("are refused when they resolve to %j", async (found) => {
    const trainer = await trainerOf(binary());
    const tasks = [{ name: "a", run: async () => found as never }];
    await expect(eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16, tasks }))).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining('the task "a"'),
    });
  });
});
