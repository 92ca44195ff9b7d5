/**
 * The guarantees of vision transformers: the sizes of their authors, names from which timm's follow, the operands of every
 * task, steps of training that are those of definitions and of tfjs, training that learns, and a packed network that answers
 * as the trainer does.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import type { GraphNode } from "../ts/nn/graph.ts";
import {
  cct2,
  deitBase,
  deitTiny,
  elementsOf,
  type Graph,
  parametersOf,
  summary,
  type Task,
  taskNames,
  taskQuantizers,
  type VitOptions,
  vit,
  vit28,
  vit32,
} from "../ts/nn/index.ts";
import { check } from "../ts/reference/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, awkwardWeights, engineWith, firstMaximum } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const real = { weightQuantizer: null, activationQuantizer: null } as const;
const small = { inputShape: [8, 12, 1], patch: 4, dim: 16, depth: 2, heads: 2, classes: 3 } as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

describe("sizes", () => {
  const parameters = (graph: Graph): number =>
    parametersOf(graph).reduce((sum, { shape }) => sum + elementsOf(shape), 0);

  it("are those of timm for DeiT, of the paper for CCT, and near those of small ViTs", () => {
    expect(parameters(deitTiny(real))).toBe(5_717_416);
    expect(parameters(deitBase(real))).toBe(86_567_656);
    // The paper's 0.284 million, without the bias of the pool's scores.
    expect(parameters(cct2(real))).toBe(283_722);
    expect(parameters(vit28(real))).toBe(205_834);
    expect(parameters(vit32(real))).toBe(810_890);
  });

  it("keep all weights of the blocks in bits", () => {
    const { totals, rows } = summary(vit32());
    const inBits = rows.filter(({ bitsPerWeight }) => bitsPerWeight === 1);
    expect(inBits.map(({ name }) => name.replace(/^blocks\.\d\./, ""))).toEqual(
      Array.from({ length: 6 }, () => ["attn.q", "attn.k", "attn.v", "attn.proj", "mlp.fc1", "mlp.fc2"]).flat(),
    );
    expect(totals.multiplyAccumulates.bb / totals.multiplyAccumulates.ff).toBeGreaterThan(100);
  });
});

it("has timm's names where operands are real", () => {
  const names = vit({ ...small, ...real, depth: 1, pooling: "token", dropPath: 0.1 }).nodes.map(({ name }) => name);
  const block = [
    ...["norm1", "attn.q", "attn.k", "attn.v", "attn", "attn.proj", "drop_path1", "sum1"],
    ...["norm2", "mlp.fc1", "mlp.act", "mlp.fc2", "drop_path2"],
  ].map((name) => `blocks.0.${name}`);
  const start = ["input", "patch_embed.proj", "patch_embed", "cls_token", "pos_embed"];
  expect(names).toEqual([...start, ...block, "blocks.0", "norm", "token", "pool", "head"]);
});

it.each([
  [{ block: "binaryvit", pooling: "token" }, 'pooling is "token", which'],
  [{ heads: 3 }, "features 3 heads divide"],
  [{ depth: 0 }, "depth must be a whole number from 1 to 64"],
  [{ patch: 3 }, "images whose sides a patch of 3 divides, was given [8, 12, 1]"],
  [{ width: 3 }, 'has no option "width"'],
])("refuses %j", (options, message) => {
  expect(thrownBy(() => vit({ ...small, ...options } as never)).message).toContain(message);
});

it("names the patches that divide an image", () => {
  const { code, remedy } = thrownBy(() => vit({ ...small, inputShape: [31, 31, 1] }));
  expect([code, remedy]).toEqual(["shape", "Give a patch of 1, 31, or images of other sides."]);
});

it("pools over the tokens with BinaryViT's blocks, whatever the size's own pooling", () => {
  const names = deitTiny({ block: "binaryvit", depth: 1 }).nodes.map(({ name }) => name);
  expect(names).toContain("pool");
  expect(names).not.toContain("cls_token");
});

const kinds = {
  "plain blocks": {},
  "blocks behind a class token": { pooling: "token" },
  "BinaryViT's blocks": { block: "binaryvit" },
} as const satisfies Readonly<Record<string, VitOptions>>;
const kindNames = Object.keys(kinds) as (keyof typeof kinds)[];

const packed = kindNames.flatMap((kind) => taskNames.map((task) => [kind, task] as const));
test.each(packed)("%s under %s give a packed network the trainer's logits", async (kind, task) => {
  const graph = vit({ ...small, depth: 1, ...kinds[kind], ...taskQuantizers(task, "bnn") });
  const logits = await agreedLogits(pool, graph, awkwardWeights(graph, 5), randomSplit(5, 4, small.inputShape, 3));
  expect(new Set(logits).size).toBeGreaterThan(3);
});

/** The tasks whose matrix is bits: a softmax has no gradient at a shift of all keys alike. */
const trained = kindNames.flatMap((kind) => (["ba", "bwa"] as const).map((task) => [kind, task] as const));
const trainedGraph = (kind: keyof typeof kinds, task: Task): Graph =>
  vit({ ...small, dim: 8, depth: 1, ...kinds[kind], ...taskQuantizers(task, "bnn") });

