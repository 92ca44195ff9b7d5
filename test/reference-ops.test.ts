/**
 * The guarantee: every operation on tfjs is that of the oracle, over inputs of every number of axes. Values and gradients of
 * the examples, calculated by tfjs in f32, stay within the distance that the reference itself allows between two
 * calculations in f32; the oracle's, in f64, is nearer than such a one.
 */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import type { Shape } from "../ts/nn/graph.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { compare } from "../ts/reference/compare.ts";
import { exactly, type Near } from "../ts/reference/maps.ts";
import { applied, nearGradient, nearValue } from "../ts/reference/nodes.ts";
import { attention } from "../ts/reference/ops/attention.ts";
import type { Applied, Site } from "../ts/reference/ops/op.ts";
import { nearOperands } from "../ts/reference/ops/product.ts";
import { randomParameters } from "../ts/reference/random.ts";
import type { Tensor } from "../ts/reference/tensorflow.ts";
import {
  appliedTo,
  gradientAt,
  type Numbers,
  numbersAwayFromJumps,
  PROGRESS,
  SEED,
  UPDATE,
} from "./oracle/example-numbers.ts";
import { type Example, everyExample, examples } from "./oracle/examples.ts";
import type { Value } from "./oracle/layers.ts";
import { oracleOpOf } from "./oracle/ops/index.ts";

/** Far more than what f32 rounds of the numbers of an example. */
const MARGIN = 2 ** -10;

const tensorOf = ({ images, shape, data }: Value): Tensor => tf.tensor(Float32Array.from(data), [images, ...shape]);

beforeAll(() => tf.setBackend("cpu"));

/** The value and the gradients of a node on tfjs agree with the oracle's. */
async function expectOracle(numbers: Numbers): Promise<void> {
  const { node, inputs, parameters, parameterShapes } = numbers;
  const [oracle, given] = [oracleOpOf(node.op), appliedTo(numbers)];
  const value = oracle.forward(given);
  const site: Site = {
    pass: { kind: "train", progress: PROGRESS, update: UPDATE, seed: SEED },
    parameter: (key) =>
      tf.tensor(Float32Array.from(parameters[key] as Float64Array), [...(parameterShapes[key] as Shape)]),
    inputShape: inputs[0]?.shape ?? [],
  };
  const near = (): readonly Near[] => inputs.map((input) => exactly(tf, tensorOf(input)));
  const label = { subject: node.op, node: node.name } as const;
  const rows = [
    await compare(tf, { ...label, quantity: "value" }, value.data, () => nearValue(tf, node, near(), site)),
  ];
  const dy = gradientAt(value);
  const { inputs: atInputs, parameters: atParameters } = oracle.backward(given, dy);
  for (const [at, wanted] of [...atInputs.entries(), ...Object.entries(atParameters)]) {
    const own = { ...label, node: `${at}`, quantity: "gradient" } as const;
    const make = (): Near => nearGradient(applied(tf, node, inputs.map(tensorOf), site), tensorOf(dy), at);
    rows.push(await compare(tf, own, wanted, make));
  }
  expect(rows.filter(({ verdict }) => verdict !== "equal" && verdict !== "within")).toEqual([]);
}

it.each(everyExample)("$title", ({ example }) => expectOracle(numbersAwayFromJumps(example, MARGIN)));

it("a dense layer takes the places of a value with more axes as rows", async () => {
  const numbers = numbersAwayFromJumps(examples.dense[0] as Example<"dense">, MARGIN);
  const inputs = numbers.inputs.map(({ images, shape, data }) => ({ images: 1, shape: [images, ...shape], data }));
  await expectOracle({ ...numbers, inputs });
});

it.each(examples.maxPool2d)("of equal maxima the first has the gradient, in pool %#", async (example) => {
  const numbers = numbersAwayFromJumps(example, MARGIN);
  const inputs = numbers.inputs.map((x) => ({ ...x, data: x.data.map(Math.round) }));
  await expectOracle({ ...numbers, inputs });
});

it.each([
  ["bnn", 1, false],
  ["bnn++", 0.25, true],
  ["adabin", 1, true],
])("weights of %s at %d of a run are no whole numbers on both sides: %s", (weightQuantizer, progress, expected) => {
  const graph = sequential({ inputShape: [6] }, [layers.dense({ units: 4, weightQuantizer, name: "dense" })]);
  const node = graph.nodes.find(({ name }) => name === "dense") as Applied<"dense">["node"];
  const site: Site = {
    pass: { kind: "train", progress, update: 1, seed: SEED },
    parameter: () => tf.linspace(-1, 1, 24).reshape([6, 4]),
    inputShape: [6],
  };
  const given = applied(tf, node, [tf.ones([2, 6])], site) as Applied<"dense">;
  const { soft, kernel } = nearOperands(given);
  expect(soft.kernel).toBe(expected);
  expect(Math.max(...kernel.distance.dataSync())).toBeLessThan(2 ** -15);
});

it("a score of 0 is a tie, and the value may be off by what hangs on it", () => {
  const layer = layers.attention({ heads: 1, matrix: "boolean", name: "it" });
  const node = { ...layer.operation, name: "it", inputs: ["q", "k", "v"] } as unknown as Applied<"attention">["node"];
  const site: Site = {
    pass: { kind: "train", progress: 0, update: 1, seed: SEED },
    parameter: () => tf.zeros([1]),
    inputShape: [2, 2],
  };
  // The scores are [0, 2] and [1, 3].
  const [query, key, values] = [
    [
      [
        [1, 1],
        [2, 1],
      ],
    ],
    [
      [
        [1, -1],
        [1, 1],
      ],
    ],
    [[[5], [7]]],
  ].map((own) => tf.tensor(own));
  const inputs = [query, key, values] as [Tensor, Tensor, Tensor];
  const given = applied(tf, node, inputs, site) as Applied<"attention">;
  expect(attention.ties?.(given).dataSync()[0]).toBe(1);
  const [first = 0, second = 0] = attention.distance?.(given, attention.value(given), []).dataSync() ?? [];
  expect(first).toBeGreaterThan(5);
  expect(first).toBeLessThan(5.001);
  expect(second).toBeLessThan(1e-5);
});

it("random latent weights lean to +1 where sums are kept in 8 bits, and there alone", () => {
  const leaning = (accumulator: "saturate" | null): number => {
    const layer = layers.binaryDense({ units: 64, weightQuantizer: "bnn", activationQuantizer: "bnn", accumulator });
    const graph = sequential({ inputShape: [64] }, [layer]);
    const weights = [...randomParameters(graph, 1).values()].flatMap((values) => [...values]);
    return weights.filter((weight) => weight > 0).length / weights.length;
  };
  expect(leaning("saturate")).toBeCloseTo(0.75, 1);
  expect(leaning(null)).toBeCloseTo(0.5, 1);
});
