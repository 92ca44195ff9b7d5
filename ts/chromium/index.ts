/** Headless Chromium: checks in it, and pictures by it. */
export { type BrowserCheckOptions, checkInChromium } from "./check-in-chromium.ts";
export { pngOf } from "./png.ts";
