/** Headless Chromium: checks in it, and pictures by it. */
export { type BrowserCheckOptions, checkInChromium } from "./check.ts";
export { pngOf } from "./picture.ts";
