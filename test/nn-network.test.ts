/** The one walk over a graph, and the number of looks that readers take at its nodes. */
import { describe, expect, it } from "vitest";
import {
  type Graph,
  type GraphNode,
  layers,
  packedParametersOf,
  parameterName,
  parametersOf,
  sequential,
  shapesOf,
  summary,
  validateGraph,
} from "../ts/nn/index.ts";
import { networkOf } from "../ts/nn/network.ts";
import { createSegment } from "../ts/program/segment.ts";
import { quantizer } from "../ts/quantizers/index.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { checkFits } from "../ts/train/optimizers/updates.ts";
import { planFlips } from "../ts/train/plan/flips.ts";
import { fusionsOf } from "../ts/train/plan/fusions.ts";
import { layoutParameters } from "../ts/train/plan/layout.ts";
import { planTraining } from "../ts/train/plan/plan.ts";

/** Every kind of look-up on the way to a plan: products, norms, shifts and aliases, `blocks` times. */
function chain(blocks: number): Graph {
  const block = () => [
    layers.binaryDense({ units: 2, weightQuantizer: "bc", activationQuantizer: "bnn" }),
    layers.batchNorm(),
    layers.shift(),
    layers.flatten(),
  ];
  return sequential({ inputShape: [2] }, Array.from({ length: blocks }, block).flat());
}

const optimizer = caseOptimizer({ binary: optimizers.bop(), rest: optimizers.adam() });

/** A graph of the same nodes that counts how often anything is read of them. */
function counted(graph: Graph): { readonly graph: Graph; readonly reads: () => number } {
  let reads = 0;
  const nodes = graph.nodes.map(
    (node) =>
      new Proxy<GraphNode>(
        { ...node },
        {
          get: (target, key) => {
            reads++;
            return Reflect.get(target, key);
          },
        },
      ),
  );
  return { graph: { ...graph, nodes }, reads: () => reads };
}

describe("a validated graph", () => {
  const graph = chain(3);

  it("is walked once", () => {
    expect(shapesOf(graph)).toBe(shapesOf(graph));
    expect(parametersOf(graph)).toBe(parametersOf(graph));
  });

  it("stays plain: what is known of it is found anew for a copy, and is the same", () => {
    const copy = structuredClone(graph);
    expect(copy).toEqual(graph);
    expect(Object.keys(graph)).toEqual(["name", "nodes", "output"]);
    expect(networkOf(copy)).not.toBe(networkOf(graph));
    for (const read of [shapesOf, parametersOf, packedParametersOf, summary, (g: Graph) => networkOf(g).owners])
      expect(read(copy)).toEqual(read(graph));
  });

  it("is not mistaken for the graph that it was made of, which may change", () => {
    const given = structuredClone(graph) as { nodes: GraphNode[]; name: string; output: string };
    const valid = validateGraph(given);
    expect(shapesOf(given)).toEqual(shapesOf(valid));
    given.nodes.pop();
    given.output = given.nodes.at(-1)?.name ?? "";
    expect(shapesOf(given).size).toBe(graph.nodes.length - 1);
    expect(shapesOf(valid).size).toBe(graph.nodes.length);
  });

  it("knows the owner of each value's memory, through chains of aliases", () => {
    const ends = [layers.dense({ units: 2 }), layers.flatten(), layers.flatten(), layers.relu()];
    const { owners } = networkOf(sequential({ inputShape: [2] }, ends));
    expect([...owners]).toEqual([
      ["input", "input"],
      ["dense", "dense"],
      ["flatten", "dense"],
      ["flatten_1", "dense"],
      ["relu", "relu"],
    ]);
  });

  it("knows the quantizers of latent weights by the parameters' names, which nn alone puts together", () => {
    const { quantizers, parameters } = networkOf(graph);
    expect([...quantizers]).toEqual(
      ["binary_dense", "binary_dense_1", "binary_dense_2"].map((name) => [`${name}/kernel`, quantizer("bc")]),
    );
    for (const { name, node, key } of parameters) expect(name).toBe(parameterName({ name: node }, key));
  });

  it("says which numbers are never negative, of a file too", () => {
    const scaled = sequential({ inputShape: [2] }, [
      layers.dense({ units: 2, weightQuantizer: "xnor" }),
      layers.batchNorm(),
    ]);
    const words = packedParametersOf(scaled).flatMap(({ name, neverNegative }) =>
      neverNegative === undefined ? [] : [[name, neverNegative]],
    );
    expect(words).toEqual([
      ["dense/scale", "scale"],
      ["batch_norm/movingVariance", "variance"],
    ]);
  });
});

describe("reading a graph takes twice the looks at twice the layers", () => {
  const readers: readonly (readonly [string, (graph: Graph) => unknown])[] = [
    ["shapes and parameters", networkOf],
    ["packed parameters", packedParametersOf],
    ["summary", summary],
    ["fusions", fusionsOf],
    ["the check of an optimizer", (graph) => checkFits(graph, optimizer)],
    [
      "the count of flips",
      (graph) => planFlips(graph, layoutParameters(parametersOf(graph), optimizer), createSegment()),
    ],
    [
      "the plan of training",
      (graph) => {
        const layout = layoutParameters(parametersOf(graph), optimizer);
        const options = { batch: 1, products: "auto", observed: false } as const;
        return planTraining(graph, shapesOf(graph), layout, options);
      },
    ],
  ];

  it.each(readers)("for %s", (_, read) => {
    const looks = (blocks: number): number => {
      const { graph, reads } = counted(chain(blocks));
      read(graph);
      return reads();
    };
    const [few, many] = [looks(20), looks(40)];
    expect(few).toBeGreaterThan(0);
    // One node, the input, does not double.
    expect(many).toBeLessThanOrEqual(2 * few);
  });
});
