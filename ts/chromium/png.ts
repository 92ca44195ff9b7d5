/** SVG as PNG, drawn by headless Chromium. A rasteriser of our own would lack its fonts and its rounding. */
import { startChromium } from "./chromium.ts";

/** Pixels a unit of the SVG: sharp on a screen of today. */
const DENSITY = 2;

/**
 * The PNG of `svg`, which says its own width and height, on white.
 *
 * @throws ProxbitError "environment" where there is no Chromium.
 */
export async function pngOf(svg: string): Promise<Uint8Array<ArrayBuffer>> {
  const browser = await startChromium("none");
  try {
    const page = await (await browser.newContext({ deviceScaleFactor: DENSITY })).newPage();
    await page.setContent(`<body style="margin:0">${svg}</body>`);
    return new Uint8Array(await page.locator("svg").screenshot());
  } finally {
    await browser.close();
  }
}
