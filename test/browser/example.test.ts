/** The page of examples/web-worker, in Chromium: a stroke is classified by its worker, with the model that lies beside the page. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import { layers, sequential } from "../../ts/index.ts";
import { encodeModel } from "../../ts/io/model-file.ts";
import { bundle, serve } from "./site.ts";

const PIXELS = 28 * 28;

/** Says "drawn" where a pixel is brighter than -1, else "empty". */
function model(): Uint8Array {
  const graph = sequential({ inputShape: [28, 28, 1] }, [layers.flatten(), layers.dense({ units: 2, name: "scores" })]);
  const parameters = new Map([
    ["scores/kernel", Float32Array.from({ length: 2 * PIXELS }, (_, i) => i % 2)],
    ["scores/bias", Float32Array.of(0, PIXELS - 1)],
  ]);
  const metadata = { inputScale: String(2 / 255), inputOffset: "-1", classes: JSON.stringify(["empty", "drawn"]) };
  return encodeModel({ graph, parameters, metadata });
}

it("names what is drawn, stroke by stroke, and forgets it", async () => {
  const site = await bundle("index", fileURLToPath(new URL("../../examples/web-worker", import.meta.url)));
  writeFileSync(join(site.folder, "digits.safetensors"), model());
  const server = await serve(site.folder, false);
  const browser = await startChromium("none");
  const complaints: string[] = [];
  try {
    const page = await openPage(browser, `${server.address}/index.html`, complaints);
    const said = (text: RegExp) => page.locator("output", { hasText: text }).waitFor();
    const canvas = (await page.locator("canvas").boundingBox()) ?? { x: 0, y: 0 };
    await page.mouse.click(canvas.x + 50, canvas.y + 50);
    await said(/^empty, /);
    await page.mouse.move(canvas.x + 50, canvas.y + 50);
    await page.mouse.down();
    await page.mouse.move(canvas.x + 90, canvas.y + 150, { steps: 9 });
    await page.mouse.up();
    await said(/^drawn, 100 %/);
    await page.locator("button").click();
    await said(/^nothing yet/);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
    site.remove();
  }
});
