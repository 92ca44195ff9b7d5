/**
 * The guarantee: every operation and every quantizer gives tfjs's numbers on every route. Routes are tfjs's two backends for
 * graphics cards, in Chromium (and so in Node, whose WebGPU is the same), and its wasm in so far as it has kernels. Every
 * ready-made network does so on one backend for cards at least, and on wasm: `networksOf` says which network is compared
 * where. One backend suffices for a network, because every route compares the operations that it is made of.
 *
 * Where there is no card, SwiftShader calculates in its place. It keeps one core busy, so each route is a test file of its
 * own, and no route has all of the large networks.
 */
import { expect, it } from "vitest";
import { type Graph, model } from "../ts/nn/index.ts";
import { vit } from "../ts/nn/models/vit.ts";
import { quantizerNames } from "../ts/quantizers/index.ts";
import type { BackendName, CheckReport, CheckRequest, CheckSubject } from "../ts/reference/index.ts";
import { OTHER_MAPS } from "../ts/reference/quantizer-maps.ts";
import { operationCases } from "../ts/reference/subjects.ts";

interface Size extends Pick<CheckRequest, "steps" | "progress"> {
  readonly inputShape: readonly number[];
  /** Cards see the network with this share of its filters and hidden units; all where absent. */
  readonly width?: number;
  /** A smaller one in the place of the ready-made network. */
  readonly graph?: () => Graph;
}

/** One block over six tokens: more of them would repeat its operations. */
const transformer = (): Graph => vit({ inputShape: [8, 12, 1], dim: 8, depth: 1, heads: 2 });

/** Images that are large enough for every layer to have a border and something to pool, and steps whose losses are compared. */
const networks: Readonly<Record<string, Size>> = {
  mlp: { inputShape: [5, 5, 1], steps: 4, width: 1 / 8 },
  cnn: { inputShape: [9, 9, 1], steps: 4, width: 1 / 2 },
  small: { inputShape: [9, 9, 1], steps: 4, width: 1 / 2 },
  // SwiftShader takes three seconds for a step of it.
  resnet20: { inputShape: [8, 8, 3], steps: 3, width: 1 / 4 },
  fashion: { inputShape: [8, 8, 1], steps: 3, width: 1 / 4 },
  // It has 11 million weights, and soft ones take ten times as many operations as hard ones.
  birealnet18: { inputShape: [16, 16, 3], steps: 2, progress: [1], width: 1 / 16 },
  vit28: { inputShape: [8, 12, 1], steps: 2, progress: [1], graph: transformer },
};

/** The networks that each route compares. */
export const networksOf = {
  "webgl in Chromium": ["cnn", "resnet20", "birealnet18"],
  "webgpu in Chromium": ["mlp", "fashion"],
  "webgpu in Node": ["small", "vit28"],
  "wasm in Node": Object.keys(networks),
} as const satisfies Readonly<Partial<Record<`${BackendName} in ${"Chromium" | "Node"}`, readonly string[]>>>;

const minutes = 60_000;

/** Kernels that tfjs's wasm backend lacks, of those that operations ask for, and of those that networks do. */
const FILTERS = ["Conv2DBackpropFilter"];
const MISSING = [...FILTERS, "DepthwiseConv2dNativeBackpropFilter", "DepthwiseConv2dNativeBackpropInput"];

/** Dawn is Chromium's WebGPU too, so its operations are compared there. */
const sameOperations: readonly string[] = ["webgpu in Node"];

/** The network of that name with a share of its filters and hidden units. */
function narrowed(name: string, inputShape: readonly number[], width: number): CheckSubject {
  const graph = model(name, { inputShape });
  const head = graph.nodes.findLast(({ op }) => op === "dense");
  const nodes = graph.nodes.map((node) => {
    if (node.op === "conv2d") {
      return { ...node, attributes: { ...node.attributes, filters: node.attributes.filters * width } };
    }
    if (node.op === "dense" && node !== head) {
      return { ...node, attributes: { ...node.attributes, units: node.attributes.units * width } };
    }
    return node;
  });
  return { kind: "graph", graph: { ...graph, nodes } };
}

/** The tests of a route, whose checks `run` makes. */
export function testRoute(route: keyof typeof networksOf, run: (request: CheckRequest) => Promise<CheckReport>): void {
  const [backend, , host] = route.split(" ") as [BackendName, string, string];
  const expectPass = (report: CheckReport, missing: readonly string[]): void => {
    expect(report.rows.filter(({ verdict }) => verdict === "mismatch")).toEqual([]);
    expect(report).toMatchObject({ backend, pass: true, binaryExact: true });
    expect(report.host).toMatch(host);
    expect(report.adapter.kind).toMatch(backend === "wasm" ? /^cpu$/ : /^(gpu|software)$/);
    const lacks = (kernel: string): RegExp =>
      new RegExp(`^tfjs's wasm backend has no kernel ${kernel}: \\d+ tensors were not compared$`);
    expect(report.unsupported).toEqual(missing.map((kernel) => expect.stringMatching(lacks(kernel))));
  };

  const testOperations = sameOperations.includes(route) ? null : it;
  testOperations?.("agrees in every operation and every quantizer's maps", { timeout: 15 * minutes }, async () => {
    const report = await run({ backend, subjects: [{ kind: "operations" }], batchSize: 2 });
    expectPass(report, backend === "wasm" ? MISSING : []);
    const subjects = new Set(report.rows.map(({ subject }) => subject));
    const maps = [...quantizerNames.map((name) => `quantizer ${name}`), OTHER_MAPS];
    const expected = [...maps, ...operationCases().map(({ name }) => name)];
    expect([...subjects].sort()).toEqual(expected.sort());
  });

  it.each(networksOf[route])(
    "agrees in steps of %s, its packed file and its first losses",
    { timeout: 20 * minutes },
    async (name) => {
      const { inputShape, width = 1, graph, ...less } = networks[name] as Size;
      const isNarrow = backend !== "wasm" && width !== 1;
      const whole: CheckSubject =
        graph === undefined ? { kind: "model", name, inputShape } : { kind: "graph", graph: graph() };
      const subject: CheckSubject = isNarrow ? narrowed(name, inputShape, width) : whole;
      const report = await run({ backend, subjects: [subject], batchSize: 2, ...less });
      expectPass(report, backend === "wasm" && name !== "mlp" ? FILTERS : []);
      const quantities = new Set(report.rows.map(({ quantity }) => quantity));
      const all = ["value", "loss", "gradient", "update", "statistics", "accuracy", "loss curve"];
      expect([...quantities].sort()).toEqual([...all, "packed weights", "packed logits"].sort());
    },
  );
}
