/** The convolution benchmark in headless Chromium: the same sources in a page, bundled as a user would. */
import { fileURLToPath } from "node:url";
import { bundle, serve } from "../../test/browser/site.ts";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import type { Context } from "../frame/benchmark.ts";
import type { measure } from "./measure.ts";

export interface BenchmarkPage {
  /** The browser's name and version. */
  readonly browser: string;
  /** `measure`, in the page. */
  readonly measureThere: typeof measure;
}

/** Opens the page. Everything ends with the benchmark. */
export async function openBenchmarkPage(context: Context): Promise<BenchmarkPage> {
  const site = await bundle("conv", fileURLToPath(new URL("./page", import.meta.url)));
  context.atEnd(site.remove);
  const server = await serve(site.folder, true);
  context.atEnd(server.close);
  const browser = await startChromium("none");
  context.atEnd(() => browser.close());
  const complaints: string[] = [];
  const page = await openPage(browser, `${server.address}/conv.html`, complaints);
  await page.exposeFunction("tick", context.tick);
  await page.waitForFunction(() => window.measure !== undefined);
  return {
    browser: `Chromium ${browser.version()}, headless`,
    measureThere: async (size, channels, pace, version) => {
      const measured = await page.evaluate(
        ([height, depth, rounds, name]) => window.measure(height, depth, rounds, name, () => window.tick()),
        [size, channels, pace, version] as const,
      );
      if (complaints.length > 0) throw new Error(`the page complains: ${complaints.join("; ")}`);
      return measured;
    },
  };
}
