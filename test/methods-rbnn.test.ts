/**
 * RBNN: a whole step is that of its definition, in f64. Rotations stay rotations and bring filters nearer to their signs. They
 * belong to the run: checkpoints have them, and files hold the signs of rotated weights alone.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import { unpackSigns } from "../ts/io/bits.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { alternate, meanCosine, polarFactor } from "../ts/methods/alternation.ts";
import { methodOf, methods } from "../ts/methods/index.ts";
import {
  freeze,
  type Graph,
  initialValues,
  layers,
  packedParametersOf,
  parametersOf,
  sequential,
  summary,
} from "../ts/nn/index.ts";
import { networkOf } from "../ts/nn/network.ts";
import { randomStream } from "../ts/nn/random.ts";
import { quantizer, standardizedWeights } from "../ts/quantizers/index.ts";
import { rotationSides } from "../ts/quantizers/rotations.ts";
import { rotatedRbnn } from "../ts/quantizers/weight-families.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods, packedGraph } from "../ts/train/method.ts";
import { type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { testSteps } from "./methods-steps.ts";
import { trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const graph = binary();
const adam = optimizers.adam({ learningRate: 0.02 });
const changed = (given: Graph, method = methods.rbnn(), optimizer: Optimizer = adam): Graph =>
  applyMethods([method], { graph: given, optimizer, objective: [losses.crossEntropy()] }).graph;

const numbers = (count: number, name: string): Float64Array => {
  const { uniform } = randomStream(7, name);
  return Float64Array.from({ length: count }, () => 2 * uniform() - 1);
};

/** The largest distance of Q^T Q from the identity. */
function skewness(q: ArrayLike<number>, side: number): number {
  let most = 0;
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < side; k++) sum += q[k * side + i]! * q[k * side + j]!;
      most = Math.max(most, Math.abs(sum));
    }
  }
  return most;
}

describe("a step", () => {
  /** Both forms of kernels, filters of one and of two rows as matrices, and one that reads a single channel. */
  const network = sequential({ inputShape: [6, 5, 3] }, [
    layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer: rotatedRbnn(), useBias: false }),
    layers.batchNorm(),
    layers.depthwiseConv2d({ kernelSize: 3, weightQuantizer: rotatedRbnn(), activationQuantizer: "poly" }),
    layers.hardTanh(),
    layers.flatten(),
    layers.dense({ units: 7, weightQuantizer: rotatedRbnn(), activationQuantizer: "poly" }),
    layers.hardTanh(),
    layers.dense({ units: 3 }),
  ]);

  testSteps(() => pool, network);

  test("has the angle's gradient among those that a norm bounds", async () => {
    const squared = async (clipNorm: number): Promise<number> => {
      const trainer = await trainerOf(graph, {
        methods: [methods.rbnn({ angle: 1 })],
        optimizer: optimizers.sgd({ learningRate: 1, clipNorm }),
      });
      const before = await trainer.weights();
      await trainer.fit(data, { epochs: 1, batchSize: 50, validate: false });
      const after = await trainer.weights();
      let sum = 0;
      for (const { name, role } of parametersOf(trainer.graph)) {
        if (role === "statistic" || role === "kept") continue;
        for (const [i, value] of after.get(name)!.entries()) sum += (value - before.get(name)![i]!) ** 2;
      }
      return Math.sqrt(sum);
    };
    expect(await squared(0.01)).toBeCloseTo(0.01, 5);
  });
});

