/** A tab that crashes while it trains: another one goes on from IndexedDB, to the bytes that Node gives without a crash. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { torturePage } from "../../scripts/torture/page.ts";
import { PAUSE } from "../../scripts/torture/trials.ts";
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
  let began = performance.now();
  const bytes = await trainTortured(library, undefined, setting, PAUSE, (step) => {
    if (step === 0) began = performance.now();
  });
  const milliseconds = (performance.now() - began) / 2;
  const trial = await torturePage(browser, randomStream(1, "test/page"), { bytes, milliseconds });
  expect(trial).toMatchObject({ isSame: true, why: "" });
  expect(trial.ends).toContain("crash");
});
