import { describe, expect, it } from "vitest";
import { isProxbitError } from "../ts/base/errors.ts";
import { type Graph, layers, model, modelNames, sequential, validateGraph } from "../ts/nn/index.ts";
import { quantizerNames } from "../ts/quantizers/index.ts";
import { checkSchedule } from "../ts/quantizers/schedule.ts";
import fc from "./fast-check.ts";
import { graphs, thrownBy } from "./nn-arbitrary.ts";

/** A JSON value inside `root`, and how to replace it. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(root: unknown): readonly Place[] {
  if (typeof root !== "object" || root === null) return [];
  const holder = root as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

const json = (graph: Graph): Record<string, unknown> => JSON.parse(JSON.stringify(graph)) as Record<string, unknown>;

/** Values that hostile or broken files put where something else belongs. */
const junk = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    undefined,
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 53,
    Number.MAX_VALUE,
    Number.NaN,
    "",
    "__proto__",
    "constructor",
    "input",
    [],
    {},
    JSON.parse('{"__proto__": {"op": "input"}}'),
    JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`),
    new Array(5000).fill("input"),
    new Array(3),
  ),
  fc.anything(),
);

describe("validateGraph", () => {
  it("gives back every valid graph that has been through JSON", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        expect(validateGraph(json(graph))).toEqual(graph);
      }),
    );
    for (const name of modelNames) expect(validateGraph(json(model(name)))).toEqual(model(name));
  });

  it("reads -0 as the 0 that JSON keeps of it, wherever it stands", () => {
    const negated = (graph: Graph): unknown =>
      JSON.parse(JSON.stringify(graph).replace(/(?<=[:,[])0(?=[,\]}])/g, "-0"));
    const check = (graph: Graph): void => {
      expect(validateGraph(negated(graph))).toEqual(graph);
    };
    fc.assert(fc.property(graphs, check));
    for (const name of modelNames) check(model(name));
    for (const name of quantizerNames) {
      check(sequential({ inputShape: [4] }, [layers.binaryDense({ units: 2, weightQuantizer: name })]));
    }
    const shift = { kind: "linear", from: -0, to: 1 } as const;
    const checked = checkSchedule(shift, "from", { code: "graph", what: "schedule" });
    expect(checked).toEqual({ ...shift, from: 0 });
  });

  it("answers anything at all with a ProxbitError", () => {
    fc.assert(
      fc.property(junk, (value) => {
        expect(["graph", "shape"]).toContain(thrownBy(() => validateGraph(value)).code);
      }),
      { numRuns: 500 },
    );
  });

  it("answers a valid graph with one value replaced, removed or added by a graph or a ProxbitError", () => {
    fc.assert(
      fc.property(graphs, fc.nat(), junk, fc.constantFrom("replace", "remove", "add"), (graph, at, value, change) => {
        const broken = json(graph);
        const places = placesIn(broken);
        const place = places[at % places.length];
        if (place === undefined) throw new Error("no place");
        if (change === "replace") place.holder[place.key] = value;
        if (change === "remove") delete place.holder[place.key];
        if (change === "add") place.holder.surplus = value;
        let result: Graph;
        try {
          result = validateGraph(broken);
        } catch (error) {
          if (!isProxbitError(error)) throw error;
          expect(["graph", "shape"]).toContain(error.code);
          return;
        }
        expect(validateGraph(json(result))).toEqual(result);
      }),
      { numRuns: 1000 },
    );
  });

  const base = () =>
    json(sequential({ inputShape: [4, 4, 2] }, [layers.flatten(), layers.dense({ units: 3 }), layers.relu()])) as {
      name: unknown;
      output: unknown;
      nodes: { op: unknown; name: unknown; inputs: unknown; attributes: Record<string, unknown> }[];
    };
  type Base = ReturnType<typeof base>;
  const node = (graph: Base, at: number): Base["nodes"][number] => {
    const found = graph.nodes[at];
    if (found === undefined) throw new Error(`no node ${at}`);
    return found;
  };

  it.each<[string, (graph: Base) => void, string]>([
    ["an unknown operation", (graph) => (node(graph, 1).op = "flaten"), 'layer "flatten": op is "flaten"'],
    ["an operation every object has", (graph) => (node(graph, 1).op = "constructor"), 'op is "constructor"'],
    ["a name used twice", (graph) => (node(graph, 2).name = "flatten"), 'two layers are called "flatten"'],
    ["a name with a slash", (graph) => (node(graph, 1).name = "a/b"), "node 1: name must be"],
    ["__proto__ as a name", (graph) => (node(graph, 1).name = "__proto__"), "node 1: name must be"],
    ["a circle", (graph) => (node(graph, 1).inputs = ["relu"]), 'its input "relu" does not stand before it'],
    ["a layer that is its own input", (graph) => (node(graph, 1).inputs = ["flatten"]), "does not stand before it"],
    ["a wrong order", (graph) => graph.nodes.reverse(), "does not stand before it"],
    ["an input nobody has", (graph) => (node(graph, 1).inputs = ["no"]), 'its input "no" is no layer of this graph'],
    ["no inputs", (graph) => (node(graph, 1).inputs = []), "inputs must be a list of 1 values"],
    ["a second input", (graph) => (graph.nodes[3] = { ...node(graph, 0), name: "b" }), 'layer "b" is a second input'],
    ["no input", (graph) => graph.nodes.shift(), "is no layer of this graph"],
    ["an output nobody has", (graph) => (graph.output = "no"), 'the output "no" is no layer'],
    [
      "a layer past the output",
      (graph) => (graph.output = "dense"),
      'layer "relu" does not lead to the output "dense"',
    ],
    [
      "the input alone",
      (graph) => Object.assign(graph, { nodes: [node(graph, 0)], output: "input" }),
      "no layer but its",
    ],
    ["no nodes", (graph) => (graph.nodes = []), "nodes must be a list of 1 to 4096"],
    ["an unknown attribute", (graph) => (node(graph, 1).attributes.axis = 1), 'layer "flatten" has no option "axis"'],
    ["units of 2^32", (graph) => (node(graph, 2).attributes.units = 2 ** 32), "units must be a whole number"],
    [
      "an accumulator for real operands",
      (graph) => (node(graph, 2).attributes.accumulator = { bits: 8, overflow: "wrap" }),
      "the layer has no weightQuantizer and activationQuantizer",
    ],
    [
      "an accumulator of 16 bits",
      (graph) => (node(graph, 2).attributes.accumulator = { bits: 16, overflow: "wrap" }),
      'layer "dense": accumulator: bits must be 8, not 16',
    ],
    ["a quantizer's name alone", (graph) => (node(graph, 2).attributes.weightQuantizer = "bc"), "plain object"],
  ])("names %s", (_, breakIt, message) => {
    const graph = base();
    breakIt(graph);
    const error = thrownBy(() => validateGraph(graph));
    expect(error.code).toBe("graph");
    expect(error.message).toContain(message);
  });

  it("says of a layer without attributes that it has none", () => {
    const graph = base();
    Object.assign(node(graph, 1), { attributes: 3 });
    expect(thrownBy(() => validateGraph(graph)).remedy).toBe("Give an object with these keys: none.");
    expect(thrownBy(() => layers.relu(3 as never)).remedy).toBe("Give an object with these keys: name, trainable.");
  });

  it("takes graphs from before there were accumulators", () => {
    const graph = base();
    delete node(graph, 2).attributes.accumulator;
    expect(validateGraph(graph).nodes[2]?.attributes).toMatchObject({ accumulator: null });
  });

  it("takes no accumulator for activations on levels", () => {
    const graph = base();
    const signs = json(sequential({ inputShape: [2] }, [layers.binaryDense({ units: 3 })])) as Base;
    const { weightQuantizer, activationQuantizer } = node(signs, 1).attributes;
    const levels = { ...(activationQuantizer as object), forward: "hardTanh", hard: "levels" };
    const operands = { weightQuantizer, activationQuantizer: levels };
    Object.assign(node(graph, 2).attributes, operands);
    expect(validateGraph(graph).nodes[2]?.attributes).toMatchObject({ activationQuantizer: { hard: "levels" } });
    Object.assign(node(graph, 2).attributes, { accumulator: { bits: 8, overflow: "wrap" } });
    expect(thrownBy(() => validateGraph(graph)).message).toContain("activationQuantizer");
  });

  it("tells layers that do not fit with the code shape", () => {
    const graph = base();
    graph.nodes[1] = { ...node(graph, 1), op: "globalAvgPool1d" };
    expect(thrownBy(() => validateGraph(graph)).code).toBe("shape");
  });

  it("leaves its argument alone and shares nothing with it", () => {
    const graph = base();
    const before = structuredClone(graph);
    const checked = validateGraph(graph);
    node(graph, 2).attributes.units = 99;
    expect(checked.nodes[2]?.attributes).toMatchObject({ units: 3 });
    node(graph, 2).attributes.units = 3;
    expect(graph).toEqual(before);
  });
});
