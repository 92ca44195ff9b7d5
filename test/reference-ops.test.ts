/**
 * The guarantee: every operation on tfjs is that of the oracle, over inputs of every number of axes. Values and gradients of
 * the examples, calculated by tfjs in f32, stay within the distance that the reference itself allows between two
 * calculations in f32; the oracle's, in f64, is nearer than such a one.
 */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { parameterSpecs } from "../ts/nn/nodes.ts";
import { compare } from "../ts/reference/compare.ts";
import { exactly } from "../ts/reference/maps.ts";
import { applied, nearGradient, nearValue } from "../ts/reference/nodes.ts";
import type { Site } from "../ts/reference/ops/op.ts";
import type { Tensor } from "../ts/reference/tensorflow.ts";
import { appliedTo, gradientAt, numbersAwayFromJumps, PROGRESS, SEED, UPDATE } from "./oracle/example-numbers.ts";
import { everyExample } from "./oracle/examples.ts";
import type { Value } from "./oracle/layers.ts";
import { oracleOpOf } from "./oracle/ops/index.ts";

/** Far more than what f32 rounds of the numbers of an example. */
const MARGIN = 2 ** -10;

const tensorOf = ({ images, shape, data }: Value): Tensor => tf.tensor(Float32Array.from(data), [images, ...shape]);

beforeAll(() => tf.setBackend("cpu"));

describe.each(everyExample)("$title", ({ example }) => {
  const numbers = numbersAwayFromJumps(example, MARGIN);
  const { node, inputs, parameters } = numbers;
  const given = appliedTo(numbers);
  const oracle = oracleOpOf(node.op);
  const value = oracle.forward(given);
  const shapeOf = new Map(Object.entries(parameterSpecs(node, example.shapes)).map(([key, { shape }]) => [key, shape]));
  const site: Site = {
    pass: { kind: "train", progress: PROGRESS, update: UPDATE, seed: SEED },
    parameter: (key) => tf.tensor(Float32Array.from(parameters[key] as Float64Array), [...(shapeOf.get(key) ?? [])]),
    inputShape: example.shapes[0] ?? [],
  };

  it("has the oracle's value", async () => {
    const near = inputs.map((input) => exactly(tf, tensorOf(input)));
    const label = { subject: node.op, node: node.name, quantity: "value" } as const;
    const row = await compare(tf, label, value.data, () => nearValue(tf, node, near, site));
    expect(row).toMatchObject({ verdict: expect.stringMatching(/^(equal|within)$/) });
  });

  it("has the oracle's gradients", async () => {
    const dy = gradientAt(value);
    const { inputs: atInputs, parameters: atParameters } = oracle.backward(given, dy);
    for (const [at, wanted] of [...atInputs.entries(), ...Object.entries(atParameters)]) {
      const label = { subject: node.op, node: `${at}`, quantity: "gradient" } as const;
      const row = await compare(tf, label, wanted, () =>
        nearGradient(applied(tf, node, inputs.map(tensorOf), site), tensorOf(dy), at),
      );
      expect(row).toMatchObject({ verdict: expect.stringMatching(/^(equal|within)$/) });
    }
  });
});
