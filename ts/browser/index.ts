/** Checks in headless Chromium. */
export { type BrowserCheckOptions, checkInChromium } from "./check.ts";
