/** Every operation of the table, over images and behind a product: a step of training does what the oracle does. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { opNames } from "../ts/nn/ops/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { opExamples } from "./op-examples.ts";
import { expectOracle } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

describe.each(opNames)("%s", (name) => {
  test("trains as its definition says, two steps and an evaluation", async () => {
    const graph = opExamples[name]();
    expect(graph.nodes.map(({ op }) => op)).toContain(name);
    await expectOracle(pool, { graph, steps: 2, optimizer: optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }) });
  });
});
