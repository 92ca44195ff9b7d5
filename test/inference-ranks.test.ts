/**
 * Values of any rank: what works row by row sees rows of channels, so that a network over [6, 4, 5] gives the same bits over
 * the same rows under other axes. So do bits, and parts of a layer.
 */
import { describe, expect, test } from "vitest";
import { explanationOf } from "../ts/inference/explain-session.ts";
import { asImage } from "../ts/inference/windows.ts";
import { packedShape } from "../ts/io/bits.ts";
import type { PackedModel, PackedTensor } from "../ts/io/model-file.ts";
import type { Parameter } from "../ts/nn/graph.ts";
import {
  functional,
  type Graph,
  input,
  type Layer,
  layers,
  randomStream,
  type Shape,
  type SymbolicTensor,
  shapesOf,
  validateGraph,
} from "../ts/nn/index.ts";
import { packedParametersOf } from "../ts/nn/parameters.ts";
import { elementsOf } from "../ts/nn/shapes.ts";
import { bits, inMemory, randomNumbers } from "./inference-helpers.ts";

const IMAGE = [6, 4, 5] as const;
/** The same 24 rows of 5 channels. */
const others: readonly (readonly [Shape])[] = [[[24, 5]], [[2, 3, 4, 5]], [[1, 24, 1, 5]]];

const through = (start: SymbolicTensor, ...all: readonly Layer[]): SymbolicTensor =>
  all.reduce((tensor, layer) => layer.apply(tensor), start);

/** Layers that work row by row, alone and behind each other, and a sum. */
function rowwise(): Graph {
  const start = input({ shape: IMAGE });
  const steps = through(start, layers.batchNorm(), layers.prelu(), layers.shift(), layers.hardTanh());
  const joined = layers.add().apply([steps, start]);
  const last = through(joined, layers.adaptiveSign(), layers.flatten(), layers.dense({ units: 4 }));
  return functional({ inputs: start, outputs: last });
}

/** A batch norm that is read as it is and by its signs, which lie in the layout of its rows. */
function signs(): Graph {
  const start = input({ shape: IMAGE });
  const norm = layers.batchNorm().apply(start);
  const sums = through(norm, layers.flatten(), layers.binaryDense({ units: 33 }), layers.batchNorm());
  const read = through(layers.relu().apply(norm), layers.flatten(), layers.dense({ units: 33, useBias: false }));
  const last = through(layers.add().apply([sums, read]), layers.binaryDense({ units: 4 }));
  return functional({ inputs: start, outputs: last });
}

/** Signs that nobody has written beside: each reader makes them of the f32 value. */
function signsOfSums(): Graph {
  const start = input({ shape: IMAGE });
  const sum = layers.add().apply([layers.hardTanh().apply(start), layers.shift().apply(start)]);
  const flat = layers.flatten().apply(sum);
  const exact = layers.binaryDense({ units: 9 }).apply(flat);
  const mixed = layers.dense({ units: 9, activationQuantizer: "poly" }).apply(flat);
  return functional({ inputs: start, outputs: layers.add().apply([exact, mixed]) });
}

/** The graph over an input of another shape. */
const over = (graph: Graph, shape: Shape): Graph =>
  validateGraph({
    ...graph,
    nodes: graph.nodes.map((node) => (node.op === "input" ? { ...node, attributes: { shape } } : node)),
  });

/** Random tensors, the same for every rank. K fills whole bytes, so that no tail is dirty. */
function packed(graph: Graph): PackedModel {
  const tensorOf = ({ name, role, shape, neverNegative }: Parameter): PackedTensor => {
    const stream = randomStream(7, name);
    if (role === "latent") return Uint8Array.from({ length: elementsOf(packedShape(shape)) }, () => stream.below(256));
    const numbers = randomNumbers(elementsOf(shape), name);
    return neverNegative === undefined ? numbers : numbers.map((value) => 1.5 + value);
  };
  const parameters = new Map(packedParametersOf(graph).map((parameter) => [parameter.name, tensorOf(parameter)]));
  return { graph, parameters, metadata: {} };
}

const images = randomNumbers(4 * elementsOf(IMAGE), "rows");

describe.each([
  ["layers row by row", rowwise],
  ["signs written beside", signs],
  ["signs of sums", signsOfSums],
] as const)("%s", (_title, make) => {
  test.each(others)("over %j are those over an image", async (shape) => {
    const graph = make();
    const other = over(graph, shape);
    expect(shapesOf(other).get(graph.nodes[1]?.name ?? "")).toEqual(shape);
    for (const kernel of ["lookup", "popcnt8", "popcnt64"] as const) {
      const wanted = (await inMemory(packed(graph), { kernel })).run(images);
      expect(new Set(wanted).size).toBeGreaterThan(4);
      for (const shares of [{ workers: 1 }, { workers: 2 }, { workers: 3 }, { workers: 5 }, { batch: 3 }]) {
        const { run } = await inMemory(packed(other), { kernel, ...shares });
        expect(bits(run(images)), `${kernel} ${JSON.stringify(shares)}`).toEqual(bits(wanted));
      }
    }
  });

  test.each(others)("over %j are cut like an image, and explained like one", async (shape) => {
    const [wanted, found] = await Promise.all(
      [make(), over(make(), shape)].map(async (graph) => {
        const { prepared } = await inMemory(packed(graph), { workers: 5 });
        const { layers: rows } = explanationOf("plain", prepared, new WebAssembly.Memory({ initial: 1 }));
        return {
          rows: rows.map(({ outputShape: _, ...row }) => row),
          tasks: prepared.compiled.program.map((phase) => phase.length),
        };
      }),
    );
    expect(found).toEqual(wanted);
  });
});

test("a shape of any rank is an image whose height is cut, its channels last", () => {
  expect([[7], [6, 7], [5, 6, 7], [4, 5, 6, 7]].map(asImage)).toEqual([
    [1, 1, 7],
    [6, 1, 7],
    [5, 6, 7],
    [20, 6, 7],
  ]);
});
