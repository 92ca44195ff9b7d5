/** Trials in Chromium: the tab is crashed, and another one of the same origin goes on from IndexedDB. */
import type { Browser, Page } from "playwright-core";
import { findModule, ownAddress } from "../../ts/chromium/modules.ts";
import { startServer } from "../../ts/chromium/server.ts";
import type { RandomStream } from "../../ts/nn/random.ts";
import { PAUSE, type Trial } from "./trials.ts";
import { type Setting, trainTortured } from "./work.ts";

/** The work as a page can run it: the text of a function that stands alone, and the modules that the page is served. */
const source = (name: string, setting: Setting, every: number): string => `(async () => {
  const library = await import(${JSON.stringify(ownAddress("index"))});
  const train = ${trainTortured.toString()};
  const checkpoint = { to: ${JSON.stringify(name)}, every: { steps: ${every} } };
  const told = (step) => { document.title = "step " + step; };
  return [...(await train(library, checkpoint, ${JSON.stringify(setting)}, ${PAUSE}, told))];
})()`;

/** Crashes the tab of `page`, as a lack of memory does. It rejects where the page has gone already. */
async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  // It never answers.
  await session.send("Page.crash");
}

/** One trial against the bytes of a whole run that took `milliseconds` in Node. */
export async function torturePage(
  browser: Browser,
  random: RandomStream,
  whole: { readonly bytes: Uint8Array; readonly milliseconds: number },
): Promise<Trial> {
  const server = await startServer(findModule, true);
  const context = await browser.newContext();
  const ends: string[] = [];
  try {
    const every = 1 + random.below(8);
    let kills = 1 + random.below(3);
    for (let runs = 1; ; runs++) {
      const page = await context.newPage();
      await page.goto(server.address);
      const setting = { workers: 1 + random.below(3), variant: undefined };
      const crashed = new Promise<null>((resolve) => page.once("crash", () => resolve(null)));
      const work = page.evaluate(source("run", setting, every)) as Promise<number[]>;
      const began = page.waitForFunction(() => document.title.startsWith("step")).catch(() => undefined);
      // A run whose last step was made before has no first one.
      await Promise.race([began, work, crashed]);
      if (kills-- > 0)
        setTimeout(() => crash(page).catch(() => undefined), random.below(Math.ceil(whole.milliseconds)));
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
