/** tfjs's backends in a page, and our own modules, which are served to it without a bundler. */
import { execFile } from "node:child_process";
import { get } from "node:http";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import { findModule, ownAddress } from "../../ts/chromium/modules.ts";
import { type Server, startServer } from "../../ts/chromium/server.ts";
import { type Graph, optimizers, Trainer } from "../../ts/index.ts";
import type { StartedBackend } from "../../ts/reference/backends.ts";
import type { BackendName } from "../../ts/reference/report.ts";
import { convolve, convolveByDefinition, image, kernel } from "../reference-convolution.ts";
import { network } from "./network.ts";

type Backends = typeof import("../../ts/reference/backends.ts");
type Library = Pick<typeof import("../../ts/index.ts"), "optimizers" | "Trainer">;

// These run in pages too, which are given their source: they use nothing but their arguments.

/** Starts a backend, and keeps tfjs where `convolve` will find it. */
async function start({ startBackend }: Backends, name: BackendName): Promise<Omit<StartedBackend, "tf">> {
  const { tf, ...started } = await startBackend(name);
  Object.assign(globalThis, { tf });
  return started;
}

/** The failure of a backend's start, as its code and its message. */
async function refusal({ startBackend }: Backends, name: BackendName, flags: Record<string, boolean>): Promise<string> {
  const { tf } = await startBackend("cpu");
  tf.env().setFlags(flags);
  return startBackend(name).then(
    () => "it has started",
    (error) => `${error.code} ${error.message}`,
  );
}

/** The losses of an epoch on made-up images, and on how many workers. */
async function train(
  { optimizers, Trainer }: Library,
  graph: Graph,
  workers: number,
): Promise<{ readonly losses: readonly number[]; readonly workers: number }> {
  const split = {
    count: 64,
    images: Uint8Array.from({ length: 64 * 64 }, (_, at) => (at * 7919) % 251),
    labels: Uint8Array.from({ length: 64 }, (_, at) => at % 4),
    shape: [8, 8, 1],
    scale: 1 / 127.5,
    offset: -1,
  } as const;
  const data = { name: "made up", classes: ["0", "1", "2", "3"], train: split, test: split };
  const trainer = await Trainer.create(graph, { optimizer: optimizers.adam({}), workers, seed: 7 });
  const losses: number[] = [];
  for await (const event of trainer.fit(data, { epochs: 1, batchSize: 16 })) {
    if (event.type === "step") losses.push(event.loss);
  }
  const used = trainer.workers;
  trainer.close();
  return { losses, workers: used };
}

/** Calls `run` in the page, with the module of ours at `path` and the values. */
function call<Module, Values extends readonly unknown[], Result>(
  page: Page,
  path: string,
  run: (module: Module, ...values: Values) => Promise<Result>,
  ...values: Values
): Promise<Result> {
  const given = values.map((value) => `, ${JSON.stringify(value)}`).join("");
  return page.evaluate<Result>(`import("${ownAddress(path)}").then((module) => (${run})(module${given}))`);
}

let browser: Browser;
let server: Server;

