/**
 * PSTE: a whole step is that of its definition, in f64. Selections are permutations of the largest sum, and X learns by the way back
 * of Sinkhorn's iterations. They belong to the run: checkpoints have them, and files hold few kernels.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import { unpackSigns } from "../ts/io/bits.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { decode } from "../ts/io/safetensors.ts";
import { bestAssignment } from "../ts/methods/assignment.ts";
import { methodOf, methods } from "../ts/methods/index.ts";
import { learn, type Moment, relaxed, select, selectionGradient } from "../ts/methods/selection.ts";
import { sinkhorn, sinkhornBackward } from "../ts/methods/sinkhorn.ts";
import {
  freeze,
  type Graph,
  initialValues,
  layers,
  packedParametersOf,
  parametersOf,
  sequential,
} from "../ts/nn/index.ts";
import { networkOf } from "../ts/nn/network.ts";
import { randomStream } from "../ts/nn/random.ts";
import { CODEWORDS, codewordsOf, nearestCodewords, signOf, TAPS } from "../ts/quantizers/codebook.ts";
import { codebook } from "../ts/quantizers/weight-families.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods, checkMethods } from "../ts/train/method.ts";
import { caseOptimizer, type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
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
const changed = (given: Graph, optimizer: Optimizer = adam) =>
  applyMethods([methods.pste({ codewords: 8 })], { graph: given, optimizer, objective: [losses.crossEntropy()] });

const numbers = (count: number, name: string, scale = 1): Float64Array => {
  const { uniform } = randomStream(7, name);
  return Float64Array.from({ length: count }, () => scale * (2 * uniform() - 1));
};

/** True for equal numbers: Vitest takes minutes to tell where a quarter of a million of them differ. */
const sameNumbers = <Own extends Float32Array | Float64Array>(one: Own, other: Own): boolean =>
  one.length === other.length && one.every((value, k) => value === other[k]);

const kernelsOf = (kernel: ArrayLike<number>): Set<string> => {
  const m = kernel.length / TAPS;
  return new Set(
    Array.from({ length: m }, (_, i) => Array.from({ length: TAPS }, (_tap, tap) => kernel[tap * m + i]).join(" ")),
  );
};

