/** Layers in several places, which share their parameters, and networks with several results. */
import { describe, expect, it } from "vitest";
import {
  functional,
  type Graph,
  input,
  layers,
  outputsOf,
  parametersOf,
  sequential,
  summary,
  validateGraph,
} from "../ts/nn/index.ts";
import { thrownBy } from "./nn-arbitrary.ts";

const json = (graph: Graph) =>
  JSON.parse(JSON.stringify(graph)) as { nodes: Record<string, unknown>[]; outputs: unknown };

/** Two branches through the same dense layer, and their sum. */
function twins(): Graph {
  const x = input({ shape: [3] });
  const shared = layers.dense({ units: 3, name: "twin" });
  const [a, b] = [shared.apply(x), shared.apply(layers.relu().apply(x))];
  return functional({ inputs: x, outputs: layers.add().apply([a, b]) });
}

describe("a layer in several places", () => {
  it("has its parameters once, under the name of the first place", () => {
    const graph = twins();
    expect(graph.nodes.map(({ name, shares }) => [name, shares])).toEqual([
      ["input", undefined],
      ["twin", undefined],
      ["relu", undefined],
      ["twin_1", "twin"],
      ["add", undefined],
    ]);
    expect(parametersOf(graph).map(({ name }) => name)).toEqual(["twin/kernel", "twin/bias"]);
    expect(summary(graph).totals.parameters).toBe(12);
    expect(validateGraph(json(graph))).toEqual(graph);
  });

  it("may stand in a chain, and shares nothing where it has no parameters", () => {
    const [relu, dense] = [layers.relu(), layers.dense({ units: 3 })];
    const graph = sequential({ inputShape: [3] }, [dense, relu, dense, relu]);
    expect(graph.nodes.map(({ name, shares }) => [name, shares]).slice(1)).toEqual([
      ["dense", undefined],
      ["relu", undefined],
      ["dense_1", "dense"],
      ["relu_1", undefined],
    ]);
  });

  it("passes over names that others have", () => {
    const dense = layers.dense({ units: 3, name: "a" });
    const other = layers.dense({ units: 3, name: "a_1" });
    const graph = sequential({ inputShape: [3] }, [dense, other, dense]);
    expect(graph.nodes.map(({ name }) => name)).toEqual(["input", "a", "a_1", "a_2"]);
  });

  it("is refused where the places ask for parameters of different shapes", () => {
    const dense = layers.dense({ units: 2 });
    const error = thrownBy(() => sequential({ inputShape: [3] }, [dense, dense]));
    expect([error.code, error.message]).toEqual([
      "graph",
      'layer "dense_1": its kernel would have shape [2, 2], and that of layer "dense" has [3, 2]',
    ]);
  });

  it("is refused where it keeps statistics", () => {
    const norm = layers.batchNorm();
    const error = thrownBy(() => sequential({ inputShape: [3] }, [norm, norm]));
    expect([error.code, error.message]).toEqual([
      "graph",
      'layer "batch_norm_1": it is used in two places, and its statistics are those of one',
    ]);
  });

  it.each<[string, (nodes: Record<string, unknown>[]) => void, string]>([
    ["a later node", ([, first]) => Object.assign(first ?? {}, { shares: "twin_1" }), "does not stand before it"],
    ["a node that shares itself", (nodes) => nodes.push({ ...nodes[3], name: "c", shares: "twin_1" }), "cannot have"],
    ["another operation", (nodes) => Object.assign(nodes[4] ?? {}, { shares: "relu" }), "differs from layer"],
    ["other attributes", (nodes) => Object.assign(nodes[3] ?? {}, { attributes: { units: 4 } }), "must be"],
    ["no parameters", (nodes) => nodes.splice(3, 2, { ...nodes[2], name: "twin_1", shares: "relu" }), "no parameters"],
    ["no name", (nodes) => Object.assign(nodes[3] ?? {}, { shares: 3 }), "does not stand before it"],
  ])("is refused in a file where it shares with %s", (_what, change, message) => {
    const changed = json(twins());
    change(changed.nodes);
    const error = thrownBy(() => validateGraph(changed));
    expect(error.code).toBe("graph");
    expect(error.message).toContain(message);
  });

  it("is refused where only its attributes differ", () => {
    const changed = json(twins());
    const node = changed.nodes[3] as { attributes: object };
    node.attributes = { ...node.attributes, useBias: false };
    expect(thrownBy(() => validateGraph(changed)).message).toContain('differs from layer "twin"');
  });
});

describe("several results", () => {
  const heads = (): Graph => {
    const x = input({ shape: [4] });
    const body = layers.dense({ units: 3, name: "body" }).apply(x);
    const [a, b] = ["a", "b"].map((name) => layers.dense({ units: 2, name }).apply(body));
    return functional({ inputs: x, outputs: [b as never, a as never] });
  };

  it("are named in the order given, the first as the output", () => {
    const graph = heads();
    expect([graph.output, graph.outputs]).toEqual(["b", ["b", "a"]]);
    expect(outputsOf(graph)).toEqual(["b", "a"]);
    expect(validateGraph(json(graph))).toEqual(graph);
    expect(outputsOf(twins())).toEqual(["add"]);
  });

  it("leave no trace in a graph with one", () => {
    expect(Object.keys(twins())).toEqual(["name", "nodes", "output"]);
    expect(Object.keys(validateGraph({ ...json(twins()), outputs: ["add"] }))).toEqual(["name", "nodes", "output"]);
  });

  it.each([
    ["that do not begin with the output", ["a", "b"]],
    ["of which one is named twice", ["b", "a", "a"]],
    ["of a layer that is not there", ["b", "c"]],
    ["that are no list", "b"],
    ["that are none", []],
  ])("are refused %s", (_what, outputs) => {
    expect(thrownBy(() => validateGraph({ ...json(heads()), outputs })).code).toBe("graph");
  });

  it("do not excuse a layer that leads to none of them", () => {
    expect(thrownBy(() => validateGraph({ ...json(heads()), outputs: undefined })).message).toContain(
      '"a" does not lead',
    );
  });

  it("are refused where there is none", () => {
    expect(thrownBy(() => functional({ inputs: input({ shape: [2] }), outputs: [] })).code).toBe("argument");
  });
});
