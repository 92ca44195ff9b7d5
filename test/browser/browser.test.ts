/**
 * The same sources in a real browser, bundled as users do it. Every build of the kernels agrees with its definition.
 * Training and inference give the bits that Node gives, with shared memory and two workers, and without.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import type { Server } from "../../ts/chromium/server.ts";
import type { Variant } from "../../ts/runtime/variants.ts";
import type { PropertyResult } from "../kernels/property.ts";
import { runKernelSuite } from "../kernels/suite.ts";
import { longestTask } from "./longest-task.ts";
import { type Bundle, bundle, serve } from "./site.ts";
import { infer, type NetworkName, networkNames, type Trained, train } from "./work.ts";

/** The results of the same work in Node, by one worker. */
let kernels: readonly PropertyResult[];
const trained = new Map<NetworkName, Trained>();
const logits = new Map<NetworkName, Record<string, number[]>>();
let site: Bundle;
let browser: Browser;

beforeAll(async () => {
  browser = await startChromium("none");
  site = await bundle("all");
  kernels = await runKernelSuite("plain");
  for (const name of networkNames) {
    const result = await train(name, 1);
    trained.set(name, result);
    logits.set(name, await infer(result.packed));
  }
});

afterAll(async () => {
  await browser?.close();
  site?.remove();
});

interface Setting {
  readonly title: string;
  readonly isolated: boolean;
  readonly variants: readonly Variant[];
  readonly workers: number;
}

const settings: readonly Setting[] = [
  {
    title: "a cross-origin-isolated page",
    isolated: true,
    variants: ["plain", "relaxed", "plain-shared", "relaxed-shared"],
    workers: 2,
  },
  { title: "a page that is not isolated", isolated: false, variants: ["plain", "relaxed"], workers: 1 },
];

describe.each(settings)("$title", ({ isolated, variants, workers }) => {
  const complaints: string[] = [];
  let server: Server;
  let page: Page;

  beforeAll(async () => {
    server = await serve(site.folder, isolated);
    page = await openPage(browser, `${server.address}/all.html`, complaints);
    await page.waitForFunction(() => window.proxbit !== undefined);
  });

  afterAll(async () => {
    await page?.context().close();
    await server?.close();
  });

  it("is isolated or not, as served", async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
  });

  it.each(variants)("runs the kernels' suite on %s with the bits of Node", async (variant) => {
    const found = await page.evaluate((name) => window.proxbit.runKernelSuite(name), variant);
    expect(found.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`))).toEqual([]);
    expect(found).toEqual(kernels);
  });

  it.each(networkNames)("trains and packs %s to the bytes of Node", async (name) => {
    const found = await page.evaluate((network) => window.proxbit.train(network, 2), name);
    const expected = trained.get(name);
    expect([found.workers, found.variant]).toEqual([workers, isolated ? "relaxed-shared" : "relaxed"]);
    expect(found.losses).toEqual(expected?.losses);
    expect(found.accuracy).toBe(expected?.accuracy);
    expect(found.packed).toEqual(expected?.packed);
  });

  it.each(networkNames)("runs the packed %s to the logits of Node", async (name) => {
    const packed = trained.get(name)?.packed ?? [];
    expect(await page.evaluate((bytes) => window.proxbit.infer(bytes), packed)).toEqual(logits.get(name));
  });

  it.each(networkNames)("runs the packed %s on two workers where they can share memory", async (name) => {
    const packed = trained.get(name)?.packed ?? [];
    const found = await page.evaluate((bytes) => window.proxbit.inferParallel(bytes), packed);
    const wanted = logits.get(name)?.lookup;
    expect(found).toEqual(isolated ? [wanted, wanted] : "environment");
  });

  it("stays responsive while it trains", async () => {
    // Cold code takes longer, but hardly three runs in a row. A busy page would have a long task every time.
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3 && least >= 100; attempt++) {
      const work = page.evaluate((count) => window.proxbit.trainFor(count, 1200), workers);
      least = Math.min(least, await longestTask(browser, page, work));
    }
    expect(least).toBeLessThan(100);
  });

  it("has nothing to complain about", () => {
    expect(complaints).toEqual([]);
  });
});

describe("what Node made", () => {
  it.each(networkNames)("%s has learned, so that equal bytes mean something", (name) => {
    const { losses, accuracy } = trained.get(name) as Trained;
    expect(losses).toHaveLength(8 * 17);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
    expect(accuracy).toBeGreaterThan(0.9);
  });

  it.each(networkNames)("%s has the same logits with every kernel", (name) => {
    const { lookup, popcnt8, popcnt64 } = logits.get(name) as Record<string, number[]>;
    expect(popcnt8).toEqual(lookup);
    expect(popcnt64).toEqual(lookup);
  });
});

describe("the bundle of a page", () => {
  it("gives vite nothing to warn about and leaves nothing outside", () => {
    expect(site.warnings).toEqual([]);
    expect(site.externals).toEqual([]);
  });

  it("has its worker, and what a first run does not need, in files of their own, imports nothing of Node, and carries no source as data", () => {
    const later = ["classify", "decode", "explain", "jpeg", "lib", "other", "parallel", "profile", "worker"];
    const own = ["all", ...later];
    expect([...site.scripts.keys()]).toEqual(expect.arrayContaining(own));
    // Further files, whose names the bundler chooses, hold what several share.
    for (const name of [...site.scripts.keys()].filter((file) => !own.includes(file))) {
      const importers = [...site.scripts.values()].filter((text) => text.includes(`./${name}-`));
      expect(importers.length, name).toBeGreaterThan(1);
    }
    const scripts = [...site.scripts.values()].join("\n");
    expect(scripts.match(/(?:\bfrom|\bimport\(?|\brequire\()\s*["'](?:node:|\.\.)[^"']*/g)).toBeNull();
    expect(scripts.match(/["'`]data:[^"'`]{0,40}/g)).toBeNull();
  });

  it("holds, for inference alone, neither trainer nor tfjs nor anything of Node, and runs a model", async () => {
    const lean = await bundle("inference");
    const server = await serve(lean.folder, false);
    const complaints: string[] = [];
    try {
      expect(lean.modules.some((id) => id.endsWith("ts/inference/session.ts"))).toBe(true);
      const unwanted = /\/ts\/(train|reference|cli|playground)\/|tensorflow|comlink|worker|node:|browser-external/;
      expect(lean.modules.filter((id) => unwanted.test(id))).toEqual([]);
      expect(lean.externals).toEqual([]);
      expect(lean.warnings).toEqual([]);

      const page = await openPage(browser, `${server.address}/inference.html`, complaints);
      await page.waitForFunction(() => window.runPacked !== undefined);
      const images = Array.from({ length: 2 * 144 }, (_, i) => (i * 37) % 256);
      const { packed } = trained.get("chain") as Trained;
      const { load } = await import("../../ts/inference/index.ts");
      const expected = [...(await load(Uint8Array.from(packed))).run(Uint8Array.from(images), { count: 2 })];
      const found = await page.evaluate((given) => window.runPacked(given.packed, given.images), { packed, images });
      expect(found).toEqual({ logits: expected, variant: "relaxed" });
      expect(complaints).toEqual([]);
      await page.context().close();
    } finally {
      await server.close();
      lean.remove();
    }
  });
});
