/**
 * The guarantee: every operation, every quantizer and every ready-made network gives tfjs's numbers on the backends that run on
 * graphics cards, in Chromium and in Node, and on tfjs's wasm in so far as it has kernels. Where there is no card, SwiftShader
 * calculates in its place; nothing is left out.
 */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkIn } from "../../ts/browser/check.ts";
import { startChromium } from "../../ts/browser/chromium.ts";
import { modelNames } from "../../ts/nn/index.ts";
import { quantizerNames } from "../../ts/quantizers/index.ts";
import {
  type BackendName,
  type CheckReport,
  type CheckRequest,
  check,
  type Subject,
} from "../../ts/reference/index.ts";
import { operationCases } from "../../ts/reference/subjects.ts";

/** Large enough for every layer to have a border and something to pool. */
const shapes: Readonly<Record<string, readonly number[]>> = {
  mlp: [5, 5, 1],
  cnn: [9, 9, 1],
  resnet20: [8, 8, 3],
  birealnet18: [16, 16, 3],
};

/** Steps whose losses are compared; a step of the last one has 11 million weights to update. */
const steps: Readonly<Record<string, number>> = { mlp: 20, cnn: 20, resnet20: 20, birealnet18: 3 };

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium("best");
});
afterAll(() => browser?.close());

const routes: readonly { readonly backend: BackendName; readonly host: "Chromium" | "Node" }[] = [
  { backend: "webgl", host: "Chromium" },
  { backend: "webgpu", host: "Chromium" },
  { backend: "webgpu", host: "Node" },
  { backend: "wasm", host: "Node" },
];

describe.each(routes)("$backend in $host", ({ backend, host }) => {
  const run = (subject: Subject, count = 20): Promise<CheckReport> => {
    const request: CheckRequest = { backend, subjects: [subject], batchSize: 2, steps: count };
    return host === "Node" ? check(request) : checkIn(browser, request);
  };

  const expectPass = (report: CheckReport): void => {
    expect(report.rows.filter(({ verdict }) => verdict === "mismatch")).toEqual([]);
    expect(report).toMatchObject({ backend, pass: true, binaryExact: true });
    expect(report.host).toMatch(host);
    expect(report.adapter.kind).toMatch(backend === "wasm" ? /^cpu$/ : /^(gpu|software)$/);
    const lacks = backend === "wasm" ? [/^tfjs's wasm backend has no kernel Conv2DBackpropFilter: \d+ tensors/] : [];
    expect(report.unsupported).toEqual(lacks.map((text) => expect.stringMatching(text)));
  };

  it("agrees in every operation and every quantizer's maps", { timeout: 600_000 }, async () => {
    const report = await run({ kind: "operations" });
    expectPass(report);
    const subjects = new Set(report.rows.map(({ subject }) => subject));
    const expected = [
      ...quantizerNames.map((name) => `quantizer ${name}`),
      ...operationCases().map(({ name }) => name),
    ];
    expect([...subjects].sort()).toEqual(expected.sort());
  });

  it.each(modelNames)(
    "agrees in two steps of %s, its packed file and its first losses",
    { timeout: 900_000 },
    async (name) => {
      const inputShape = shapes[name] as readonly number[];
      const report = await run({ kind: "model", name, inputShape }, steps[name]);
      // tfjs's wasm trains no convolution, and lacks nothing for a perceptron.
      if (backend === "wasm" && name === "mlp") expect(report).toMatchObject({ pass: true, unsupported: [] });
      else expectPass(report);
      const quantities = new Set(report.rows.map(({ quantity }) => quantity));
      const all = ["value", "loss", "gradient", "update", "statistics", "packed logits", "loss curve"];
      expect([...quantities].sort()).toEqual(all.sort());
    },
  );
});
