/** A headless Chromium, and pages that note everything that goes wrong in them. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Quiet: no sandbox (tests may run as root), no graphics card, no traffic of its own. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium. Throws where there is none: the browser tests are never left out. */
export async function startChromium(): Promise<Browser> {
  const wanted = process.env.CHROMIUM_PATH;
  const executablePath = wanted ?? places.find((path) => existsSync(path));
  if (executablePath === undefined || !existsSync(executablePath)) {
    throw new Error(
      `no Chromium at ${wanted ?? places.join(", ")}: install it (Debian: apt-get install chromium) ` +
        "or set CHROMIUM_PATH to the program of a Chromium or Chrome",
    );
  }
  return chromium.launch({ executablePath, args: flags });
}

/** Opens `address`; errors of the page, its console, its workers and its requests are added to `complaints`. */
export async function openPage(browser: Browser, address: string, complaints: string[]): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => complaints.push(`request: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (!response.ok()) complaints.push(`response: ${response.url()} ${response.status()}`);
  });
  await page.goto(address);
  return page;
}