describe("rotations", () => {
  test.each([
    [1, 1],
    [3, 3],
    [5, 2],
    [8, 8],
  ])("the polar factor of a matrix with sides of %s and rank %s is the nearest rotation", (side, rank) => {
    const [left, right] = [numbers(side * rank, "left"), numbers(rank * side, "right")];
    const m = Float64Array.from({ length: side * side }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += left[Math.floor(i / side) * rank + k]! * right[k * side + (i % side)]!;
      return sum;
    });
    const q = polarFactor(m, side);
    expect(skewness(q, side)).toBeLessThan(1e-12);
    const trace = (other: ArrayLike<number>): number => m.reduce((sum, value, i) => sum + value * other[i]!, 0);
    // A small turn between any two axes brings nothing.
    for (const angle of [1e-3, -1e-3, 0.5]) {
      for (let i = 0; i + 1 < side; i++) {
        const turned = Float64Array.from(q);
        for (let row = 0; row < side; row++) {
          const [x, y] = [q[row * side + i]!, q[row * side + i + 1]!];
          turned[row * side + i] = Math.cos(angle) * x - Math.sin(angle) * y;
          turned[row * side + i + 1] = Math.sin(angle) * x + Math.cos(angle) * y;
        }
        expect(trace(turned)).toBeLessThanOrEqual(trace(q) + 1e-12);
      }
    }
  });

  test("alternations bring filters nearer to their signs, each time", () => {
    const [rows, filters] = [24, 6];
    expect(rotationSides(rows)).toEqual([4, 6]);
    const w = numbers(rows * filters, "filters");
    const { parameters } = networkOf(
      sequential({ inputShape: [rows] }, [layers.dense({ units: filters, weightQuantizer: rotatedRbnn() })]),
    );
    const [left, right] = parameters.filter(({ role }) => role === "kept").map((own) => initialValues(own, 3));
    expect([skewness(left!, 4), skewness(right!, 6)].every((skew) => skew < 1e-6)).toBe(true);
    const cosines = [0, 1, 2, 3].map((times) => {
      const pair = alternate(w, filters, { left: left!, right: right! }, times);
      expect(skewness(pair.left, 4) + skewness(pair.right, 6)).toBeLessThan(1e-5);
      return meanCosine(w, filters, pair);
    });
    expect(cosines).toEqual(cosines.toSorted((a, b) => a - b));
    expect(cosines[3]! - cosines[0]!).toBeGreaterThan(0.01);
  });
});

describe("a run", () => {
  const options = { methods: [methods.rbnn()], optimizer: adam };

  test("is the same for any number of workers and from a checkpoint, and turns in between", async () => {
    const fit = { epochs: 3, batchSize: 16, validate: false };
    const trainer = await trainerOf(graph, { ...options, workers: 2 });
    const first = await trainer.weights();
    const { epochs } = await trainer.fit(data, fit);
    const last = await trainer.weights();
    expect(last.get("body/left")).not.toEqual(first.get("body/left"));
    expect(last.get("body/angle")).not.toEqual(first.get("body/angle"));
    expect(new Set(epochs.map(({ tasks }) => tasks?.rbnn?.cosine)).size).toBe(3);

    const other = await trainerOf(graph, options);
    const store = memoryStore();
    for await (const event of other.fit(data, { ...fit, checkpoint: store })) {
      if (event.type === "epoch" && event.epoch === 2) break;
    }
    const resumed = await Trainer.resume(store, { methods: methodOf, workers: 1 });
    await resumed.continueFit(data);
    expect(await resumed.weights()).toEqual(last);
    resumed.close();
  });

  test("has rotations that fit its filters from the first step on", async () => {
    const trainer = await trainerOf(graph, { ...options, optimizer: optimizers.sgd({ learningRate: 0 }) });
    const w = (await trainer.weights()).get("body/kernel")!;
    const cosineOf = async (): Promise<number> => {
      const all = await trainer.weights();
      const filters = Float64Array.from(standardizedWeights(quantizer("recu"), w, 8).value);
      return meanCosine(filters, 8, { left: all.get("body/left")!, right: all.get("body/right")! });
    };
    const before = await cosineOf();
    const { epochs } = await trainer.fit(data, { epochs: 1, batchSize: 50, validate: false });
    expect(await cosineOf()).toBeGreaterThan(before + 0.01);
    expect(epochs[0]?.tasks?.rbnn?.cosine).toBeCloseTo(await cosineOf(), 6);
  });

  test("packs the signs of rotated weights, under a quantizer without rotations", async () => {
    const trainer = await trainerOf(graph, options);
    await trainer.fit(data, { epochs: 2, batchSize: 16, validate: false, flipRatio: true });
    const bytes = await trainer.pack();
    const model = decodeModel(bytes);
    const all = await trainer.weights();
    const rotations = { left: all.get("body/left")!, right: all.get("body/right")!, angle: all.get("body/angle")! };
    const { value } = standardizedWeights(rotatedRbnn(), all.get("body/kernel")!, 8, [1, 1], rotations);
    expect(unpackSigns(model.parameters.get("body/kernel") as Uint8Array, [72, 8])).toEqual(
      Float32Array.from(value, (w) => (w >= 0 ? 1 : -1)),
    );
    expect([...model.parameters.keys()].filter((name) => /angle|left|right/.test(name))).toEqual([]);
    expect(packedParametersOf(model.graph)).toEqual(parametersOf(model.graph));
    const session = await load(bytes);
    const answers = session.run(data.test.images, { count: data.test.count });
    expect(answers).toEqual(await trainer.predict(data.test));
    session.close();
    // A file starts another such run, whose rotations are its own.
    const next = await trainerOf(graph, options);
    await next.startFrom(bytes);
    expect((await next.weights()).get("body/bias")).toEqual(all.get("body/bias"));
  });

  test("a mean of weights leaves rotations as they are", async () => {
    const trainer = await trainerOf(graph, options);
    await trainer.fit(data, { epochs: 3, batchSize: 16, validate: false, average: { kind: "swa", from: 0 } });
    expect(skewness((await trainer.weights()).get("body/left")!, 8)).toBeLessThan(1e-5);
  });
});

