/** A tab that crashes while it trains: another one goes on from IndexedDB, to the bytes that Node gives without a crash. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { torturePage } from "../../scripts/torture/page.ts";
import { trainTortured } from "../../scripts/torture/work.ts";
import { startChromium } from "../../ts/chromium/chromium.ts";
import { layers, optimizers, schedules, sequential, Trainer } from "../../ts/index.ts";
import { randomStream } from "../../ts/nn/random.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium("none");
});
afterAll(() => browser?.close());

it("costs nothing but time", async () => {
  const library = { Trainer, sequential, layers, optimizers, schedules };
  const setting = { workers: 1, variant: undefined };
  const bytes = await trainTortured(library, undefined, setting, 0, () => {});
  const trial = await torturePage(browser, randomStream(1, "test/page"), { bytes });
  expect(trial).toMatchObject({ isSame: true, why: "" });
  expect(trial.ends).toContain("crash");
});
