/**
 * The guarantees of attention. Every kind of matrix trains as its definition says, over operands that are real, soft and hard.
 * Sessions give the trainer's numbers, however the work is cut. Explanations name the parts, and what bars the fast path.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { formatExplanation, load } from "../ts/inference/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import {
  functional,
  type Graph,
  input,
  layers,
  type QuantizerChoice,
  sequential,
  summary,
  taskNames,
  taskQuantizers,
} from "../ts/nn/index.ts";
import { type AttentionMatrix, attentionMatrices } from "../ts/nn/words.ts";
import { isForWeightsAlone, quantizer, quantizerNames } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { explainTraining } from "../ts/train/explain/explain-training.ts";
import { formatTrainingExplanation, formatTrainingProfile } from "../ts/train/explain/explain-training-text.ts";
import { profileTraining } from "../ts/train/explain/profile-training.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { blankFile } from "./blank-models.ts";
import { agreedLogits, bits, engineWith, inMemory, randomNumbers } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomDataset, randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 3, 2] as const;
const CLASSES = 3;

type Options = Partial<Parameters<typeof layers.attention>[0]>;

/** Six queries over three keys and values; heads of other features in queries and values. */
function graphOf(options: Options): Graph {
  const start = input({ shape: SHAPE });
  const rows = (name: string, down: number, filters: number) =>
    layers
      .reshape({ targetShape: [6 / down, 3 * filters] })
      // A bias of the key moves all scores of a row alike, which softmax does not see.
      .apply(layers.conv2d({ filters, kernelSize: 1, strides: [down, 1], name, useBias: name !== "key" }).apply(start));
  const inputs = [rows("query", 1, 3), rows("key", 2, 3), rows("value", 2, 2)];
  const attended = layers.attention({ heads: 3, name: "attention", ...options }).apply(inputs);
  const outputs = layers.dense({ units: CLASSES, name: "head" }).apply(layers.flatten().apply(attended));
  return functional({ inputs: start, outputs });
}

const all = (own: QuantizerChoice): Options => ({ queryQuantizer: own, keyQuantizer: own, valueQuantizer: own });
const operands: Readonly<Record<string, Options>> = { real: {}, soft: all("bnn++"), hard: all("poly") };

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

describe.each(attentionMatrices)("%s", (matrix) => {
  test.each(Object.keys(operands))("trains over %s operands as its definition says", async (kind) => {
    await expectOracle(pool, { graph: graphOf({ matrix, ...operands[kind] }), steps: 1, images: 9 });
  });

  test.each(["real", "hard"])("gives in sessions what it gives in the trainer, over %s operands", async (kind) => {
    const graph = graphOf({ matrix, ...operands[kind] });
    const weights = randomParameters(graph, 5);
    const logits = await agreedLogits(pool, graph, weights, randomSplit(5, 8, SHAPE, CLASSES));
    expect(new Set(logits).size).toBeGreaterThan(CLASSES);
  });

  test("gives the same, however many parts it is cut into", async () => {
    const graph = graphOf({ matrix, valueQuantizer: "poly" });
    const model = decodeModel(await pack(await engineWith(pool, graph, randomParameters(graph, 4)), {}));
    const images = randomNumbers(5 * 36, matrix);
    const whole = (await inMemory(model, {})).run(images);
    for (const workers of [2, 3, 7]) {
      expect(bits((await inMemory(model, { workers })).run(images)), `${workers} parts`).toEqual(bits(whole));
      expect(bits((await inMemory(model, { workers, batch: 4 })).run(images)), `${workers} lanes`).toEqual(bits(whole));
    }
  });
});

/** One attention behind the other, of such kinds, each over one value three times; every other one over signs alone. */
function stacked(matrices: readonly AttentionMatrix[] = attentionMatrices): Graph {
  const start = input({ shape: SHAPE });
  const first = layers.layerNorm().apply(layers.reshape({ targetShape: [6, 6] }).apply(start));
  const last = matrices.reduce((x, matrix, i) => {
    const quantizers = i % 2 === 0 ? { queryQuantizer: "poly" } : all("poly");
    const own = layers.attention({ heads: 2, matrix, ...quantizers, name: matrix }).apply([x, x, x]);
    return layers.add().apply([own, x]);
  }, first);
  return functional({ inputs: start, outputs: layers.dense({ units: CLASSES }).apply(layers.flatten().apply(last)) });
}

test("one value may be query, key and value, and gets the gradients of all", async () => {
  await expectOracle(pool, { graph: stacked(["softmax"]), steps: 1, images: 9 });
});

test("trains to the same bytes with 1, 2 and 3 workers", async () => {
  const data = randomDataset(7, [22, 5], SHAPE, CLASSES);
  const files: Uint8Array[] = [];
  for (const workers of [1, 2, 3]) {
    const trainer = await trainerOf(stacked(), { workers });
    await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 11 }));
    files.push(await trainer.pack());
  }
  expect(files[1]).toEqual(files[0]);
  expect(files[2]).toEqual(files[0]);
});

