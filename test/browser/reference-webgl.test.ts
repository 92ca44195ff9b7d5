import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { checkIn } from "../../ts/chromium/check-in-chromium.ts";
import { startChromium } from "../../ts/chromium/chromium.ts";
import { testRoute } from "../reference-suite.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium("best");
});
afterAll(() => browser?.close());

describe("webgl in Chromium", () => {
  testRoute("webgl in Chromium", (request) => checkIn(browser, request));
});
