/** Starts in headless Chromium: a fresh page for each in a browser that runs, the sources bundled as a user would. */
import { fileURLToPath } from "node:url";
import { bundle, serve } from "../../test/browser/site.ts";
import { openPage, startChromium } from "../../ts/browser/chromium.ts";
import type { Context } from "../frame/benchmark.ts";
import type { Start } from "./benchmark.ts";

/** What comes back starts once. The page and the model are there before the clock runs; the core is not, nor in a cache. */
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