/** Signs behind a batch norm that all read as queries and keys, some as values, perhaps with another reader. */
function overBits(matrix: AttentionMatrix, isRead: boolean): Graph {
  const start = input({ shape: SHAPE });
  const stem = layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" }).apply(start);
  const rows = (name: string, filters: number) => {
    const sums = layers.binaryConv2d({ filters, kernelSize: 1, name: `${name}_sums` }).apply(stem);
    return layers.reshape({ targetShape: [18, filters] }).apply(layers.batchNorm({ name }).apply(sums));
  };
  const inputs = [rows("query", 6), rows("key", 6), rows("value", 4)] as const;
  const made = layers.attention({ heads: 2, matrix, name: "attention", ...all("poly") }).apply(inputs);
  const last = isRead ? layers.add().apply([made, inputs[2]]) : made;
  return functional({ inputs: start, outputs: layers.dense({ units: CLASSES }).apply(layers.flatten().apply(last)) });
}

test.each(attentionMatrices)("bits stay bits from a norm to the sums of %s", async (matrix) => {
  for (const isRead of [false, true]) {
    const graph = overBits(matrix, isRead);
    const weights = randomParameters(graph, 2);
    await agreedLogits(pool, graph, weights, randomSplit(2, 4, SHAPE, CLASSES));
    const model = decodeModel(await pack(await engineWith(pool, graph, weights), {}));
    for (const kernel of ["lookup", "popcnt64"] as const) {
      const { compiled } = (await inMemory(model, { kernel, workers: 3 })).prepared;
      const calls = compiled.program.flat(2);
      const kernelsOf = (name: string) => [
        ...new Set(calls.filter(({ node }) => node === name).map((own) => own.kernel)),
      ];
      expect(kernelsOf("attention")).toEqual([kernel === "lookup" ? "attention_nibbles" : "attention_words"]);
      for (const name of ["query", "key", "value"]) {
        expect(kernelsOf(name)).toEqual([]);
        // The last call is the product, behind the signs of its input.
        const given = calls.findLast(({ node }) => node === `${name}_sums`)?.arguments;
        expect(given).toMatchObject({ nextBits: expect.anything() });
        expect(given?.out ?? null, name).toEqual(isRead && name === "value" ? expect.anything() : null);
      }
    }
  }
});

it("takes three tensors, and says so where it was given others", () => {
  const start = input({ shape: [4, 6] });
  const remedy = "layers.attention({ ... }).apply([a, b, c])";
  const both = { code: "graph", remedy: `Apply it to three tensors: ${remedy}.` };
  expect(thrownBy(() => layers.attention({ heads: 2 }).apply([start, start]))).toMatchObject(both);
  expect(thrownBy(() => sequential({ inputShape: [4, 6] }, [layers.attention({ heads: 2 })]))).toMatchObject({
    message: 'layer "attention": attention takes three inputs, and a chain offers one',
    remedy: `Use the functional form: ${remedy}, then functional({ inputs, outputs }).`,
  });
});

