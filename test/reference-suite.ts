/**
 * The guarantee: every operation, every quantizer and every ready-made network gives tfjs's numbers on the backends that run on
 * graphics cards, in Chromium and in Node, and on tfjs's wasm in so far as it has kernels. Where there is no card, SwiftShader
 * calculates in its place; nothing is left out. Each route is a test file of its own, for SwiftShader keeps one core busy.
 */
import { expect, it } from "vitest";
import { modelNames } from "../ts/nn/index.ts";
import { quantizerNames } from "../ts/quantizers/index.ts";
import type { BackendName, CheckReport, CheckRequest } from "../ts/reference/index.ts";
import { OTHER_MAPS } from "../ts/reference/quantizer-maps.ts";
import { operationCases } from "../ts/reference/subjects.ts";

/** Images that are large enough for every layer to have a border and something to pool, and steps whose losses are compared. */
const networks: Readonly<Record<string, Pick<CheckRequest, "steps" | "progress"> & { inputShape: readonly number[] }>> =
  {
    mlp: { inputShape: [5, 5, 1] },
    cnn: { inputShape: [9, 9, 1] },
    small: { inputShape: [9, 9, 1] },
    // SwiftShader takes three seconds for a step of it.
    resnet20: { inputShape: [8, 8, 3], steps: 6 },
    fashion: { inputShape: [8, 8, 1], steps: 4 },
    // It has 11 million weights, and soft ones take ten times as many operations as hard ones.
    birealnet18: { inputShape: [16, 16, 3], steps: 2, progress: [1] },
  };

const minutes = 60_000;

export interface Route {
  readonly backend: BackendName;
  readonly host: "Chromium" | "Node";
  readonly run: (request: CheckRequest) => Promise<CheckReport>;
  /** Networks that are compared; all where absent. */
  readonly models?: readonly string[];
}

/** The tests of a route. */
export function testRoute({ backend, host, run, models = modelNames }: Route): void {
  const expectPass = (report: CheckReport, trainsConvolutions: boolean): void => {
    expect(report.rows.filter(({ verdict }) => verdict === "mismatch")).toEqual([]);
    expect(report).toMatchObject({ backend, pass: true, binaryExact: true });
    expect(report.host).toMatch(host);
    expect(report.adapter.kind).toMatch(backend === "wasm" ? /^cpu$/ : /^(gpu|software)$/);
    const lacks = /^tfjs's wasm backend has no kernel Conv2DBackpropFilter: \d+ tensors were not compared$/;
    expect(report.unsupported).toEqual(trainsConvolutions ? [] : [expect.stringMatching(lacks)]);
  };

  it("agrees in every operation and every quantizer's maps", { timeout: 15 * minutes }, async () => {
    const report = await run({ backend, subjects: [{ kind: "operations" }], batchSize: 2 });
    expectPass(report, backend !== "wasm");
    const subjects = new Set(report.rows.map(({ subject }) => subject));
    const maps = [...quantizerNames.map((name) => `quantizer ${name}`), OTHER_MAPS];
    const expected = [...maps, ...operationCases().map(({ name }) => name)];
    expect([...subjects].sort()).toEqual(expected.sort());
  });

  it.each(models)(
    "agrees in steps of %s, its packed file and its first losses",
    { timeout: 20 * minutes },
    async (name) => {
      const { inputShape, ...less } = networks[name] as (typeof networks)[string];
      const report = await run({ backend, subjects: [{ kind: "model", name, inputShape }], batchSize: 2, ...less });
      expectPass(report, backend !== "wasm" || name === "mlp");
      const quantities = new Set(report.rows.map(({ quantity }) => quantity));
      const all = ["value", "loss", "gradient", "update", "statistics", "accuracy", "loss curve"];
      expect([...quantities].sort()).toEqual([...all, "packed weights", "packed logits"].sort());
    },
  );
}
