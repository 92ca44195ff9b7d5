/**
 * Pages that have the package in another place than usual: on another origin, in one file, under a strict policy. They
 * train the weights of Node where they can, and say the real cause where they cannot.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from "vitest";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import { findModule } from "../../ts/chromium/modules.ts";
import { layers, sequential, Trainer } from "../../ts/index.ts";
import { load } from "../../ts/inference/index.ts";

const dist = join(import.meta.dirname, "../../dist");
const graph = sequential({ inputShape: [6] }, [
  layers.binaryDense({ units: 8, weightQuantizer: "bnn", activationQuantizer: null }),
  layers.batchNorm(),
  layers.dense({ units: 3 }),
]);
const image = [1, -2, 3, -4, 5, -6];
const types = { js: "text/javascript", ts: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };

interface Site {
  readonly address: string;
  readonly paths: string[];
  readonly close: () => void;
}

const sites: Site[] = [];

/** Serves the sources, and the one file that has all, under these headers. */
async function serve(headers: Readonly<Record<string, string>>): Promise<Site> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    paths.push(path);
    const name = /^\/((?:inference\/)?inline\.js)$/.exec(path)?.[1];
    const body = name === undefined ? findModule(path) : readFileSync(join(dist, name));
    const type = types[path.replace(/.*\./, "") as keyof typeof types] ?? "text/html";
    response.writeHead(body === undefined ? 404 : 200, { "Content-Type": type, ...headers }).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const site = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  sites.push(site);
  return site;
}

const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const forOthers = {
  "Access-Control-Allow-Origin": "*",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

interface Outcome {
  readonly packed?: readonly number[];
  readonly logits?: readonly number[];
  readonly workers?: number;
  readonly error?: { readonly code: string; readonly message: string; readonly remedy: string };
}

let browser: Browser;
let expected: Outcome;

beforeAll(async () => {
  expect(existsSync(join(dist, "inline.js")), "dist is missing: run npm run build").toBe(true);
  browser = await startChromium("none");
  const trainer = await Trainer.create(graph, { workers: 1, seed: 3 });
  const packed = await trainer.pack();
  trainer.close();
  expected = { packed: [...packed], logits: [...(await load(packed)).run(Float32Array.from(image))] };
});

afterEach(() => {
  for (const site of sites.splice(0)) site.close();
});

afterAll(async () => {
  await browser?.close();
});

/** Opens the page of `site`, which imports its entries from elsewhere, trains nothing, packs, and runs the file. */
async function work(site: Site, training: string, inference: string): Promise<Outcome> {
  const page = await openPage(browser, `${site.address}/`, []);
  try {
    return await page.evaluate(`(async () => {
      try {
        const [{ Trainer }, { load }] = [await import("${training}"), await import("${inference}")];
        const trainer = await Trainer.create(${JSON.stringify(graph)}, { workers: 2, seed: 3 });
        const packed = await trainer.pack();
        const { workers } = trainer;
        trainer.close();
        const session = await load(packed);
        return { packed: [...packed], logits: [...session.run(Float32Array.from(${JSON.stringify(image)}))], workers };
      } catch (error) {
        return { error: { code: error.code, message: error.message, remedy: error.remedy } };
      }
    })()`);
  } finally {
    await page.context().close();
  }
}

const sources = (site: Site): [training: string, inference: string] => [
  `${site.address}/proxbit/index.ts`,
  `${site.address}/proxbit/inference/index.ts`,
];

describe.each([
  ["an isolated page", isolated, 2],
  ["a page that is not isolated", {}, 1],
] as const)("%s", (_, headers, workers) => {
  it("has the package on another origin", async () => {
    const [page, library] = [await serve(headers), await serve(forOthers)];
    expect(await work(page, ...sources(library))).toEqual({ ...expected, workers });
  });

  it("has it in one file, and asks for no other", async () => {
    const page = await serve(headers);
    expect(await work(page, "/inline.js", "/inline.js")).toEqual({ ...expected, workers });
    expect(page.paths).toEqual(["/", "/inline.js"]);
  });
});

it("a page runs packed models out of one file", async () => {
  const site = await serve({});
  const page = await openPage(browser, `${site.address}/`, []);
  const logits = await page.evaluate(`(async () => {
    const { load } = await import("/inference/inline.js");
    const session = await load(Uint8Array.from(${JSON.stringify(expected.packed)}));
    return [...session.run(Float32Array.from(${JSON.stringify(image)}))];
  })()`);
  await page.context().close();
  expect(logits).toEqual(expected.logits);
  expect(site.paths).toEqual(["/", "/inference/inline.js"]);
});

test.each([
  ["script-src 'self'", "environment", /Content Security Policy/, /'wasm-unsafe-eval' to script-src/],
  ["script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'", "worker", /by worker-src/, /in worker-src/],
  ["script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'", "worker", /by worker-src/, /`blob:`/],
] as const)("a page under %s is told so", async (policy, code, message, remedy) => {
  const site = await serve({ "Content-Security-Policy": policy });
  const { error } = await work(site, "/inline.js", "/inline.js");
  expect(error).toEqual({ code, message: expect.stringMatching(message), remedy: expect.stringMatching(remedy) });
});
