/** A check in headless Chromium. This module starts browser and server, runs the check in a page, and ends both. */
import type { Browser, Page } from "playwright-core";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { aborted } from "../reference/aborted.ts";
import { firstLine } from "../reference/packages.ts";
import type { CheckEvent, CheckReport, CheckRequest } from "../reference/report.ts";
import { openPage, startChromium } from "./chromium.ts";
import { type Outcome, packRequest } from "./messages.ts";
import { findModule, ownAddress } from "./modules.ts";
import { startServer } from "./server.ts";

export interface BrowserCheckOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: CheckEvent) => void) | undefined;
}

/**
 * Runs `check` of `proxbit/reference` in a page of headless Chromium. The page uses the machine's graphics card, or
 * SwiftShader where there is none. Browser and server have ended when the promise settles.
 *
 * @throws ProxbitError "environment" where the browser, a package or a graphics driver is missing, or the page dies.
 * @throws ProxbitError "aborted" after the signal, and all that `check` or `onEvent` throws.
 */
export async function checkInChromium(request: CheckRequest, options: BrowserCheckOptions = {}): Promise<CheckReport> {
  stopIfAborted(options.signal);
  const browser = await startChromium("best");
  try {
    return await checkIn(browser, request, options);
  } finally {
    await browser.close();
  }
}

/** The same in a browser that runs already, which stays open. */
export async function checkIn(
  browser: Browser,
  request: CheckRequest,
  { signal, onEvent = () => {} }: BrowserCheckOptions = {},
): Promise<CheckReport> {
  const stopped = Promise.withResolvers<never>();
  // Nobody may be waiting for it when the signal comes.
  stopped.promise.catch(() => {});
  const stop = (): void => stopped.reject(aborted());
  const tell = (event: CheckEvent): void => {
    try {
      onEvent(event);
    } catch (error) {
      stopped.reject(error);
    }
  };
  const complaints: string[] = [];
  const server = await startServer(findModule, true);
  signal?.addEventListener("abort", stop);
  try {
    stopIfAborted(signal);
    const page = await Promise.race([open(browser, server.address, complaints), stopped.promise]);
    try {
      return reportOf(await Promise.race([runIn(page, request, tell), stopped.promise]));
    } finally {
      // A browser that has ended cannot close the page, and the fault is known already.
      await page
        .context()
        .close()
        .catch(() => {});
    }
  } catch (error) {
    throw withComplaints(error, complaints);
  } finally {
    signal?.removeEventListener("abort", stop);
    await server.close();
  }
}

async function open(browser: Browser, address: string, complaints: string[]): Promise<Page> {
  try {
    return await openPage(browser, address, complaints);
  } catch (cause) {
    throw pageError("Chromium opens no page", cause);
  }
}

async function runIn(page: Page, request: CheckRequest, onEvent: (event: CheckEvent) => void): Promise<Outcome> {
  try {
    await page.exposeFunction("proxbitEvent", onEvent);
    const module = JSON.stringify(ownAddress("chromium/page"));
    const argument = JSON.stringify(packRequest(request));
    // The script is a text, because a tool that rewrites imports in Node's modules must not rewrite this one.
    return await page.evaluate<Outcome>(`import(${module}).then(({ runCheck }) => runCheck(${argument}))`);
  } catch (cause) {
    throw pageError("the page in Chromium ended before the check did", cause);
  }
}

const pageError = (what: string, cause: unknown): ProxbitError =>
  new ProxbitError(
    "environment",
    `${what}: ${firstLine(cause)}`,
    "Run the check again, with a smaller batch where memory is short. Where a driver is at fault, update the driver " +
      "or take another backend.",
    { cause },
  );

function reportOf(outcome: Outcome): CheckReport {
  if (outcome.kind === "report") return outcome.report;
  if (outcome.kind === "error") throw new ProxbitError(outcome.code, outcome.message, outcome.remedy);
  const error = new Error(outcome.message);
  error.stack = outcome.stack;
  throw error;
}

/** The error, with the page's own errors beside it. Warnings are left out, because drivers give them by the dozen. */
function withComplaints(error: unknown, complaints: readonly string[]): unknown {
  const grave = complaints.filter((complaint) => !complaint.startsWith("console warning"));
  const told = error instanceof Error && !(isProxbitError(error) && error.code === "aborted");
  if (grave.length === 0 || !told) return error;
  error.message += ` (the page reports: ${grave.join("; ")})`;
  return error;
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted();
}
