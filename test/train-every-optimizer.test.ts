/**
 * Every optimizer leaves a state to the next step, call and file. The state goes on from call to call. It begins anew
 * after a failure and after a new start. Nothing depends on workers, or on the number of steps that they are sent at
 * once.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dataset, ImageSplit } from "../ts/data/dataset.ts";
import { load } from "../ts/inference/index.ts";
import { addressOf } from "../ts/program/place.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import type { Optimizer } from "../ts/train/optimizers/optimizers.ts";
import type { Live } from "../ts/train/plan/context.ts";
import type { MeasuredPlan } from "../ts/train/plan/reserve.ts";
import { createEngine, type Engine } from "../ts/train/run/engine.ts";
import type { TrainEvent } from "../ts/train/run/events.ts";
import { fitNetwork, newState, type TrainerState } from "../ts/train/run/fit.ts";
import { initialize, readWeights, writeWeights } from "../ts/train/run/trained-weights.ts";
import type { Trainer } from "../ts/train/run/trainer.ts";
import { bits, trainerLogits } from "./inference-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { everyOptimizer, plainSigns, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

/** Twelve steps of four images. */
const data = randomDataset(4, [48, 21], SHAPE, 3);
const options = { epochs: 1, batchSize: 4, validate: false } as const;
/** The same image over and over: the order of an epoch is no matter. */
const same: Dataset<ImageSplit> = {
  ...data,
  train: {
    ...data.train,
    images: data.train.images.map((_, i) => data.train.images[i % 36] as number),
    labels: new Uint8Array(48),
  },
};
const losses = (events: readonly TrainEvent[]): number[] => events.map(({ loss }) => loss);
const trained = (weights: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> =>
  new Map([...weights].filter(([name]) => !name.includes("/moving")));

describe.each(everyOptimizer)("%s", (_name, optimizer) => {
  const trainer = (workers = 1): Promise<Trainer> => trainerOf(plainSigns(), { optimizer, workers });

  test("calls of fit in a row are one of their length together", async () => {
    const [once, thrice] = [await trainer(), await trainer()];
    const whole = losses(await eventsOf(once.fit(data, { ...options, epochs: 4 })));
    const parts: number[] = [];
    for (const epochs of [2, 1, 1]) parts.push(...losses(await eventsOf(thrice.fit(data, { ...options, epochs }))));
    expect(parts).toEqual(whole);
    expect(await thrice.weights()).toEqual(await once.weights());
  });

  test("workers, and how many steps they are sent at once, change no bit", async () => {
    const run = async (count: "one" | "many", workers: number): Promise<unknown> => {
      const own = await trainer(workers);
      stepsAtOnce(count);
      const events = losses(await eventsOf(own.fit(data, { ...options, epochs: 2 })));
      return { events, weights: await own.weights() };
    };
    const wanted = await run("one", 1);
    expect(await run("many", 1)).toEqual(wanted);
    expect(await run("many", 2)).toEqual(wanted);
    expect(await run("one", 3)).toEqual(wanted);
  });

  test("a new start forgets all that the optimizer has seen", async () => {
    const [used, fresh] = [await trainer(), await trainer()];
    const start = await fresh.weights();
    await eventsOf(used.fit(same, options));
    expect(trained(await used.weights())).not.toEqual(trained(start));
    await used.startFrom(start);
    expect(await used.weights()).toEqual(start);
    await fresh.startFrom(start);
    expect(losses(await eventsOf(used.fit(same, options)))).toEqual(losses(await eventsOf(fresh.fit(same, options))));
    expect(await used.weights()).toEqual(await fresh.weights());
  });

  test("setting weights leaves its state alone: those that are there already change nothing", async () => {
    const [left, set] = [await trainer(), await trainer()];
    for (const each of [left, set]) await eventsOf(each.fit(data, options));
    await set.setWeights(await set.weights());
    expect(losses(await eventsOf(set.fit(data, options)))).toEqual(losses(await eventsOf(left.fit(data, options))));
    expect(await set.weights()).toEqual(await left.weights());
  });

  test("the packed model has the logits of the network it leaves", async () => {
    const engine = await createEngine(plainSigns(), optimizer, pool);
    const own = await trainer();
    await eventsOf(own.fit(data, options));
    await writeWeights(engine, await own.weights());
    const session = await load(await own.pack());
    expect(bits(session.run(data.test.images, { count: data.test.count }))).toEqual(
      bits(await trainerLogits(engine, data.test)),
    );
  });

  describe("a step that fails", () => {
    /** The engine, but that in update `at` the numbers of the optimizer of all parameters are infinite. */
    const spoilt = (engine: Engine, at: number): Engine => ({
      ...engine,
      inputs: (plan: MeasuredPlan, images: Uint32Array, live?: Live, views?: Uint32Array) => {
        const writes = engine.inputs(plan, images, live, views);
        if (live?.kind !== "train" || live.update !== at) return writes;
        const infinite = new Uint8Array(Float32Array.of(Number.POSITIVE_INFINITY).buffer);
        const places = [...plan.hyper.updates.values()];
        const address = addressOf(plan.hyper.place);
        return [...writes, ...places.map((place) => ({ address: address + 4 * place, bytes: infinite }))];
      },
    });
    const stateAfter = (epochs: number): TrainerState => ({
      ...newState(1),
      epochs,
    });
    const engineOf = async (weights?: ReadonlyMap<string, Float32Array>): Promise<Engine> => {
      const engine = await createEngine(plainSigns(), optimizer, pool);
      await initialize(engine, 1);
      if (weights !== undefined) await writeWeights(engine, weights);
      return engine;
    };
    const lossesIn = async (
      engine: Engine,
      state: TrainerState,
      of: Optimizer,
      given: Dataset,
      epochs = 1,
    ): Promise<number[]> => losses(await eventsOf(fitNetwork(engine, of, state, given, { ...options, epochs })));

    test("the first one is as if it had not been", async () => {
      const [failed, spared] = [await engineOf(), await engineOf()];
      const state = stateAfter(0);
      await expect(lossesIn(spoilt(failed, 1), state, optimizer, data)).rejects.toMatchObject({ code: "not-finite" });
      expect(trained(await readWeights(failed))).toEqual(trained(await readWeights(spared)));
      expect(await lossesIn(failed, state, optimizer, data, 2)).toEqual(
        await lossesIn(spared, stateAfter(0), optimizer, data, 2),
      );
      expect(await readWeights(failed)).toEqual(await readWeights(spared));
    });

    test.each(["one", "many"] as const)(
      "leaves the weights of the step before, and an optimizer that has seen nothing; %s at once",
      async (count) => {
        stepsAtOnce(count);
        const [failed, stopped] = [await engineOf(), await engineOf()];
        // Five steps of the second epoch are good, the sixth is not.
        const state = stateAfter(0);
        const run = lossesIn(spoilt(failed, 18), state, optimizer, data, 2);
        await expect(run).rejects.toMatchObject({
          code: "not-finite",
          message: expect.stringContaining("epoch 2, step 6"),
        });
        stepsAtOnce("one");
        for await (const event of fitNetwork(stopped, optimizer, stateAfter(0), data, { ...options, epochs: 2 })) {
          if (event.type === "step" && event.epoch === 2 && event.step === 5) break;
        }
        const left = await readWeights(failed);
        expect(trained(left)).toEqual(trained(await readWeights(stopped)));
        const fresh = await engineOf(left);
        expect(await lossesIn(failed, state, optimizer, data, 2)).toEqual(
          await lossesIn(fresh, stateAfter(1), optimizer, data, 2),
        );
        expect(await readWeights(failed)).toEqual(await readWeights(fresh));
      },
    );

    test("because of its images leaves the weights before the last update, and an optimizer that has seen nothing", async () => {
      const infinite: Dataset = { ...data, train: { ...data.train, scale: 1e38 } };
      const [failed, stopped] = [await engineOf(), await engineOf()];
      const state = stateAfter(0);
      await lossesIn(failed, state, optimizer, data);
      await expect(lossesIn(failed, state, optimizer, infinite)).rejects.toMatchObject({ code: "not-finite" });
      stepsAtOnce("one");
      for await (const event of fitNetwork(stopped, optimizer, stateAfter(0), data, options)) {
        if (event.type === "step" && event.step === 11) break;
      }
      const left = await readWeights(failed);
      expect(trained(left)).toEqual(trained(await readWeights(stopped)));
      const fresh = await engineOf(left);
      expect(await lossesIn(failed, state, optimizer, data, 2)).toEqual(
        await lossesIn(fresh, stateAfter(1), optimizer, data, 2),
      );
      expect(await readWeights(failed)).toEqual(await readWeights(fresh));
    });
  });
});