describe("the method", () => {
  test("gives layers without batch norm a scale, and is refused where it has no meaning", () => {
    const bare = sequential({ inputShape: SHAPE }, [
      layers.flatten(),
      layers.dense({ units: 3, weightQuantizer: "bnn", name: "last" }),
    ]);
    expect(changed(bare).output).toBe("last_scale");
    expect(changed(bare, methods.rbnn({ scale: false })).output).toBe("last");
    const real = sequential({ inputShape: [4] }, [layers.dense({ units: 3 })]);
    expect(() => changed(real)).toThrow(/trains none/);
    const prime = sequential({ inputShape: [521] }, [layers.dense({ units: 3, weightQuantizer: "bnn", name: "odd" })]);
    expect(() => changed(prime)).toThrow(/"odd" have 521 weights, at best 1 x 521/);
    expect(methods.rbnn().excludes).toHaveProperty("siman");
    expect(packedGraph([methods.rbnn()], changed(graph)).nodes.map(({ name }) => name)).toEqual(
      graph.nodes.map(({ name }) => name),
    );
  });

  test("leaves frozen layers alone, and counts no tensor that a file lacks", () => {
    const two = sequential({ inputShape: SHAPE }, [
      layers.binaryConv2d({ filters: 8, kernelSize: 3, name: "still" }),
      layers.batchNorm(),
      layers.binaryConv2d({ filters: 8, kernelSize: 3, name: "moved" }),
      layers.batchNorm(),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const made = changed(freeze(two, ["still"]));
    expect(parametersOf(made).filter(({ key }) => key === "angle")).toMatchObject([{ node: "moved" }]);
    expect(networkOf(made).nodes.get("still")).toEqual(networkOf(freeze(two, ["still"])).nodes.get("still"));
    expect(summary(made).totals).toEqual(summary(two).totals);
  });

  test("takes its first angle, which plain quantizers do not have", () => {
    const angle = parametersOf(changed(graph, methods.rbnn({ angle: 0.5 }))).find(({ key }) => key === "angle");
    expect(angle).toMatchObject({ role: "real", shape: [8], initializer: 0.5, ofQuantizer: true });
    expect(() => methods.rbnn({ angle: 4 })).toThrow(/angle/);
  });

  test("has no layer in two places, whose rotations would follow one", () => {
    const dense = layers.dense({ units: 4, weightQuantizer: rotatedRbnn(), name: "twice" });
    expect(() => sequential({ inputShape: [4] }, [dense, layers.hardTanh(), dense])).toThrow(/learns from one/);
  });
});