describe("explanations", () => {
  const names = (parts: readonly { readonly part: string; readonly product: string | null }[]) =>
    parts.map(({ part, product }) => `${part} ${product}`);

  it("of a trainer name the parts and the obstacles", async () => {
    const explained = explainTraining(await engineWith(pool, graphOf({}), randomParameters(graphOf({}), 1)), {});
    const layer = explained.layers.find(({ op }) => op === "attention");
    expect(names(layer?.parts ?? [])).toEqual(["scores ff", "softmax null", "mix ff"]);
    expect(names(layer?.gradientParts ?? [])).toEqual([
      ...["value gradient ff", "matrix gradient ff", "softmax gradient null", "query gradient ff", "key gradient ff"],
    ]);
    expect(layer?.obstacles.map(({ reason }) => reason)).toEqual([
      "real queries and keys and values",
      "softmax is kept: the attention matrix is real, and so is its product with the values",
    ]);
    expect(explained.layers.filter(({ op }) => op !== "attention").flatMap(({ parts }) => parts)).toEqual([]);
    expect(formatTrainingExplanation(explained)).toMatch(/\n {2}scores .*ff.*\n {2}softmax .*attention_matrix/);
  });

  it("of a trainer over signs name bits forward, and tables on the way back", async () => {
    const graph = graphOf({ matrix: "threshold", ...all("poly") });
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    const layer = explainTraining(engine, {}).layers.find(({ op }) => op === "attention");
    expect(names(layer?.parts ?? [])).toEqual(["scores bb", "threshold null", "mix bb"]);
    expect(layer).toMatchObject({ forward: { product: "bb" }, inputGradient: { product: "fb" }, activationBits: 1 });
    const gradients = ["value gradient", "matrix gradient", "threshold gradient", "query gradient", "key gradient"];
    const products = gradients.map((part) => `${part} ${part === "threshold gradient" ? null : "fb"}`);
    expect(names(layer?.gradientParts ?? [])).toEqual(products);
    const profile = await profileTraining(engine, randomSplit(3, 4, SHAPE, CLASSES), { batchSize: 4, steps: 1 });
    const parts = profile.layers.find(({ node }) => node === "attention")?.parts;
    expect(parts?.map((own) => own.parts)).toEqual([["scores", "threshold", "mix"], gradients]);
    const [first = { share: 0 }, second = { share: 0 }] = parts ?? [];
    expect(first.share).toBeGreaterThan(0);
    expect(first.share + second.share).toBeLessThan(1);
    expect(formatTrainingProfile(profile)).toMatch(/\n {2}scores, threshold, mix .*%\n {2}value gradient, .*%/);
  });

  it("of a session name the parts, and a profile has their times", async () => {
    const graph = graphOf({ matrix: "threshold", keyQuantizer: "bnn", valueQuantizer: "bnn" });
    const file = await pack(await engineWith(pool, graph, randomParameters(graph, 1)), {});
    const session = await load(file, { variant: "plain" });
    const layer = (await session.explain()).layers.find(({ op }) => op === "attention");
    expect(names(layer?.parts ?? [])).toEqual(["scores ff", "threshold null", "mix ff"]);
    const profile = await session.profile({ runs: 2 });
    const times = profile.layers.find(({ node }) => node === "attention");
    expect(times?.parts.map(({ parts }) => parts)).toEqual([["scores", "threshold", "mix"]]);
    const sum = (times?.parts ?? []).reduce((total, { milliseconds }) => total + milliseconds, 0);
    expect(sum).toBeLessThanOrEqual((times?.milliseconds ?? 0) * (1 + 1e-9));
    expect(formatExplanation(await session.explain(), profile)).toMatch(/\n {2}scores .*ff.*%/);
  });

  it("of a session over bits name one kernel for all parts", async () => {
    const graph = graphOf({ matrix: "threshold", ...all("bnn++") });
    const file = await pack(await engineWith(pool, graph, randomParameters(graph, 1)), {});
    const { layers: explained } = await (await load(file, { variant: "plain", kernel: "lookup" })).explain();
    const layer = explained.find(({ op }) => op === "attention");
    expect(layer).toMatchObject({ product: "bb", kernel: "attention_nibbles", activationBits: 1 });
    expect(names(layer?.parts ?? [])).toEqual(["scores bb", "threshold null", "mix bb"]);
    expect(layer?.obstacles.map(({ reason }) => reason)).toEqual([
      "3 features of a head are not a multiple of 4: the last 3 cost as much as 4",
    ]);
  });

  /** A layer for each of these options, over one value of 3 tokens. */
  function several(each: readonly Options[]): Graph {
    const start = input({ shape: [3, 8] });
    const made = each.map((options) => layers.attention({ heads: 2, ...options }).apply([start, start, start]));
    const sum = made.reduce((before, next) => layers.add().apply([before, next]));
    return functional({ inputs: start, outputs: layers.dense({ units: 2 }).apply(layers.flatten().apply(sum)) });
  }

  /** The products of each attention of `graph`, by its summary, a session and a trainer at the end of its run. */
  async function productsIn(graph: Graph) {
    const session = await load(blankFile(graph), { variant: "plain", kernel: "lookup" });
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    type Row = { readonly op: string };
    const among = <Own extends Row>(rows: readonly Own[]): readonly Own[] =>
      rows.filter(({ op }) => op === "attention");
    const textOf = (parts: readonly { readonly product: string | null }[]): string =>
      parts.flatMap(({ product }) => product ?? []).join(" ");
    return {
      ofSummary: among(summary(graph).rows).map(({ products }) => textOf(products)),
      ofSession: among((await session.explain()).layers).map(({ parts }) => textOf(parts)),
      ofTrainer: among(explainTraining(engine, { progress: 1 }).layers).map(({ parts }) => textOf(parts)),
    };
  }

  it.each(taskNames)("under %s have the summary's products, for every matrix over every quantizer", async (task) => {
    const names = quantizerNames.filter((name) => !isForWeightsAlone(quantizer(name)));
    const operands = names.map((name) => all(taskQuantizers(task, name).activationQuantizer));
    const each = attentionMatrices.flatMap((matrix) => operands.map((own) => ({ matrix, ...own })));
    const { ofSummary, ofSession, ofTrainer } = await productsIn(several(each));
    expect(ofSession).toEqual(ofSummary);
    expect(ofTrainer).toEqual(ofSummary);
    const found = task === "bw" ? ["ff ff"] : ["bb bb", "bb ff", "ff ff"];
    expect([...new Set(ofSummary)].sort()).toEqual(found);
  });

  const unlike = "are two values that this layer multiplies as reals";
  it.each([
    [
      { queryQuantizer: "poly", keyQuantizer: "bnn" },
      "bb",
      [
        "real values",
        "only the queries and keys are signs: a step multiplies all as reals where the values are not signs too",
      ],
    ],
    [
      { keyQuantizer: "poly", valueQuantizer: "elastic" },
      "ff",
      [
        "real queries",
        `the values of "elastic" ${unlike}`,
        "only the keys and values are signs: a step multiplies all as reals where the queries are not signs too",
      ],
    ],
    [
      { ...all("elastic"), valueQuantizer: "elastic-unit" },
      "ff",
      [
        ...[`the queries of "elastic" ${unlike}`, `the keys of "elastic" ${unlike}`],
        `the values of "elastic-unit" ${unlike}`,
        "only the queries and keys are signs: a step multiplies all as reals where the values are not signs too",
      ],
    ],
    [{ ...all("elastic"), keyQuantizer: "poly" }, "bb", []],
  ])("of a trainer over %j say what bars bits, where a session has scores %s", async (options, scores, reasons) => {
    const graph = several([{ matrix: "boolean", ...options }]);
    const { ofSession, ofTrainer } = await productsIn(graph);
    expect(ofSession[0]?.slice(0, 2)).toBe(scores);
    expect(ofTrainer).toEqual([reasons.length > 0 ? "ff ff" : "bb bb"]);
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    const layer = explainTraining(engine, { progress: 1 }).layers.find(({ op }) => op === "attention");
    expect(layer?.obstacles.map(({ reason }) => reason)).toEqual(reasons);
  });

  it("of a session have the summary's products, whatever the operands are", async () => {
    const choices = [null, "poly", "elastic", "elastic-unit"];
    const each = attentionMatrices.flatMap((matrix) =>
      choices.flatMap((queryQuantizer) =>
        choices.flatMap((keyQuantizer) =>
          choices.map((valueQuantizer) => ({ matrix, queryQuantizer, keyQuantizer, valueQuantizer })),
        ),
      ),
    );
    const { ofSummary, ofSession } = await productsIn(several(each));
    expect(ofSession).toEqual(ofSummary);
    expect([...new Set(ofSummary)].sort()).toEqual(["bb bb", "bb ff", "ff ff"]);
  });

  it.each([
    [252, 1, "attention_words", []],
    [
      256,
      1,
      "attention_reals",
      ["256 features of a head are more than the 252 whose signs are counted: a product of reals"],
    ],
    [256, 2, "attention_words", []],
  ])("of a session say which heads of %d features fit, in %d heads", async (features, heads, kernel, reasons) => {
    const start = input({ shape: [2, features] });
    const options = { heads, matrix: "boolean", name: "attention", ...all("bnn") } as const;
    const graph = functional({ inputs: start, outputs: layers.attention(options).apply([start, start, start]) });
    const session = await load(blankFile(graph), { variant: "plain", kernel: "popcnt64" });
    const layer = (await session.explain()).layers.find(({ op }) => op === "attention");
    expect(layer?.kernel).toBe(kernel);
    expect(layer?.obstacles.map(({ reason }) => reason)).toEqual(reasons);
    // Every token is like every other, but for signs: scores above 0 take their sum, others nothing.
    const image = Float32Array.from({ length: 2 * features }, (_, i) => (i < features ? 1 : -1));
    expect([...session.run(image)]).toEqual([...image]);
  });

  it.each([
    [3, 1, ["3 features of a head are not a multiple of 4: the last 3 cost as much as 4"]],
    [12, 2, ["6 features of a head are not a multiple of 4: the last 2 cost as much as 4"]],
    [18, 3, ["6 features of a head are not a multiple of 4: the last 2 cost as much as 4"]],
    [24, 3, []],
    [256, 1, ["256 features of a head are more than the 252 whose signs are counted: a product of reals"]],
  ])("of trainer and session say the same of %d features in %d heads", async (features, heads, reasons) => {
    const start = input({ shape: [3, features] });
    const attended = layers
      .attention({ heads, matrix: "threshold", name: "attention", ...all("bnn") })
      .apply([start, start, start]);
    const graph = functional({
      inputs: start,
      outputs: layers.dense({ units: 2 }).apply(layers.flatten().apply(attended)),
    });
    const session = await load(blankFile(graph), { variant: "plain", kernel: "lookup" });
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    for (const { layers: rows } of [await session.explain(), explainTraining(engine, { progress: 1 })]) {
      const layer = rows.find(({ node }) => node === "attention");
      expect(layer?.obstacles.map(({ reason }) => reason)).toEqual(reasons);
    }
  });
});