describe("a step", () => {
  /** Kernels of one and of several channels, in groups, and those of a layer without channels of its own. */
  const quantizer = codebook({ codewords: 4 });
  const network = sequential({ inputShape: [6, 5, 2] }, [
    layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", weightQuantizer: quantizer, useBias: false }),
    layers.batchNorm(),
    layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", groups: 2, ...both(quantizer) }),
    layers.batchNorm(),
    layers.depthwiseConv2d({ kernelSize: 3, ...both(quantizer) }),
    layers.hardTanh(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

  testSteps(() => pool, network);
});

function both(weightQuantizer: ReturnType<typeof codebook>) {
  return { weightQuantizer, activationQuantizer: "poly", useBias: false } as const;
}

describe("codewords", () => {
  test("are all kernels of signs, of which a layer begins with different ones", () => {
    expect(kernelsOf(transposed(codewordsOf([...Array(CODEWORDS).keys()]))).size).toBe(CODEWORDS);
    const { parameters } = networkOf(changed(graph).graph);
    const words = initialValues(parameters.find(({ key }) => key === "codewords")!, 3);
    expect(kernelsOf(transposed(words)).size).toBe(8);
  });

  test("of a whole codebook are the signs of kernels", () => {
    const w = numbers(TAPS * 20, "kernels");
    const all = codewordsOf([...Array(CODEWORDS).keys()]);
    expect(nearestCodewords(w, all).value).toEqual(w.map((value) => (value >= 0 ? 1 : -1)));
  });
});

/** Codewords `[n][9]` as kernels `[9][n]`. */
const transposed = (words: Float32Array): Float32Array =>
  words.map((_, i) => words[(i % (words.length / TAPS)) * TAPS + Math.floor(i / (words.length / TAPS))]!);

describe("Sinkhorn's iterations", () => {
  const side = 6;
  const logits = numbers(side * side, "logits");

  test.each([1, 2, 5, 20])("make columns sum to 1, and rows nearly, after %s", (iterations) => {
    const { values, columns } = sinkhorn(logits, side, iterations);
    const sum = (first: number, step: number): number =>
      Array.from({ length: side }, (_, i) => values[first + step * i]!).reduce((a, b) => a + b);
    // A sum of `side` exponentials of at most 1, each and its logarithm off by a few roundings of numbers below 8.
    const rounding = 16 * side * 8 * Number.EPSILON;
    for (let j = 0; j < side; j++) expect(Math.abs(sum(j, side) - 1)).toBeLessThan(rounding);
    // Birkhoff: half an iteration contracts Hilbert's distance by tanh(D / 4), D the diameter of exp(L).
    let diameter = 0;
    for (let i = 0; i < side; i++) {
      for (let k = 0; k < side; k++) {
        const apart = Array.from({ length: side }, (_, j) => logits[i * side + j]! - logits[k * side + j]!);
        diameter = Math.max(diameter, Math.max(...apart) - Math.min(...apart));
      }
    }
    const first = columns[0]!;
    const moved = Math.max(...first) - Math.min(...first);
    const bound = Math.exp(Math.tanh(diameter / 4) ** (2 * iterations - 1) * moved) - 1;
    for (let i = 0; i < side; i++) expect(Math.abs(sum(i * side, 1) - 1)).toBeLessThan(bound + rounding);
  });

  test("are log-safe: logits far apart give a permutation", () => {
    const far = Float64Array.from({ length: side * side }, (_, k) =>
      Math.floor(k / side) === (k + 1) % side ? 3e4 : -3e4,
    );
    const { values } = sinkhorn(far, side, 3);
    expect(values).toEqual(far.map((value) => (value > 0 ? 1 : 0)));
  });

  test("have the way back of their definition, by differences", () => {
    const gradient = numbers(side * side, "gradient");
    for (const iterations of [1, 4]) {
      const loss = (at: Float64Array): number =>
        sinkhorn(at, side, iterations).values.reduce((sum, value, k) => sum + value * gradient[k]!, 0);
      const found = sinkhornBackward(sinkhorn(logits, side, iterations), gradient);
      const step = 1e-5;
      for (const [k, value] of found.entries()) {
        const up = loss(logits.with(k, logits[k]! + step));
        expect(value).toBeCloseTo((up - loss(logits.with(k, logits[k]! - step))) / (2 * step), 8);
      }
    }
  });
});

describe("the assignment", () => {
  test.each([1, 2, 3, 4, 5, 6, 7])("of side %s has the largest sum of all permutations", (side) => {
    for (let round = 0; round < 8; round++) {
      const drawn = numbers(side * side, `gains ${side} ${round}`);
      // Every other time of few values, so that several permutations are as good.
      const gains = round % 2 === 0 ? drawn : drawn.map((value) => Math.round(2 * value));
      const rows = bestAssignment(gains, side);
      expect([...rows].toSorted()).toEqual([...Array(side).keys()]);
      const sum = rows.reduce((total, row, column) => total + gains[row * side + column]!, 0);
      expect(sum).toBeCloseTo(largest(gains, side, 0, new Set()), 12);
    }
  });
});

/** The largest sum over the columns from `column` on, without the rows `taken`. */
function largest(gains: Float64Array, side: number, column: number, taken: ReadonlySet<number>): number {
  if (column === side) return 0;
  const rows = [...Array(side).keys()].filter((row) => !taken.has(row));
  return Math.max(
    ...rows.map((row) => gains[row * side + column]! + largest(gains, side, column + 1, new Set([...taken, row]))),
  );
}

describe("a selection", () => {
  const moment: Moment = { temperature: 2, iterations: 1, draw: { seed: 5, name: "noise" }, level: 0.5 };
  const x = Float32Array.from(numbers(CODEWORDS ** 2, "x"));
  const drift = Float32Array.from(numbers(TAPS * 4, "drift"));

  test("takes the first places of the best permutation, with noise that its draw says", () => {
    const words = select(x, TAPS * 4, moment);
    const rows = bestAssignment(relaxed(x, moment).values, CODEWORDS);
    expect(words).toEqual(codewordsOf([...rows].slice(0, 4)));
    const other = { ...moment, draw: { seed: 5, name: "other" } };
    expect(sameNumbers(relaxed(x, other).values, relaxed(x, moment).values)).toBe(false);
    // A wish beyond all noise is granted.
    const wish = x.map((value, k) => (k === 77 * CODEWORDS + 2 ? 1000 : value));
    expect(select(wish, TAPS * 4, moment).subarray(2 * TAPS, 3 * TAPS)).toEqual(codewordsOf([77]));
  });

  test("passes the gradient at P on to P_GS, and through it to X", () => {
    const way = selectionGradient(x, drift, moment);
    /** sum over P_GS of B^T drift, whose slope that is. */
    const loss = (at: Float64Array): number => {
      const { values } = relaxed(at, moment);
      let sum = 0;
      for (let row = 0; row < CODEWORDS; row++) {
        for (const [k, value] of drift.entries()) {
          sum += values[row * CODEWORDS + Math.floor(k / TAPS)]! * signOf(row, k % TAPS) * value;
        }
      }
      return sum;
    };
    const wide = Float64Array.from(x);
    const step = 1e-3;
    for (const k of [300 * CODEWORDS + 1, 300 * CODEWORDS + 400]) {
      const slope = (loss(wide.with(k, wide[k]! + step)) - loss(wide.with(k, wide[k]! - step))) / (2 * step);
      expect(Math.abs(way[k]! - slope)).toBeLessThan(1e-5 * Math.abs(slope) + 1e-10);
    }
    const moved = learn(x, drift, moment, 0.25);
    const most = way.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
    const wanted = x.map((value, k) => value + (0.25 / most) * way[k]!);
    expect(sameNumbers(moved, wanted)).toBe(true);
    expect(sameNumbers(learn(x, drift, moment, 0), x)).toBe(true);
  });
});

describe("a run", () => {
  const options = { methods: [methods.pste({ codewords: 8, iterations: 1 })], optimizer: adam };

  test("selects between epochs as it says, the same for any number of workers and from a checkpoint", async () => {
    const fit = { epochs: 2, batchSize: 16, validate: false };
    const trainer = await trainerOf(graph, { ...options, workers: 2 });
    let behind = new Map<string, Float32Array>();
    // Its work comes behind that of the method.
    const seen: EpochTask = {
      name: "seen",
      run: async ({ epoch, weights }) => {
        if (epoch === 1) behind = await weights();
        return undefined;
      },
    };
    const { epochs } = await trainer.fit(data, { ...fit, tasks: [seen] });
    const last = await trainer.weights();
    expect(epochs.map(({ tasks }) => tasks?.pste?.renewed)).toEqual([expect.any(Number), 0]);
    expect(epochs[0]?.tasks?.pste?.renewed).toBeGreaterThan(0);

    // A run of one epoch leaves the drift, which begins anew where another epoch follows.
    const only = await trainerOf(graph, options);
    await only.fit(data, { ...fit, epochs: 1 });
    const before = await only.weights();
    const moment = (epoch: number, level: number): Moment => ({
      ...{ temperature: 1, iterations: 1, level },
      draw: { seed: 3, name: `pste/body/${epoch}` },
    });
    const first = new Float32Array(CODEWORDS ** 2);
    expect(sameNumbers(before.get("body/selection")!, first)).toBe(true);
    expect(before.get("body/codewords")).toEqual(select(first, 8 * TAPS, moment(0, 1)));
    const x = learn(first, before.get("body/drift")!, moment(0, 1), 1);
    expect(sameNumbers(x, first)).toBe(false);
    expect(sameNumbers(behind.get("body/selection")!, x)).toBe(true);
    expect(behind.get("body/codewords")).toEqual(select(x, 8 * TAPS, moment(1, 0)));
    expect(behind.get("body/drift")).toEqual(new Float32Array(8 * TAPS));
    expect(behind.get("body/kernel")).toEqual(before.get("body/kernel"));

    const other = await trainerOf(graph, options);
    const store = memoryStore();
    for await (const _ of other.fit(data, { ...fit, checkpoint: store })) break;
    const resumed = await Trainer.resume(store, { methods: methodOf, workers: 1 });
    await resumed.continueFit(data);
    const goneOn = await resumed.weights();
    expect([...last.keys()].filter((name) => !sameNumbers(goneOn.get(name)!, last.get(name)!))).toEqual([]);
    resumed.close();
  });

  test("packs at most n kernels a layer as codewords, of which a session makes signs", async () => {
    const trainer = await trainerOf(graph, options);
    await trainer.fit(data, { epochs: 1, batchSize: 16, validate: false, flipRatio: true });
    const bytes = await trainer.pack();
    const model = decodeModel(bytes);
    const all = await trainer.weights();
    const signs = unpackSigns(model.parameters.get("body/kernel") as Uint8Array, [72, 8]);
    const words = all.get("body/codewords")!;
    expect(signs).toEqual(Float32Array.from(nearestCodewords(all.get("body/kernel")!, words).value));
    const used = kernelsOf(signs);
    const bits = TAPS * used.size + Math.ceil(Math.log2(used.size)) * 64;
    expect(decode(bytes).tensors.get("body/kernel")?.shape).toEqual([Math.ceil(bits / 8)]);
    expect(used.size).toBeGreaterThan(2);
    expect([...used].filter((kernel) => !kernelsOf(transposed(words)).has(kernel))).toEqual([]);
    expect(kernelsOf(all.get("body/kernel")!.map(Math.sign)).size).toBeGreaterThan(8);
    expect([...model.parameters.keys()].filter((name) => /codewords|drift|selection/.test(name))).toEqual([]);
    expect(packedParametersOf(model.graph)).toEqual(parametersOf(model.graph));
    const session = await load(bytes);
    expect(session.run(data.test.images, { count: data.test.count })).toEqual(await trainer.predict(data.test));
    session.close();
  });
});

describe("the method", () => {
  test("takes 3x3 layers that are trained, and refuses networks without one", () => {
    const mixed = sequential({ inputShape: SHAPE }, [
      layers.binaryConv2d({ filters: 4, kernelSize: 3, name: "still" }),
      layers.batchNorm(),
      layers.binaryConv2d({ filters: 4, kernelSize: 3, name: "moved" }),
      layers.batchNorm(),
      layers.binaryConv2d({ filters: 4, kernelSize: 1, name: "pixel" }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const { parameters } = networkOf(changed(freeze(mixed, ["still"])).graph);
    expect(parameters.filter(({ key }) => key === "codewords")).toMatchObject([
      { node: "moved", role: "kept", shape: [8, 9], ofQuantizer: true },
    ]);
    const wide = sequential({ inputShape: SHAPE }, [
      layers.binaryConv2d({ filters: 4, kernelSize: 5, name: "five" }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    expect(() => changed(wide)).toThrow(/kernels of 3x3.*"five" \[5, 5, 1, 4\]/);
    expect(() => changed(sequential({ inputShape: [4] }, [layers.dense({ units: 3 })]))).toThrow(/trains none/);
    expect(() => sequential({ inputShape: [18] }, [layers.dense({ units: 3, weightQuantizer: codebook() })])).toThrow(
      /kernels of 3x3, and those of a layer are \[18, 3\]/,
    );
  });

  test.each([0, 1, 3, 48, 1024])("refuses %s codewords", (codewords) => {
    expect(() => methods.pste({ codewords })).toThrow(/codewords/);
  });

  test.each(["siman", "biper", "rbnn", "noisy-supervision", "two-step", "hardening", "qp-sbgd"])(
    "does not go together with %s",
    (name) => {
      const other = methodOf(name, name === "hardening" ? { epochs: 2 } : {});
      const subject = { code: "argument", what: "a test" } as const;
      expect(() => checkMethods([other, methods.pste()], subject)).toThrow(/do not go together/);
    },
  );

  test("lets no drift decay", () => {
    const decaying = optimizers.sgd({ learningRate: 0.1, weightDecay: 0.01 });
    expect(changed(graph, decaying).optimizer).toMatchObject({ noDecay: ["body/drift"] });
    const { optimizer } = changed(graph, caseOptimizer({ binary: optimizers.bop(), rest: decaying }));
    expect(optimizer).toMatchObject({ rest: { noDecay: ["body/drift"] } });
  });
});
