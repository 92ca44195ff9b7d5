/**
 * Every operation of the table, by itself and behind a product: sessions have the logits of the trainer's evaluation, however
 * a layer is cut. The table itself keeps what the operations' flags promise, or it does not compile.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inferenceOps } from "../ts/inference/ops/all.ts";
import type { InferenceOp } from "../ts/inference/ops/op.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { type OpName, opNames } from "../ts/nn/ops/index.ts";
import { elementsOf } from "../ts/nn/shapes.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, bits, engineWith, inMemory, randomNumbers } from "./inference-helpers.ts";
import { EXAMPLE_CLASSES, EXAMPLE_SHAPE, opExamples } from "./op-examples.ts";
import { randomSplit } from "./oracle/compare.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

describe.each(opNames)("%s", (name) => {
  test("gives in every session what it gives in the trainer", async () => {
    const graph = opExamples[name]();
    expect(graph.nodes.map(({ op }) => op)).toContain(name);
    const split = randomSplit(3, 8, EXAMPLE_SHAPE, EXAMPLE_CLASSES);
    const weights = randomParameters(graph, 3);
    const logits = await agreedLogits(pool, graph, weights, split);
    // The images tell the layer's values apart.
    expect(new Set(logits).size).toBeGreaterThan(EXAMPLE_CLASSES);
  });

  test("gives the same, however many parts a layer is cut into", async () => {
    const graph = opExamples[name]();
    const model = decodeModel(await pack(await engineWith(pool, graph, randomParameters(graph, 4)), {}));
    const images = randomNumbers(5 * elementsOf(EXAMPLE_SHAPE), name);
    const whole = (await inMemory(model, {})).run(images);
    expect(new Set(whole).size).toBeGreaterThan(EXAMPLE_CLASSES);
    for (const parts of [2, 3, 5]) {
      expect(bits((await inMemory(model, { workers: parts })).run(images)), `${parts} parts`).toEqual(bits(whole));
    }
  });
});

test("an entry keeps what its operation's flags promise, or it does not compile", () => {
  const { prelu, ...others } = inferenceOps;
  const { step } = prelu;
  // @ts-expect-error: no entry for prelu
  others satisfies { readonly [Name in OpName]: InferenceOp<Name> };
  // @ts-expect-error: a flatten runs nothing
  ({ kind: "whole", emit: () => {} }) satisfies InferenceOp<"flatten">;
  // @ts-expect-error: a batch norm has a scale and a shift
  ({ kind: "rows", step }) satisfies InferenceOp<"batchNorm">;
  // @ts-expect-error: a pool does not go row by row
  ({ kind: "rows", step }) satisfies InferenceOp<"avgPool2d">;
  // @ts-expect-error: a product leads a group
  ({ kind: "whole", emit: () => {} }) satisfies InferenceOp<"dense">;
});
