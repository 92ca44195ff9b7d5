/** The core and the script of workers from elsewhere than the package, and errors that name the cause where they fail. */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest";
import { type LoadOptions, load, loadParallel } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { compileCore } from "../ts/runtime/compile-core.ts";
import type { CoreSource } from "../ts/runtime/source.ts";
import { Trainer, type TrainerOptions } from "../ts/train/run/trainer.ts";
import { type OpenServer, openServer } from "./http-server.ts";

const addressOf = (name: string): URL => new URL(`../ts/wasm/${name}/proxbit_wasm_bg.wasm`, import.meta.url);
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(addressOf(name)));
const script = new URL("../ts/runtime/worker.ts", import.meta.url);

const graph = sequential({ inputShape: [6] }, [layers.dense({ units: 3 }), layers.batchNorm()]);
const image = Float32Array.of(1, -2, 3, -4, 5, -6);

let packed: Uint8Array;
let logits: Float32Array;
let server: OpenServer;
let origin: string;

beforeAll(async () => {
  const trainer = await Trainer.create(graph, { workers: 1, seed: 1 });
  packed = await trainer.pack();
  trainer.close();
  logits = (await load(packed)).run(image);
  server = await openServer((request, response) => {
    const [type, body] =
      request.url === "/page"
        ? ["text/html; charset=utf-8", "<!doctype html>"]
        : [request.url === "/typed" ? "application/wasm" : "application/octet-stream", bytesOf("inference-plain")];
    response.writeHead(request.url === "/lost" ? 404 : 200, { "Content-Type": type }).end(body);
  });
  origin = server.origin;
});

afterAll(() => server?.close());

/** Ways to give the inference core of the variant "plain". */
const ways: Readonly<Record<string, () => CoreSource>> = {
  "a module": () => new WebAssembly.Module(bytesOf("inference-plain")),
  "the whole core as a module": () => new WebAssembly.Module(bytesOf("plain")),
  bytes: () => bytesOf("inference-plain"),
  "a buffer": () => bytesOf("inference-plain").buffer,
  "a promise of bytes": async () => bytesOf("inference-plain"),
  "a file's address": () => addressOf("inference-plain"),
  "a file's address as a text": () => addressOf("inference-plain").href,
  "a path": () => addressOf("inference-plain").pathname,
  "an address of a server": () => `${origin}/typed`,
  "a file of unknown type on a server": () => new URL(`${origin}/plain`),
  "a response": () => fetch(`${origin}/typed`),
  "a function of the variant": () => (variant) => addressOf(`inference-${variant}`),
  "a function that promises bytes": () => async (variant) => bytesOf(variant),
};

