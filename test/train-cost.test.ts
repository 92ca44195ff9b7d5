/** The guarantee: a run costs the caller neither memory that grows nor a thread that blocks. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { evaluate } from "../ts/train/run/evaluate.ts";
import { fitNetwork, newState } from "../ts/train/run/fit.ts";
import { initialize, pack } from "../ts/train/run/trained-weights.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(4, [50, 21], SHAPE, 3);
const binary = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 8, kernelSize: 3 }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

describe("what a run costs the caller", () => {
  test("memory and programs do not grow from epoch to epoch, whatever else is asked for", async () => {
    const pool = await createPool({ workers: 2 });
    let programs = 0;
    const counting: Pool = {
      ...pool,
      define: (program) => {
        programs++;
        return pool.define(program);
      },
      forget: (ids) => {
        programs -= ids.length;
        return pool.forget(ids);
      },
    };
    const optimizer = optimizers.adam({});
    const engine = await createEngine(binary(), optimizer, counting);
    await initialize(engine, 1);
    const state = newState(1);
    const sizes: [memory: number, programs: number][] = [];
    for (let i = 0; i < 3; i++) {
      for await (const event of fitNetwork(engine, optimizer, state, data, { epochs: 4, batchSize: 16 })) {
        if (event.type !== "epoch") continue;
        await evaluate(engine, data.test, { batchSize: 7 });
        await pack(engine, {});
        // Reserving nothing tells where the next bytes would lie: the size of the memory.
        sizes.push([await pool.reserve(0), programs]);
      }
    }
    pool.close();
    expect(sizes).toHaveLength(12);
    expect(new Set(sizes.map(String)).size).toBe(1);
    expect(sizes[0]?.[0]).toBeGreaterThan(1 << 16);
    expect(sizes[0]?.[1]).toBe(1);
  });

  test("the trainer says how much memory it uses, and that does not grow", async () => {
    const trainer = await Trainer.create(binary(), { workers: 1 });
    const before = trainer.memoryBytes();
    const sizes: number[] = [];
    for await (const event of trainer.fit(data, { epochs: 5, batchSize: 16 })) {
      if (event.type === "epoch") sizes.push(trainer.memoryBytes());
    }
    expect(before).toBeGreaterThan(4 * [...(await trainer.weights()).values()].flatMap((w) => [...w]).length);
    expect(sizes[0]).toBeGreaterThan(before);
    expect(new Set(sizes).size).toBe(1);
    trainer.close();
  });

  /** Collects until the finalizer of a value of now has run, and those of older values with it. */
  async function finalized(collect: () => void): Promise<void> {
    let isGone = false;
    const registry = new FinalizationRegistry<void>(() => {
      isGone = true;
    });
    registry.register({}, undefined);
    while (!isGone) {
      // Finalizers run in a task of their own.
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  test("the memory of a data set that nobody holds any more goes to the next one", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const trainer = await Trainer.create(binary(), { workers: 1 });
    const sizes: number[] = [];
    for (let i = 0; i < 24; i++) {
      await trainer.evaluate(randomDataset(i, [50, 21], SHAPE, 3).train, { batchSize: 16 });
      await finalized(collect);
      sizes.push(trainer.memoryBytes());
    }
    trainer.close();
    expect(sizes[0]).toBeGreaterThan(0);
    expect(new Set(sizes.slice(12)).size).toBe(1);
  });

  test("the caller's thread stays free: it is never busy for more than 50 ms on end", async () => {
    const large = randomDataset(2, [20_000, 2000], [28, 28, 1], 10);
    const graph = sequential({ inputShape: [28, 28, 1] }, [
      layers.flatten(),
      layers.dense({ units: 64 }),
      layers.batchNorm(),
      layers.dense({ units: 10 }),
    ]);
    const trainer = await Trainer.create(graph, { workers: 2 });
    const processor = (): number => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    };
    /** The longest that this thread was busy in an epoch, in its own processor's milliseconds and those of the clock. */
    const busiest = async (): Promise<number> => {
      /** Late ticks of a timer. Each has this thread's own work meanwhile, because other processes delay it too. */
      const lateness: { late: number; busy: number }[] = [];
      let [last, used] = [performance.now(), processor()];
      const timer = setInterval(() => {
        const [now, cpu] = [performance.now(), processor()];
        lateness.push({ late: now - last - 5, busy: cpu - used });
        [last, used] = [now, cpu];
      }, 5);
      let events = 0;
      for await (const _ of trainer.fit(large, { epochs: 1, batchSize: 64 })) events++;
      clearInterval(timer);
      expect(events).toBe(312 + 1);
      expect(lateness.length).toBeGreaterThan(20);
      return Math.max(...lateness.map(({ late, busy }) => Math.min(late, busy)));
    };
    // A block of ours comes again in each epoch. Cold code and other programs do not.
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 4 && least >= 50; attempt++) least = Math.min(least, await busiest());
    trainer.close();
    expect(least).toBeLessThan(50);
  });
});
