/** Starts in headless Chromium, each in a fresh page of one browser. Our sources are bundled as users do it. */
import { fileURLToPath } from "node:url";
import { bundle, serve } from "../../test/browser/site.ts";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import type { Context } from "../frame/benchmark.ts";
import type { Start } from "./benchmark.ts";

/**
 * The result is a function that starts once. The page and the model are there before the clock runs. The core is not,
 * nor in a cache.
 */
export async function chromiumStarts(
  context: Context,
  packed: Uint8Array,
  imageSize: number,
): Promise<() => Promise<Start>> {
  const site = await bundle("start", fileURLToPath(new URL("./page", import.meta.url)));
  context.atEnd(site.remove);
  const server = await serve(site.folder, false);
  context.atEnd(server.close);
  const browser = await startChromium("none");
  context.atEnd(() => browser.close());
  const model = [...packed];
  return async () => {
    const complaints: string[] = [];
    const page = await openPage(browser, `${server.address}/start.html`, complaints);
    try {
      await page.waitForFunction(() => window.start !== undefined);
      const measured = await page.evaluate(([bytes, size]) => window.start(bytes, size), [model, imageSize] as const);
      if (complaints.length > 0) throw new Error(`the page complains: ${complaints.join("; ")}`);
      return measured;
    } finally {
      await page.context().close();
    }
  };
}
