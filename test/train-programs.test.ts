/**
 * The guarantee: workers hold the programs of one plan, each sent once. Length of training, changes of the batch's size
 * and earlier failures alter nothing.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine, type Engine } from "../ts/train/run/engine.ts";
import { evaluate } from "../ts/train/run/evaluate.ts";
import { fitNetwork, newState } from "../ts/train/run/fit.ts";
import { initialize } from "../ts/train/run/trained-weights.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf } from "./train-helpers.ts";

const graph = sequential({ inputShape: [6, 6, 1] }, [
  layers.flatten(),
  layers.binaryDense({ units: 9, weightQuantizer: "bnn", activationQuantizer: null }),
  layers.batchNorm(),
  layers.dense({ units: 3 }),
]);
const data = randomDataset(1, [48, 20], [6, 6, 1], 3);
const optimizer = optimizers.adam();

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

/** An engine over the pool, with the programs that workers hold and all that were ever sent. */
async function counted(
  changed: Partial<Pool> = {},
): Promise<{ readonly engine: Engine; readonly held: Set<number>; readonly sent: Set<number> }> {
  const [held, sent] = [new Set<number>(), new Set<number>()];
  const engine = await createEngine(graph, optimizer, {
    ...pool,
    ...changed,
    define: async (program) => {
      const id = await pool.define(program);
      held.add(id);
      sent.add(id);
      return id;
    },
    forget: async (ids) => {
      for (const id of ids) expect(held.delete(id), `${id} was held`).toBe(true);
      await pool.forget(ids);
    },
    run: (id, ...rest) => {
      expect(held.has(id), `${id} is held`).toBe(true);
      return pool.run(id, ...rest);
    },
  });
  await initialize(engine, 1);
  return { engine, held, sent };
}

test("a longer run sends no more programs, and another size of batches lets go of the plan's before", async () => {
  const { engine, held, sent } = await counted();
  const state = newState(1);
  const trained = async (batchSize: number, epochs: number): Promise<readonly [held: number, sent: number]> => {
    const before = sent.size;
    await eventsOf(fitNetwork(engine, optimizer, state, data, { epochs, batchSize }));
    return [held.size, sent.size - before];
  };
  const [first] = await trained(16, 2);
  expect(first).toBeGreaterThan(2);
  expect(await trained(16, 5)).toEqual([first, 0]);
  const before = [...held];
  const [other] = await trained(12, 2);
  expect(before.filter((id) => held.has(id))).toEqual([]);
  // One more program lays the plan out and is gone at once; the others stay.
  expect(await trained(16, 2)).toEqual([first, first + 1]);
  expect(await trained(12, 2)).toEqual([other, other + 1]);
});

test("a plan whose memory is refused leaves the one before it in place", async () => {
  let refused = false;
  const { engine, held } = await counted({
    reserve: async (bytes) => {
      if (refused) throw new ProxbitError("environment", "no memory", "Take less of it.");
      return pool.reserve(bytes);
    },
  });
  const scoreWith = (batchSize: number) => evaluate(engine, data.test, { batchSize });
  const wanted = await scoreWith(4);
  const before = [...held];
  const address = await engine.packed.atLeast(64);
  refused = true;
  await expect(scoreWith(20)).rejects.toMatchObject({ code: "environment" });
  // More than a larger batch has given back.
  await expect(engine.packed.atLeast(2 ** 26)).rejects.toMatchObject({ code: "environment" });
  expect([...held]).toEqual(before);
  expect(await scoreWith(4)).toEqual(wanted);
  refused = false;
  expect(await engine.packed.atLeast(64)).toBe(address);
  expect(await engine.packed.atLeast(2 ** 26)).not.toBe(address);
  expect((await scoreWith(20)).predictions).toEqual(wanted.predictions);
});
