/** Starts in headless Chromium: a browser of its own for each, the sources bundled as a user would. */
import { fileURLToPath } from "node:url";
import { openPage, startChromium } from "../../test/browser/chromium.ts";
import { bundle, serve } from "../../test/browser/site.ts";
import type { Context } from "../frame/benchmark.ts";
import type { Start } from "./benchmark.ts";

/** What comes back starts once. The page and the model are there before the clock runs; the core is not. */
export async function chromiumStarts(
  context: Context,
  packed: Uint8Array,
  imageSize: number,
): Promise<() => Promise<Start>> {
  const site = await bundle("start", fileURLToPath(new URL("./page", import.meta.url)));
  context.atEnd(site.remove);
  const server = await serve(site.folder, false);
  context.atEnd(server.close);
  return async () => {
    const browser = await startChromium();
    try {
      const complaints: string[] = [];
      const page = await openPage(browser, `${server.address}/start.html`, complaints);
      await page.waitForFunction(() => window.start !== undefined);
      const measured = await page.evaluate(([model, size]) => window.start(model, size), [
        [...packed],
        imageSize,
      ] as const);
      if (complaints.length > 0) throw new Error(`the page complains: ${complaints.join("; ")}`);
      return measured;
    } finally {
      await browser.close();
    }
  };
}
