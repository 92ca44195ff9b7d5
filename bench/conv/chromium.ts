/** The convolution benchmark in headless Chromium: the same sources in a page, bundled as a user would. */
import { fileURLToPath } from "node:url";
import { openPage, startChromium } from "../../test/browser/chromium.ts";
import { bundle, serve } from "../../test/browser/site.ts";
import type { Context } from "../frame/benchmark.ts";
import type { Pace } from "../frame/race.ts";
import { ownVersion } from "../frame/version.ts";
import type { Measured } from "./measure.ts";

/** Opens the page; what comes back measures one shape there. Everything ends with the benchmark. */
export async function openBenchmarkPage(
  context: Context,
): Promise<(size: number, channels: number, pace: Pace) => Promise<Measured>> {
  const site = await bundle("conv", fileURLToPath(new URL("./page", import.meta.url)));
  context.atEnd(site.remove);
  const server = await serve(site.folder, true);
  context.atEnd(server.close);
  const browser = await startChromium();
  context.atEnd(() => browser.close());
  const complaints: string[] = [];
  const page = await openPage(browser, `${server.address}/conv.html`, complaints);
  await page.exposeFunction("tick", context.tick);
  await page.waitForFunction(() => window.measure !== undefined);
  return async (size, channels, pace) => {
    const measured = await page.evaluate(
      ([height, depth, rounds, version]) => window.measure(height, depth, rounds, version, () => window.tick()),
      [size, channels, pace, ownVersion] as const,
    );
    if (complaints.length > 0) throw new Error(`the page complains: ${complaints.join("; ")}`);
    return measured;
  };
}
