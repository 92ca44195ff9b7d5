/** A check in a browser leaves no server, no open page and no listener, however it ends. The browser is made up. */
import { getEventListeners } from "node:events";
import type { Browser } from "playwright-core";
import { expect, it } from "vitest";
import { checkIn } from "../../ts/chromium/check-in-chromium.ts";

const report = { kind: "report", report: { pass: true } };
type Ending = readonly [string, () => Promise<unknown>, () => Promise<unknown>, object];
const failing = (): Promise<never> => Promise.reject(new Error("it failed"));
const never = (): Promise<never> => new Promise(() => {});
const open = (): Promise<void> => Promise.resolve();

it.each<Ending>([
  ["answers", open, () => Promise.resolve(report), { pass: true }],
  [
    "fails",
    open,
    failing,
    { code: "environment", message: expect.stringContaining("ended before the check did: it failed") },
  ],
  ["never answers, and its user stops it", open, never, { code: "aborted" }],
  [
    "does not open",
    failing,
    never,
    { code: "environment", message: expect.stringContaining("opens no page: it failed") },
  ],
])("leaves nothing behind where the page %s", async (title, goto, evaluate, wanted) => {
  const controller = new AbortController();
  const { signal } = controller;
  let [address, opened, closed] = ["", 0, 0];
  const context = { newPage: async () => page, close: async () => void closed++ };
  const page = {
    on: () => {},
    setDefaultTimeout: () => {},
    context: () => context,
    exposeFunction: async () => {},
    goto: (given: string) => {
      [address, opened] = [given, opened + 1];
      return goto();
    },
    evaluate: async () => {
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
      expect((await fetch(address)).status).toBe(200);
      if (title.includes("stops it")) controller.abort();
      return evaluate();
    },
  };
  const browser = { newContext: async () => context } as unknown as Browser;
  const ended = await checkIn(browser, { backend: "cpu" }, { signal }).catch((error: unknown) => error);
  expect(ended).toMatchObject(wanted);
  expect({ opened, closed }).toEqual({ opened: 1, closed: 1 });
  expect(getEventListeners(signal, "abort")).toEqual([]);
  await expect(fetch(address)).rejects.toThrow("fetch failed");
});
