/** Trials in Chromium: the tab is crashed, and another one of the same origin goes on from IndexedDB. */
import type { Browser, Page } from "playwright-core";
import { PATIENCE_MS } from "../../ts/chromium/chromium.ts";
import { findModule, ownAddress } from "../../ts/chromium/modules.ts";
import { startServer } from "../../ts/chromium/server.ts";
import type { RandomStream } from "../../ts/nn/random.ts";
import { PAUSE, type Trial } from "./trials.ts";
import { type Setting, trainTortured } from "./work.ts";

/** The work as a page can run it: the text of a function that stands alone, and the modules that the page is served. */
const source = (name: string, setting: Setting, every: number, pause: number): string => `(async () => {
  const library = await import(${JSON.stringify(ownAddress("index"))});
  const train = ${trainTortured.toString()};
  const checkpoint = { to: ${JSON.stringify(name)}, every: { steps: ${every} } };
  const told = (step) => { document.title = "step " + step; };
  return [...(await train(library, checkpoint, ${JSON.stringify(setting)}, ${pause}, told))];
})()`;

/** Milliseconds behind each step of a run that is crashed, so that it is there when the crash comes. */
const SLOW = 50;
/** A crash comes behind one of so many first steps. Three such runs leave steps for the last one. */
const FIRST = 20;

/** Crashes the tab some time behind the step of number `step` of its run. */
async function crashBehind(page: Page, step: number, milliseconds: number): Promise<void> {
  const isBehind = (wanted: number): boolean =>
    /^step \d+$/.test(document.title) && Number(document.title.slice(5)) >= wanted;
  await page.waitForFunction(isBehind, step, { polling: 5 });
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  await crash(page);
}

/** Crashes the tab of `page`, as a lack of memory does. It rejects where the page has gone already. */
async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  // It never answers.
  await session.send("Page.crash");
}

/** One trial against the bytes of a whole run in Node. */
export async function torturePage(
  browser: Browser,
  random: RandomStream,
  whole: { readonly bytes: Uint8Array },
): Promise<Trial> {
  const server = await startServer(findModule, true);
  const context = await browser.newContext();
  const ends: string[] = [];
  try {
    const every = 1 + random.below(8);
    let kills = 1 + random.below(3);
    for (let runs = 1; ; runs++) {
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      await page.goto(server.address);
      const setting = { workers: 1 + random.below(3), variant: undefined };
      const crashed = new Promise<null>((resolve) => page.once("crash", () => resolve(null)));
      const isKilled = kills-- > 0;
      const work = page.evaluate(source("run", setting, every, isKilled ? SLOW : PAUSE)) as Promise<number[]>;
      // It rejects where the page has gone already.
      if (isKilled) crashBehind(page, random.below(FIRST), random.below(SLOW)).catch(() => undefined);
      const bytes = await Promise.race([work, crashed]);
      if (bytes !== null) {
        const isSame = Buffer.compare(Uint8Array.from(bytes), whole.bytes) === 0;
        return { kind: "page", isSame, runs, ends, why: isSame ? "" : "other bytes" };
      }
      ends.push("crash");
      await page.close().catch(() => undefined);
    }
  } finally {
    await context.close();
    await server.close();
  }
}
