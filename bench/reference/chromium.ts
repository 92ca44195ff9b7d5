/**
 * The same races in a page of headless Chromium, on a graphics card where there is one. Our sources are bundled as
 * users do it.
 */
import { fileURLToPath } from "node:url";
import { bundle, serve } from "../../test/browser/site.ts";
import { openPage, startChromium } from "../../ts/chromium/chromium.ts";
import type { Context } from "../frame/benchmark.ts";
import type { measure } from "./measure.ts";

/** `measure`, in a page. Everything ends with the benchmark. */
export async function measureInChromium(context: Context): Promise<typeof measure> {
  const browser = await startChromium("best");
  context.atEnd(() => browser.close());
  const site = await bundle("reference", fileURLToPath(new URL("./page", import.meta.url)));
  context.atEnd(site.remove);
  const server = await serve(site.folder, true);
  context.atEnd(server.close);
  const complaints: string[] = [];
  const page = await openPage(browser, `${server.address}/reference.html`, complaints);
  await page.exposeFunction("tick", context.tick);
  await page.waitForFunction(() => window.measureSteps !== undefined);
  return (task) => page.evaluate((given) => window.measureSteps(given, () => window.tick()), task);
}
