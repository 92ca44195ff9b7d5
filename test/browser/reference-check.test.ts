/** Checks in Chromium: they answer as in Node, and browser and server end however a check ends. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { checkIn } from "../../ts/chromium/check-in-chromium.ts";
import { startChromium } from "../../ts/chromium/chromium.ts";
import { checkInChromium } from "../../ts/chromium/index.ts";
import { packRequest, unpackRequest } from "../../ts/chromium/messages.ts";
import { check } from "../../ts/reference/index.ts";
import type { CheckEvent, CheckRequest } from "../../ts/reference/report.ts";
import { network } from "./network.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await startChromium("best");
});

afterAll(() => browser?.close());

describe("a check in Chromium", () => {
  const request: CheckRequest = {
    backend: "cpu",
    subjects: [{ kind: "graph", graph: network }],
    batchSize: 2,
    steps: 2,
  };

  afterEach(() => void vi.unstubAllEnvs());

  it("answers what the same check answers in Node", async () => {
    const events: CheckEvent[] = [];
    const found = await checkInChromium(request, { onEvent: (event) => events.push(event) });
    const expected: CheckEvent[] = [];
    const inNode = await check(request, { onEvent: (event) => expected.push(event) });
    const host = expect.stringMatching(/^Chromium \d/);
    expect(found).toEqual({ ...inNode, host, seconds: expect.any(Number) });
    expect(events).toEqual(expected);
    expect(events.length).toBeGreaterThan(0);
  });

  it("is asked for the bytes of files in text, and for all else as it is", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => at & 255);
    const asked: CheckRequest = {
      ...request,
      subjects: [
        { kind: "file", bytes },
        { kind: "graph", graph: network },
      ],
    };
    expect(unpackRequest(JSON.parse(JSON.stringify(packRequest(asked))))).toEqual(asked);
    expect(unpackRequest(packRequest({ backend: "webgl", seed: 3 }))).toEqual({ backend: "webgl", seed: 3 });
  });

  it("hands over the errors of the check", async () => {
    const unknown: CheckRequest = { backend: "cpu", subjects: [{ kind: "model", name: "no-such-model" }] };
    const inNode = await check(unknown).catch((error: unknown) => error);
    await expect(checkInChromium(unknown)).rejects.toEqual(inNode);
  });

  it("stops by the signal, before it starts and in the midst of it", async () => {
    await expect(checkInChromium(request, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    const controller = new AbortController();
    const stopped = checkInChromium(request, { signal: controller.signal, onEvent: () => controller.abort() });
    await expect(stopped).rejects.toMatchObject({ code: "aborted" });
  });

  it.each([
    ["is closed", (page: Page) => page.close()],
    [
      "crashes",
      async (page: Page) => {
        const session = await page.context().newCDPSession(page);
        // Nothing answers any more.
        session.send("Page.crash").catch(() => {});
      },
    ],
  ])("ends when its page %s", async (_, destroy) => {
    const onEvent = (): void => void destroy(browser.contexts().at(-1)?.pages()[0] as Page);
    await expect(checkIn(browser, request, { onEvent })).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(/the page in Chromium ended before the check did/),
    });
    expect(browser.isConnected()).toBe(true);
  });

  it("ends when its browser ends", async () => {
    const other = await startChromium("best");
    await expect(checkIn(other, request, { onEvent: () => void other.close() })).rejects.toMatchObject({
      code: "environment",
    });
  });

  it("says that a browser which has ended opens no page", async () => {
    const other = await startChromium("none");
    await other.close();
    await expect(checkIn(other, request)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(/^Chromium opens no page: /),
      remedy: expect.stringMatching(/Run the check again/),
    });
  });

  it("ends with what its listener throws", async () => {
    const fault = new Error("the listener's own");
    const onEvent = (): void => {
      throw fault;
    };
    await expect(checkIn(browser, request, { onEvent })).rejects.toBe(fault);
  });

  it.each([
    ["/nowhere/chromium", /there is no Chromium at \/nowhere\/chromium/],
    [process.execPath, /does not start/],
  ])("says what it lacks where CHROMIUM_PATH is %s", async (path, message) => {
    vi.stubEnv("CHROMIUM_PATH", path);
    await expect(checkInChromium(request)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/apt-get install chromium/),
    });
  });
});
