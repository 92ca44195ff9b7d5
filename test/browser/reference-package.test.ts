/** The check as users have it: in a page bundled with its own tfjs, and from the built package. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import { type Graph, layers, sequential } from "../../ts/index.ts";
import type { CheckReport } from "../../ts/reference/index.ts";
import { jsonLines } from "../cli-helpers.ts";
import { withFolder } from "../io-helpers.ts";
import { bundle, serve } from "./site.ts";

const root = join(import.meta.dirname, "../..");

const network: Graph = sequential({ inputShape: [3, 3, 1] }, [
  layers.flatten(),
  layers.binaryDense({ units: 4, weightQuantizer: "bnn", activationQuantizer: "bnn" }),
  layers.dense({ units: 3 }),
]);

const run = (...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> =>
  promisify(execFile)(process.execPath, [...args], { cwd: root });

it("runs in a page that vite has bundled, on the tfjs that the page gives", async () => {
  const site = await bundle("check");
  const server = await serve(site.folder, true);
  const browser = await startChromium("best");
  try {
    expect(site.externals).toEqual([]);
    const complaints: string[] = [];
    const page = await openPage(browser, `${server.address}/check.html`, complaints);
    await page.waitForFunction(() => window.checkOnWebgl !== undefined);
    const { report, backend } = await page.evaluate((graph) => window.checkOnWebgl(graph), network);
    expect(backend).toBe("webgl");
    expect(report).toMatchObject({ backend: "webgl", pass: true, binaryExact: true, unsupported: [] });
    expect(report.host).toBe(`Chromium ${browser.version()}`);
    expect(complaints.filter((complaint) => !complaint.startsWith("console warning"))).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
    site.remove();
  }
});

it("runs in Node from the built package by its name, which loads tfjs only for a check", async () => {
  expect(existsSync(join(root, "dist/reference/index.js")), "dist is missing: run npm run build").toBe(true);
  const loaded = `Object.keys(process.getBuiltinModule("node:module")._cache).some((path) => path.includes("tfjs"))`;
  const source = `import { check } from "proxbit/reference";
    const before = ${loaded};
    const subjects = [{ kind: "graph", graph: ${JSON.stringify(network)} }];
    const report = await check({ backend: "cpu", subjects, batchSize: 2, steps: 2 });
    console.log(JSON.stringify({ before, after: ${loaded}, report }));`;
  const { stdout, stderr } = await run("--input-type=module", "--eval", source);
  const { report, ...facts } = JSON.parse(stdout) as { readonly report: CheckReport };
  expect({ ...facts, stderr }).toEqual({ before: false, after: true, stderr: "" });
  expect(report).toMatchObject({
    backend: "cpu",
    host: `Node ${process.versions.node}`,
    pass: true,
    binaryExact: true,
  });
});

it("runs in Chromium from the built package", () =>
  withFolder(async (folder) => {
    const module = join(folder, "network.mjs");
    await writeFile(module, `export default ${JSON.stringify(network)};`);
    const options = ["--backend", "webgl", "--batch-size", "2", "--steps", "2", "--json"];
    const { stdout, stderr } = await run(join(root, "dist/cli/main.js"), "check", module, ...options);
    expect(stderr).toBe("");
    const lines = jsonLines(stdout);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.at(-1)).toMatchObject({ type: "result", backend: "webgl", pass: true, binaryExact: true });
    expect(lines.at(-1)?.host).toMatch(/^Chromium \d/);
  }));
