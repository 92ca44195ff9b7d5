/**
 * The guarantee: the check against tfjs notices. A mistake is planted in what the workers do, in a result, or in tfjs, and
 * the rows that must show it do, while a step without a mistake passes.
 */
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { functional, type Graph, input, layers, parametersOf } from "../ts/nn/index.ts";
import { shapesOf } from "../ts/nn/network.ts";
import { elementsOf } from "../ts/nn/shapes.ts";
import { quantizer } from "../ts/quantizers/registry.ts";
import { stateAt } from "../ts/quantizers/state.ts";
import { compareNumbers, missingKernel } from "../ts/reference/compare.ts";
import { compareCurve } from "../ts/reference/curve.ts";
import { check } from "../ts/reference/index.ts";
import { compareFile } from "../ts/reference/packed.ts";
import { compareMaps, OTHER_MAPS } from "../ts/reference/quantizer-maps.ts";
import { randomParameters, randomSplit } from "../ts/reference/random.ts";
import type { Row } from "../ts/reference/report.ts";
import { compareBackward, compareForward, compareUpdates } from "../ts/reference/step.ts";
import { operationCases } from "../ts/reference/subjects.ts";
import type { TensorFlow } from "../ts/reference/tensorflow.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { type Observation, observeStep } from "../ts/train/run/observe.ts";
import { pack, writeWeights } from "../ts/train/run/trained-weights.ts";
import { flippedBit, shiftedPad, wrongNumber } from "./reference-tamper.ts";

const IMAGES = 3;
const PROGRESS = 0.25;
const optimizer = optimizers.adam({ learningRate: 0.0123 });

/** A residual block between a float stem and a float head; weights soft or +-1. */
function block(weightQuantizer: string): Graph {
  const images = input({ shape: [6, 7, 3] });
  const conv = { filters: 5, kernelSize: 3, weightQuantizer, activationQuantizer: "poly" } as const;
  const stem = layers
    .conv2d({ filters: 5, kernelSize: 3, padding: "same", useBias: false, name: "stem" })
    .apply(images);
  const start = layers.batchNorm({ name: "start" }).apply(layers.maxPool2d({ name: "pool" }).apply(stem));
  const sums = layers.binaryConv2d({ ...conv, name: "conv" }).apply(start);
  const sum = layers.add({ name: "sum" }).apply([layers.batchNorm({ name: "norm" }).apply(sums), start]);
  const pooled = layers.globalAvgPool2d({ name: "mean" }).apply(layers.relu({ name: "relu" }).apply(sum));
  return functional({ inputs: images, outputs: layers.dense({ units: 4, name: "head" }).apply(pooled), name: "block" });
}