/** The graph without its last norm, which takes the gradients of the shifts in front of it away. */
function withoutNorm({ nodes, ...graph }: Graph): Graph {
  const before = nodes.find(({ name }) => name === "norm")?.inputs[0] as string;
  const others = nodes.filter(({ name }) => name !== "norm");
  const inputsOf = ({ inputs }: GraphNode) => inputs.map((name) => (name === "norm" ? before : name));
  return { ...graph, nodes: others.map((node) => ({ ...node, inputs: inputsOf(node) }) as unknown as GraphNode) };
}

test.each(trained)("%s under %s train as their definition says", async (kind, task) => {
  await expectOracle(pool, { graph: withoutNorm(trainedGraph(kind, task)), images: 6 });
});

test("a block of signs runs on bits, from the signs behind each norm to the sums of the next product", async () => {
  const graph = vit({ ...small, depth: 1, ...taskQuantizers("bwa", "bnn") });
  const session = await load(await pack(await engineWith(pool, graph, awkwardWeights(graph, 1)), {}), {
    kernel: "lookup",
  });
  const rows = (await session.explain()).layers.filter(
    ({ node, kernel }) => node.startsWith("blocks.0") && kernel !== null,
  );
  expect(rows.map(({ node, kernel }) => `${node.slice(8)} ${kernel}`)).toEqual([
    ".norm1 normalize",
    ...["q", "k", "v"].map((part) => `.attn.${part} bb_lookup_conv_bits`),
    ".attn attention_nibbles",
    ".attn_norm normalize",
    ".attn.proj bb_lookup_conv_norm",
    ".norm2 normalize",
    ".mlp.fc1 bb_lookup_conv_bits",
    ".mlp.fc2 bb_lookup_conv_norm",
  ]);
  expect(rows.flatMap(({ obstacles }) => obstacles)).toEqual([]);
});

/** Images whose class is the third of their columns that is bright. */
function stripes(count: number) {
  const split = randomSplit(7, count, small.inputShape, 3);
  const images = split.images.map(
    (value, i) => value / 4 + (Math.floor((i % 12) / 4) === split.labels[Math.floor(i / 96)] ? 150 : 0),
  );
  return { ...split, images: Uint8Array.from(images) };
}

test("plain blocks learn in signs, and answer the same once they are packed", async () => {
  const trainer = await trainerOf(vit({ ...small, depth: 1 }), {
    optimizer: optimizers.adam({ learningRate: 1e-2 }),
  });
  const [train, held] = [stripes(120), stripes(30)];
  const data = { name: "stripes", classes: ["left", "middle", "right"], train, test: held };
  const events = await eventsOf(trainer.fit(data, { epochs: 28, batchSize: 20 }));
  const losses = events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
  const mean = (some: readonly number[]): number => some.reduce((sum, loss) => sum + loss, 0) / some.length;
  expect(mean(losses.slice(-6))).toBeLessThan(0.6 * mean(losses.slice(0, 6)));
  const { accuracy, predictions } = await trainer.evaluate(held);
  expect(accuracy).toBeGreaterThan(0.95);
  const session = await load(await trainer.pack());
  const logits = session.run(held.images, { count: held.count });
  for (let i = 0; i < held.count; i++) expect(firstMaximum(logits.subarray(3 * i, 3 * i + 3))).toBe(predictions[i]);
});

const stepsOnTfjs = {
  "the compact transformer": cct2({ inputShape: [8, 8, 1], classes: 3, dim: 8, depth: 1 }),
  // Steps of plain blocks are those of vit28 (reference-suite.ts).
  ...Object.fromEntries(
    trained
      .filter(([kind]) => kind !== "plain blocks")
      .map(([kind, task]) => [`${kind} under ${task}`, trainedGraph(kind, task)]),
  ),
};
test.each(Object.entries(stepsOnTfjs))("a step of %s agrees with tfjs, tensor by tensor", async (_, graph) => {
  const subjects = [{ kind: "graph", graph }] as const;
  const report = await check({ backend: "cpu", subjects, batchSize: 2, steps: 1, progress: [1] });
  expect(report.rows.filter(({ verdict }) => verdict === "mismatch")).toEqual([]);
  expect(report).toMatchObject({ pass: true, binaryExact: true });
});
