/** Networks with several results, and with layers in several places, in sessions: each result is what it would be alone. */
import { describe, expect, test } from "vitest";
import { load, loadParallel } from "../ts/inference/index.ts";
import { packSigns } from "../ts/io/bits.ts";
import { encodeModel, type PackedTensor } from "../ts/io/model-file.ts";
import {
  functional,
  type Graph,
  input,
  layers,
  outputsOf,
  packedParametersOf,
  type SymbolicTensor,
  validateGraph,
} from "../ts/nn/index.ts";
import { elementsOf } from "../ts/nn/shapes.ts";
import { bits, randomNumbers } from "./inference-helpers.ts";

const SHAPE = [6, 5, 4] as const;
const IMAGES = 7;

/** Results in the middle of a fused chain, behind an alias, and at the end; one convolution in two places. */
function branches(): { readonly inputs: SymbolicTensor; readonly outputs: readonly SymbolicTensor[] } {
  const inputs = input({ shape: SHAPE });
  const body = layers.binaryConv2d({ filters: 4, kernelSize: 3, padding: "same", name: "body" });
  const norm = layers.batchNorm({ name: "norm" }).apply(body.apply(inputs));
  const again = layers.batchNorm({ name: "late" }).apply(body.apply(norm));
  const flat = layers.flatten({ name: "flat" }).apply(again);
  const logits = layers.binaryDense({ units: 3, name: "logits" }).apply(flat);
  return { inputs, outputs: [logits, norm, flat] };
}

/** The file of `graph`. The numbers of a tensor depend on its name alone, of `body_1` on that of `body`. */
function fileOf(graph: Graph): Uint8Array {
  const parameters = new Map<string, PackedTensor>();
  for (const { name, role, shape, neverNegative } of packedParametersOf(graph)) {
    const numbers = randomNumbers(elementsOf(shape), name.replace("body_1", "body"));
    const real = neverNegative === undefined ? numbers : numbers.map((x) => x + 1.5);
    parameters.set(name, role === "latent" ? packSigns(numbers, shape) : real);
  }
  return encodeModel({ graph, parameters, metadata: {} });
}

/** The graph of the one result called `name`, its nodes as they are in `graph`. */
function alone(graph: Graph, name: string): Graph {
  const needed = new Set([name]);
  for (const node of graph.nodes.toReversed()) {
    if (needed.has(node.name)) for (const source of node.inputs) needed.add(source);
  }
  return validateGraph({ name: graph.name, nodes: graph.nodes.filter((node) => needed.has(node.name)), output: name });
}

const graph = functional(branches());
const images = randomNumbers(IMAGES * elementsOf(SHAPE), "images");

describe("several results", () => {
  test.each([1, 4])("are what each would be alone, %i images at a time", async (batch) => {
    const session = await load(fileOf(graph), { batch });
    const all = session.runAll(images, { count: IMAGES });
    expect(session.outputs).toEqual([
      { name: "logits", shape: [3] },
      { name: "norm", shape: [6, 5, 4] },
      { name: "flat", shape: [120] },
    ]);
    expect(session.classes).toBe(3);
    expect(Object.keys(all)).toEqual(["logits", "norm", "flat"]);
    expect(bits(session.run(images, { count: IMAGES }))).toEqual(bits(all.logits as Float32Array));
    for (const { name, shape } of session.outputs) {
      const found = all[name] as Float32Array;
      expect(found.length).toBe(IMAGES * elementsOf(shape));
      const own = (await load(fileOf(alone(graph, name)), { batch })).run(images, { count: IMAGES });
      expect(bits(own), name).toEqual(bits(found));
    }
  });

  test.each([1, 4])("come out of parallel sessions alike, %i images at a time", async (batch) => {
    const session = await loadParallel(fileOf(graph), { workers: 2, batch });
    try {
      const [all, first] = [
        await session.runAll(images, { count: IMAGES }),
        await session.run(images, { count: IMAGES }),
      ];
      const wanted = (await load(fileOf(graph))).runAll(images, { count: IMAGES });
      expect(outputsOf(graph).map((name) => bits(all[name] as Float32Array))).toEqual(
        outputsOf(graph).map((name) => bits(wanted[name] as Float32Array)),
      );
      expect(bits(first)).toEqual(bits(wanted.logits as Float32Array));
    } finally {
      session.close();
    }
  });

  test("are refused where any of them is not finite, with the place", async () => {
    const x = input({ shape: [2] });
    const [a, b] = ["a", "b"].map((name) => layers.dense({ units: 2, name }).apply(x)) as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    const heads = functional({ inputs: x, outputs: [a, b] });
    const huge = new Map([
      ["a/kernel", new Float32Array(4)],
      ["a/bias", new Float32Array(2)],
      ["b/kernel", new Float32Array(4).fill(3e38)],
      ["b/bias", new Float32Array(2)],
    ]);
    const session = await load(encodeModel({ graph: heads, parameters: huge, metadata: {} }));
    expect(() => session.run(Float32Array.of(0, 0))).not.toThrow();
    expect(() => session.run(Float32Array.of(9, 9))).toThrowError(expect.objectContaining({ code: "not-finite" }));
  });
});

test("a layer in two places has its bits once in the file, and gives what two with the same weights would", async () => {
  const apart = validateGraph({ ...graph, nodes: graph.nodes.map(({ shares: _, ...node }) => node) });
  const bodies = (given: Graph): string[] =>
    packedParametersOf(given).flatMap(({ name }) => (name.startsWith("body") ? [name] : []));
  expect([bodies(graph), bodies(apart)]).toEqual([["body/kernel"], ["body/kernel", "body_1/kernel"]]);
  const [shared, copied] = [
    (await load(fileOf(graph))).runAll(images, { count: IMAGES }),
    (await load(fileOf(apart))).runAll(images, { count: IMAGES }),
  ];
  expect(shared).toEqual(copied);
  expect(fileOf(graph).length).toBeLessThan(fileOf(apart).length);
});