let pool: Pool;
beforeAll(async () => {
  await tf.setBackend("cpu");
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

async function observed(
  graph: Graph,
  tamper: (pool: Pool) => Pool | Promise<Pool> = (same) => same,
): Promise<Observation> {
  const engine = await createEngine(graph, optimizer, await tamper(pool), { observed: true });
  await writeWeights(engine, randomParameters(graph, 1));
  await observeStep(engine, randomSplit(graph, 1, IMAGES), IMAGES, { progress: PROGRESS, update: 1 });
  return observeStep(engine, randomSplit(graph, 1, IMAGES), IMAGES, { progress: PROGRESS, update: 2 });
}

async function rowsOf(graph: Graph, seen: Observation, library: TensorFlow = tf): Promise<readonly Row[]> {
  const step = { subject: graph.name, graph, split: randomSplit(graph, 1, IMAGES), seen, kind: "train" } as const;
  const rows: Row[] = [];
  for (const part of [
    compareForward(library, step),
    compareBackward(library, step),
    compareUpdates(library, step, optimizer),
  ]) {
    for await (const row of part) rows.push(row);
  }
  return rows;
}

/** The rows that are a mismatch, as "node quantity". */
const wrong = (rows: readonly Row[]): readonly string[] =>
  rows.filter(({ verdict }) => verdict === "mismatch").map(({ node, quantity }) => `${node} ${quantity}`);

it("an observed step holds every value of every image", async () => {
  const graph = block("bnn++");
  const { values, gradients } = await observed(graph);
  const shapes = shapesOf(graph);
  for (const [name, found] of [...values, ...gradients]) {
    expect([name, found.length]).toEqual([name, IMAGES * elementsOf(shapes.get(name) as readonly number[])]);
  }
  expect(values.size).toBeGreaterThan(5);
});

describe("a step without a mistake", () => {
  it.each(["bnn", "bnn++"])("of a block with %s weights agrees in everything", async (weights) => {
    const rows = await rowsOf(block(weights), await observed(block(weights)));
    expect(wrong(rows)).toEqual([]);
    expect(rows.filter(({ verdict }) => verdict === "unsupported")).toEqual([]);
    expect(rows.filter(({ exact }) => exact).map(({ node, verdict }) => [node, verdict])).toEqual(
      weights === "bnn" ? [["conv", "equal"]] : [],
    );
    // Every layer but the input and the norm that is added at once, every gradient, parameter, moment and statistic.
    expect(rows.filter(({ quantity }) => quantity === "value")).toHaveLength(9);
    expect(rows.filter(({ quantity }) => quantity === "statistics")).toHaveLength(4);
    const trained = parametersOf(block(weights)).filter(({ role }) => role !== "statistic");
    expect(rows.filter(({ quantity }) => quantity === "update")).toHaveLength(3 * trained.length);
    expect(rows.filter(({ quantity }) => quantity === "gradient")).toHaveLength(9 + trained.length);
  });

  it.each(operationCases().filter(({ name }) => name.includes("8 bits")))(
    "of $name agrees in everything",
    async (small) => {
      const rows = await rowsOf(small.graph, await observed(small.graph));
      expect(wrong(rows)).toEqual([]);
      const product = rows.find(({ node, quantity }) => quantity === "value" && ["conv", "dense"].includes(node));
      expect(product?.verdict).toBe("equal");
    },
  );
});

describe("a mistake in the workers", () => {
  it("of one flipped bit in packed weights shows in that layer's sums, and nowhere else on the way forward", async () => {
    const graph = block("bnn");
    const kernel = randomParameters(graph, 1).get("conv/kernel") as Float32Array;
    const positive = kernel.findIndex((weight) => weight > 0.5);
    const negative = kernel.findIndex((weight) => weight < -0.5);
    const tamper = (own: Pool) => flippedBit(own, "conv", kernel.length, positive, negative);
    const found = wrong(await rowsOf(graph, await observed(graph, tamper)));
    expect(found).toEqual(["conv value"]);
  });

  it("of a window's pad shifted by a row shows in the layers with a border, first in the stem", async () => {
    const graph = block("bnn");
    const found = wrong(await rowsOf(graph, await observed(graph, shiftedPad)));
    expect(found[0]).toBe("stem value");
    expect(found).toContain("conv value");
    expect(found).toContain("stem/kernel gradient");
  });

  it("of a beta that is a hundredth off shows in the soft weights' products and gradients", async () => {
    const graph = block("bnn++");
    const [beta] = stateAt(quantizer("bnn++"), PROGRESS).parameters;
    const found = wrong(await rowsOf(graph, await observed(graph, (own) => wrongNumber(own, beta))));
    expect(found).toContain("conv value");
    expect(found).toContain("conv/kernel gradient");
    expect(found).toContain("start gradient");
    expect(found.filter((row) => row.endsWith("update"))).toEqual([]);
  });

  it("of a learning rate that is a hundredth off shows in every update, and nowhere else", async () => {
    const graph = block("bnn");
    const found = wrong(await rowsOf(graph, await observed(graph, (own) => wrongNumber(own, 0.0123))));
    const trained = parametersOf(graph).filter(({ role }) => role !== "statistic");
    expect([...found].sort()).toEqual(trained.map(({ name }) => `${name} update`).sort());
  });
});

describe("a mistake in a result", () => {
  const graph = block("bnn++");
  let seen: Observation;
  beforeAll(async () => {
    seen = await observed(graph);
  });

  /** `values` with one element moved by a thousandth of the largest. */
  const moved = (values: Float32Array): Float32Array => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const copy = values.slice();
    const place = Math.floor(copy.length / 2);
    copy[place] = (copy[place] as number) + largest / 1000;
    return copy;
  };
  const changed = <Value>(map: ReadonlyMap<string, Value>, name: string, value: Value) => new Map(map).set(name, value);

  it("of a thousandth in one element of a layer's value shows in that layer", async () => {
    for (const [name, values] of seen.values) {
      if (name === "input") continue;
      const rows = await rowsOf(graph, { ...seen, values: changed(seen.values, name, moved(values)) });
      expect(wrong(rows), name).toContain(`${name} value`);
    }
  });

  it("of a thousandth in one element of a gradient shows there", async () => {
    for (const [name, values] of seen.gradients) {
      const rows = await rowsOf(graph, { ...seen, gradients: changed(seen.gradients, name, moved(values)) });
      expect(wrong(rows), name).toContain(`${name} gradient`);
    }
    for (const [name, values] of seen.parameterGradients) {
      const parameterGradients = changed(seen.parameterGradients, name, moved(values));
      expect(wrong(await rowsOf(graph, { ...seen, parameterGradients })), name).toContain(`${name} gradient`);
    }
  });

  it("of a thousandth in a parameter or a statistic after the step shows there", async () => {
    for (const { name, role } of parametersOf(graph)) {
      const parameters = changed(seen.after.parameters, name, moved(seen.after.parameters.get(name) as Float32Array));
      const rows = await rowsOf(graph, { ...seen, after: { ...seen.after, parameters } });
      expect(wrong(rows), name).toEqual([`${name} ${role === "statistic" ? "statistics" : "update"}`]);
    }
  });

  it("of a loss that is a thousandth off shows there", async () => {
    expect(wrong(await rowsOf(graph, { ...seen, terms: { crossEntropy: seen.loss * 1.001 } }))).toEqual(["head loss"]);
  });
});

describe("a mistake in a packed file", () => {
  it("of one bit shows in the weights that it belongs to", async () => {
    const graph = block("bnn");
    const engine = await createEngine(graph, optimizer, pool);
    const weights = randomParameters(graph, 1);
    await writeWeights(engine, weights);
    const bytes = await pack(engine, {});
    expect(wrong([...compareFile("block", bytes, weights)])).toEqual([]);
    const flipped = new Map(weights).set("conv/kernel", (weights.get("conv/kernel") as Float32Array).slice());
    const kernel = flipped.get("conv/kernel") as Float32Array;
    kernel[7] = -(kernel[7] as number);
    expect(wrong([...compareFile("block", bytes, flipped)])).toEqual(["conv/kernel packed weights"]);
  });
});

describe("a mistake in tfjs", () => {
  /** tfjs whose exponential is too large by this factor. */
  const brokenBy = (factor: number) => ({ ...tf, exp: (x: tf.Tensor) => tf.mul(tf.exp(x), factor) }) as TensorFlow;

  it("of a thousandth in its exponential shows in the maps that use it, and in no other", async () => {
    const found = new Set<string>();
    for await (const { verdict, subject } of compareMaps(brokenBy(1.001)))
      if (verdict === "mismatch") found.add(subject);
    const names = ["bnn+", "bnn++", "ede", "ede+", "reste", "adabin"];
    expect([...found]).toEqual([...names.map((name) => `quantizer ${name}`), OTHER_MAPS]);
  });

  it("makes a whole check fail", async () => {
    const request = {
      backend: "cpu",
      subjects: [{ kind: "graph", graph: block("bnn++") }],
      batchSize: 2,
      steps: 3,
    } as const;
    expect(await check(request, { tf })).toMatchObject({ pass: true, unsupported: [] });
    const report = await check(request, { tf: brokenBy(1.001) });
    expect(report).toMatchObject({ pass: false, worst: { verdict: "mismatch" } });
    expect(report.worst?.share).toBeGreaterThan(1);
  });

  it("shows in the losses of the first steps", async () => {
    const sgd = optimizers.sgd({ learningRate: 0.05, momentum: 0.9 });
    const curve = {
      subject: "block",
      graph: block("bnn++"),
      optimizer: sgd,
      batchSize: 4,
      steps: 8,
      seed: 1,
      workers: 1,
    };
    expect((await compareCurve(tf, curve)).verdict).toBe("within");
    expect((await compareCurve(brokenBy(1.03), curve)).verdict).toBe("mismatch");
  });
});

it("a kernel that the backend lacks is told from any other error, by its name", () => {
  const lacking = new Error("Kernel 'Cumprod' not registered for backend 'wasm'");
  expect(missingKernel(lacking)).toBe("tfjs's wasm backend has no kernel Cumprod");
  expect(missingKernel(new Error("Kernel panic"))).toBeNull();
  expect(missingKernel("out of memory")).toBeNull();
});

describe("numbers side by side", () => {
  const label = { subject: "a", node: "b", quantity: "value" } as const;
  it("are equal, within, or a mismatch; what is no number is a mismatch on either side", () => {
    const verdict = (ours: number[], theirs: number[], tolerance: number[], exact = false) =>
      compareNumbers({ ...label, exact }, ours, theirs, tolerance).verdict;
    expect(verdict([1, 2], [1, 2], [0, 0])).toBe("equal");
    expect(verdict([1, 2], [1, 2.5], [0, 0.5])).toBe("within");
    expect(verdict([1, 2], [1, 2.5], [0, 0.4])).toBe("mismatch");
    expect(verdict([1, 2], [1, 2.5], [9, 9], true)).toBe("mismatch");
    expect(verdict([Number.NaN], [1], [9])).toBe("mismatch");
    expect(verdict([1], [Number.NaN], [9])).toBe("mismatch");
    expect(verdict([Number.NaN], [Number.NaN], [9])).toBe("mismatch");
    expect(verdict([1], [Number.POSITIVE_INFINITY], [9])).toBe("mismatch");
    expect(verdict([1], [1.5], [Number.NaN])).toBe("mismatch");
    expect(verdict([1, 2], [1], [9, 9])).toBe("mismatch");
    expect(verdict([1, 1], [5, 1], [Number.POSITIVE_INFINITY, 1])).toBe("mismatch");
    expect(verdict([1, 1], [Number.POSITIVE_INFINITY, 1], [Number.POSITIVE_INFINITY, 1])).toBe("mismatch");
    expect(verdict([Number.NaN, 1], [1, 1], [9, 9])).toBe("mismatch");
    expect(verdict([1, Number.NaN, 1], [1, 1, 1.5], [9, 9, 9])).toBe("mismatch");
  });
});

it("operations are compared under every kind of optimizer, and all that is about something else under SGD", () => {
  const kinds = (updates: boolean): string[] => {
    const cases = operationCases().filter((given) => given.updates === updates);
    return [...new Set(cases.map(({ optimizer }) => optimizer.kind))].sort();
  };
  expect(kinds(true)).toEqual(["adam", "case", "lion", "rmsprop", "sgd"]);
  expect(kinds(false)).toEqual(["sgd"]);
});