beforeAll(async () => {
  browser = await startChromium("best");
  server = await startServer(findModule, true);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

it("a page's errors and warnings are complaints, and what it tells is none", async () => {
  const complaints: string[] = [];
  const page = await openPage(browser, server.address, complaints);
  await page.evaluate(`console.log("a"); console.info("b"); console.warn("c"); console.error("d");`);
  await page.context().close();
  expect(complaints).toEqual(["console warning: c", "console error: d"]);
});

describe("a page", () => {
  const complaints: string[] = [];
  let page: Page;

  beforeAll(async () => {
    page = await openPage(browser, server.address, complaints);
  });

  afterAll(() => page?.context().close());

  it.each(["webgl", "webgpu", "wasm", "cpu", "webgl"] as const)("calculates exactly on %s", async (backend) => {
    const { adapter, version, host } = await call(page, "reference/backends", start, backend);
    const calculated = page.evaluate(
      `(${convolve})(globalThis.tf, ${JSON.stringify(image)}, ${JSON.stringify(kernel)})`,
    );
    expect(await calculated).toEqual(convolveByDefinition());
    expect([version, host]).toEqual(["4.22.0", `Chromium ${browser.version()}`]);
    if (backend === "cpu") expect(adapter).toEqual({ name: "JavaScript", kind: "cpu" });
    else if (backend === "wasm") expect(adapter).toEqual({ name: "WebAssembly SIMD", kind: "cpu" });
    else expect(adapter.kind).toBe(/swiftshader|llvmpipe/i.test(adapter.name) ? "software" : "gpu");
  });

  it("trains on two workers to the losses of Node", async () => {
    const found = await call(page, "index", train, network, 2);
    expect(found.workers).toBe(2);
    expect(found.losses).toEqual((await train({ optimizers, Trainer }, network, 1)).losses);
    expect(found.losses.length).toBe(4);
  });

  it("has complained of nothing", () => {
    expect(complaints.filter((complaint) => !complaint.startsWith("console warning"))).toEqual([]);
  });

  it("is refused WebGL of 16-bit floats", async () => {
    const other = await openPage(browser, server.address, []);
    const said = await call(other, "reference/backends", refusal, "webgl", { WEBGL_FORCE_F16_TEXTURES: true });
    expect(said).toMatch(/^environment WebGL calculates in 16-bit floats/);
    await other.context().close();
  });

  it("says that it has no WebGL", async () => {
    const other = await openPage(browser, server.address, []);
    await other.evaluate(() => {
      OffscreenCanvas.prototype.getContext = () => null;
      HTMLCanvasElement.prototype.getContext = () => null;
    });
    expect(await call(other, "reference/backends", refusal, "webgl", {})).toBe("environment this page has no WebGL");
    await other.context().close();
  });

  it("says that a browser without graphics has no WebGPU", async () => {
    const plain = await startChromium("none");
    try {
      const other = await openPage(plain, server.address, []);
      const said = await call(other, "reference/backends", refusal, "webgpu", {});
      expect(said).toMatch(/^environment (WebGPU offers no adapter|this page has no WebGPU)/);
    } finally {
      await plain.close();
    }
  });
});

describe("the server of modules", () => {
  it.each([
    "/proxbit/../package.json",
    "/proxbit/../../package.json",
    "/packages/vite/package.json",
    "/packages/vite/dist/node/index.js",
    "/packages/comlink/../vite/dist/node/index.js",
    "/packages/comlink/package.json",
    "/elsewher/comlink/dist/esm/comlink.mjs",
    "/etc/passwd",
    "/proxbit/no-such-module.ts",
  ])("does not serve %s", async (path) => {
    expect(findModule(path)).toBeUndefined();
    expect((await fetch(`${server.address}${path}`)).status).toBe(404);
  });

  it.each(["//", "/%", "http://["])("answers a request for %j as malformed, and goes on", async (path) => {
    const { port } = new URL(server.address);
    const status = await new Promise((resolve, reject) => {
      get({ host: "127.0.0.1", port, path }, (response) => resolve(response.resume().statusCode)).on("error", reject);
    });
    expect(status).toBe(400);
    expect((await fetch(server.address)).status).toBe(200);
  });

  it("takes types off without a word of Node's on standard error", async () => {
    const module = JSON.stringify(new URL("../../ts/chromium/modules.ts", import.meta.url).href);
    const source = `import { findModule, ownAddress } from ${module};
      console.log(findModule(ownAddress("base/errors")).includes("interface"));
      process.emitWarning("another");`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", source]);
    expect(stdout).toBe("false\n");
    expect(stderr).not.toContain("Experimental");
    expect(stderr).toContain("another");
  });

  it("serves modules without types, with addresses for names", async () => {
    const answer = await fetch(`${server.address}${ownAddress("runtime/start-pool")}`);
    expect(answer.headers.get("content-type")).toContain("text/javascript");
    expect(answer.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    const source = await answer.text();
    expect(source).toContain('from "/packages/comlink/dist/esm/comlink.mjs"');
    expect(source).not.toContain("interface");
  });
});
