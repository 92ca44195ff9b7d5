/** Whole steps of the quantizers that methods bring are those of their definitions, in f64. */
import { test } from "vitest";
import type { Graph } from "../ts/nn/index.ts";
import type { Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { expectOracle } from "./oracle/trainer.ts";

/** Tests two steps of `network`, by plain gradients and by momentum. */
export function testSteps(pool: () => Pool, network: Graph): void {
  test.each([
    ["the gradient", undefined],
    ["momentum", optimizers.sgd({ learningRate: 0.1, momentum: 0.9 })],
  ])("is that of the definition, by %s", (_, optimizer) =>
    expectOracle(pool(), { graph: network, ...(optimizer && { optimizer }), steps: 2, of: 3 }),
  );
}