describe("a source", () => {
  it("may be an address relative to the page, as Turbopack's are", async () => {
    vi.stubGlobal("location", { href: `${origin}/` });
    try {
      const session = await load(packed, { variant: "plain", source: () => ({ href: "/typed" }) });
      expect(session.run(image)).toEqual(logits);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it.each(Object.keys(ways))("may be %s", async (way) => {
    const session = await load(packed, { variant: "plain", source: (ways[way] as () => CoreSource)() });
    expect(session.run(image)).toEqual(logits);
  });

  it("is asked once for a variant where it is a function, and again after it has failed", async () => {
    const source = vi.fn<(variant: string) => Promise<Uint8Array<ArrayBuffer>>>(async (name) => bytesOf(name));
    source.mockRejectedValueOnce(new Error("not yet"));
    await expect(compileCore("plain", source)).rejects.toThrow("not yet");
    expect(await compileCore("plain", source)).toBe(await compileCore("plain", source));
    await compileCore("plain-shared", source);
    expect(source.mock.calls).toEqual([["plain"], ["plain"], ["plain-shared"]]);
  });

  test.each<readonly [string, () => unknown, string, RegExp, RegExp]>([
    ["a number", () => 3, "argument", /load: source must be a WebAssembly.Module, .*, not 3/, /Give source as/],
    ["an object of something else", () => ({}), "argument", /`source` gave no core but/, /Give a WebAssembly.Module/],
    ["a function of nothing", () => () => 1, "argument", /`source` gave no core but 1/, /Give a WebAssembly.Module/],
    ["a file that is not there", () => "/no/such.wasm", "environment", /cannot read .*such\.wasm/, /proxbit\/inline/],
    ["a refusal", () => `${origin}/lost`, "environment", /lost \(status 404\)/, /pass it as `source`/],
    ["HTML of a server", () => `${origin}/page`, "environment", /are HTML .*\/page/, /optimizeDeps: \{ exclude/],
    ["HTML as bytes", () => Buffer.from("<!doctype html>"), "environment", /are HTML/, /optimizeDeps: \{ exclude/],
    ["other bytes", () => Uint8Array.of(1, 2, 3), "environment", /cannot compile .*"plain"/, /this version/],
    [
      "a relative URL of a bundle",
      () => () => new URL("x.wasm", undefined),
      "environment",
      /import\.meta\.url/,
      /inline/,
    ],
  ])("is refused where it is %s", async (_, make, code, message, remedy) => {
    const options = { variant: "plain", source: make() } as LoadOptions;
    await expect(load(packed, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
  });

  test.each([
    "WebAssembly.compile(): Wasm code generation disallowed by embedder",
    "call to WebAssembly.compile() blocked by CSP",
    "Refused to create a WebAssembly object because 'unsafe-eval' or 'wasm-unsafe-eval' is not allowed",
  ])("that a policy forbids to compile is an error that names the policy: %s", async (message) => {
    const spy = vi.spyOn(WebAssembly, "compile").mockRejectedValue(new WebAssembly.CompileError(message));
    try {
      await expect(compileCore("plain", bytesOf("plain"))).rejects.toMatchObject({
        code: "environment",
        message: expect.stringMatching(/Content Security Policy/),
        remedy: expect.stringMatching(/'wasm-unsafe-eval'/),
      });
    } finally {
      spy.mockRestore();
    }
  });
});

describe("workers", () => {
  const module = new WebAssembly.Module(bytesOf("plain-shared"));

  test.each<readonly [string, Partial<TrainerOptions>]>([
    ["a module", { source: module }],
    ["a function", { source: (variant) => addressOf(variant) }],
    ["a script's address", { worker: script }],
    ["a script's address as a text", { worker: script.href }],
    ["a function that starts one", { worker: () => new Worker(script) }],
  ])("train and run alike with %s", async (_, options) => {
    const trainer = await Trainer.create(graph, { workers: 2, seed: 1, variant: "plain-shared", ...options });
    expect(await trainer.pack()).toEqual(packed);
    trainer.close();
    const session = await loadParallel(packed, { workers: 2, variant: "plain-shared", ...options });
    expect(await session.run(image)).toEqual(logits);
    session.close();
  });

  test.each<readonly [string, TrainerOptions, string, RegExp]>([
    ["of another memory", { variant: "plain", source: module }, "argument", /memory that is shared, and .* of its own/],
    [
      "of another memory, too",
      { source: new WebAssembly.Module(bytesOf("plain")) },
      "argument",
      /memory of its own, and/,
    ],
    [
      "that cannot train",
      { variant: "plain", source: addressOf("inference-plain") },
      "argument",
      /only runs packed models.* lacks .*adam_step/,
    ],
    ["that is no core", { source: 1 as unknown as CoreSource }, "argument", /source must be/],
  ])("refuse a core %s", async (_, options, code, message) => {
    await expect(Trainer.create(graph, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test.each<readonly [string, unknown, string, RegExp]>([
    ["a number", 5, "argument", /worker must be the address of a script/],
    ["a function of none", () => 5, "argument", /`worker` returned no worker but 5/],
    ["a script that is not there", "/no/such.js", "worker", /Cannot find module/],
  ])("refuse a script that is %s", async (_, worker, code, message) => {
    await expect(Trainer.create(graph, { worker } as TrainerOptions)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});
