/** Pictures of a page, in Chromium: every way in which a page holds one gives the same class. */
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import { layers, sequential } from "../../ts/index.ts";
import { encodeModel } from "../../ts/io/model-file.ts";
import { pngFile } from "../image-files.ts";
import { type Bundle, bundle, serve } from "./site.ts";

let browser: Browser;
let site: Bundle;

beforeAll(async () => {
  browser = await startChromium("none");
  site = await bundle("classify");
});

afterAll(async () => {
  await browser?.close();
  site?.remove();
});

/** The logits are the means of red, green and blue. */
function model(): Uint8Array {
  const graph = sequential({ inputShape: [4, 4, 3] }, [
    layers.globalAvgPool2d(),
    layers.dense({ units: 3, useBias: false, name: "scores" }),
  ]);
  const kernel = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  const metadata = { inputScale: "1", inputOffset: "0", classes: JSON.stringify(["red", "green", "blue"]) };
  return encodeModel({ graph, parameters: new Map([["scores/kernel", kernel]]), metadata });
}

/** Does `work` in a page that has loaded the classifiers; it must complain of nothing. */
async function inPage<T>(work: (page: Page) => Promise<T>): Promise<T> {
  const server = await serve(site.folder, false);
  const complaints: string[] = [];
  try {
    const page = await openPage(browser, `${server.address}/classify.html`, complaints);
    await page.waitForFunction(() => window.classifyAll !== undefined);
    const result = await work(page);
    expect(complaints).toEqual([]);
    await page.context().close();
    return result;
  } finally {
    await server.close();
  }
}

it("classifies what a page can hold, and refuses what is short or not loaded", async () => {
  const png = pngFile(20, 12, {}, () => [30, 200, 40]);
  const jpeg = await sharp(png).jpeg().toBuffer();
  const files = { model: [...model()], png: [...png], jpeg: [...jpeg] };
  const answers = await inPage((page) => page.evaluate((given) => window.classifyAll(given), files));
  const ways = ["bitmap", "canvas", "offscreen", "frame", "blob", "bytes", "jpeg", "pixels", "element"];
  expect(answers).toEqual({
    ...Object.fromEntries(ways.map((way) => [way, "green"])),
    ...{ short: "image", shortJpeg: "image", unloaded: "image" },
  });
});

it("classifies the frame that a video shows, and refuses a video that shows none", async () => {
  const files = { model: [...model()] };
  const answers = await inPage((page) => page.evaluate((given) => window.classifyVideo(given), files));
  expect(answers).toEqual(["image", "image", "green", "blue"]);
});
