/** A headless Chromium, found where systems keep it, and pages that note everything that goes wrong in them. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { ProxbitError } from "../base/errors.ts";
import { firstLine, loadPackage } from "../reference/packages.ts";

/** `none`: no card is touched. `best`: pages calculate on the machine's card, or on SwiftShader where there is none. */
export type Graphics = "none" | "best";

/**
 * There is no sandbox, because this may run as root and opens our own pages only. The browser makes no traffic of its
 * own.
 */
const quiet: readonly string[] = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Chromium keeps SwiftShader, and WebGPU without a screen, for those who ask. A card comes first even so. */
const graphics: readonly string[] = ["--enable-unsafe-swiftshader", "--enable-unsafe-webgpu", "--ignore-gpu-blocklist"];

/** Playwright gives up after 30 s, in which a busy machine may not have started a browser. */
export const PATIENCE_MS = 150_000;

/** The watchdog takes SwiftShader's slow work for a driver that hangs. */
const patience = "--disable-gpu-watchdog";

/** A page without a screen reaches a card through Vulkan only, on Linux. These flags do harm without a card. */
const vulkan: readonly string[] = ["--enable-features=Vulkan", "--use-angle=vulkan", "--disable-vulkan-surface"];

/** The paths of Chromium, and of browsers made of it, on this system. */
function places(): readonly string[] {
  switch (process.platform) {
    case "darwin":
      return ["Google Chrome", "Chromium", "Microsoft Edge"].map(
        (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
      );
    case "win32":
      return [process.env.PROGRAMFILES, process.env["PROGRAMFILES(X86)"], process.env.LOCALAPPDATA]
        .filter((folder) => folder !== undefined)
        .flatMap((folder) => [
          join(folder, "Google/Chrome/Application/chrome.exe"),
          join(folder, "Chromium/Application/chrome.exe"),
          join(folder, "Microsoft/Edge/Application/msedge.exe"),
        ]);
    default:
      return ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
        .map((name) => `/usr/bin/${name}`)
        .concat("/snap/bin/chromium");
  }
}

const remedy =
  "Install Chromium or Chrome (on Debian: apt-get install chromium), or set CHROMIUM_PATH to the program of one.";

function findChromium(): string {
  const chosen = process.env.CHROMIUM_PATH;
  const candidates = chosen === undefined ? places() : [chosen];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new ProxbitError("environment", `there is no Chromium at ${candidates.join(", ")}`, remedy);
}

/**
 * Starts the Chromium at CHROMIUM_PATH, or the one in its usual place, with more switches behind ours.
 *
 * @throws ProxbitError "environment" where there is none, it does not start, or playwright-core is missing.
 */
export async function startChromium(wanted: Graphics, more: readonly string[] = []): Promise<Browser> {
  if (wanted === "none") return launch(["--disable-gpu", ...more]);
  return (await launchOnCard(more)) ?? launch([...graphics, patience, ...more]);
}

/** Chromium on the machine's card, or undefined where it finds none. */
async function launchOnCard(more: readonly string[]): Promise<Browser | undefined> {
  const isLinux = process.platform === "linux";
  if (isLinux && !hasLinuxCard()) return undefined;
  const browser = await launch([...graphics, ...(isLinux ? vulkan : []), ...more]);
  if (await drawsFast(browser).catch(() => false)) return browser;
  await browser.close();
  return undefined;
}

async function launch(flags: readonly string[]): Promise<Browser> {
  const executablePath = findChromium();
  const { chromium } = await loadPackage("playwright-core", () => import("playwright-core"));
  try {
    // Signals are the caller's: Chromium ends with the pipe that it is led by.
    const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
    return await chromium.launch({ executablePath, args: [...quiet, ...flags], ...signals, timeout: PATIENCE_MS });
  } catch (cause) {
    throw new ProxbitError("environment", `${executablePath} does not start: ${firstLine(cause)}`, remedy, { cause });
  }
}

/** Looks for a card on Linux: by its render node, NVIDIA's own device, or the one of Windows beneath. */
function hasLinuxCard(): boolean {
  if (existsSync("/dev/nvidiactl") || existsSync("/dev/dxg")) return true;
  return existsSync("/dev/dri") && readdirSync("/dev/dri").some((name) => name.startsWith("renderD"));
}

/** Asks a page for a WebGL context that the browser itself does not call slow. */
async function drawsFast(browser: Browser): Promise<boolean> {
  const page = await browser.newPage();
  try {
    return await page.evaluate(() => {
      const options = { failIfMajorPerformanceCaveat: true };
      return new OffscreenCanvas(1, 1).getContext("webgl2", options) !== null;
    });
  } finally {
    await page.close();
  }
}

/** Opens `address`; errors of the page, its console, its workers and its requests are added to `complaints`. */
export async function openPage(browser: Browser, address: string, complaints: string[]): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    const type = message.type();
    if (type === "error" || type === "warning") complaints.push(`console ${type}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => complaints.push(`request: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (!response.ok()) complaints.push(`response: ${response.url()} ${response.status()}`);
  });
  try {
    await page.goto(address);
    return page;
  } catch (error) {
    // Where the browser has ended, the context has ended with it.
    await page
      .context()
      .close()
      .catch(() => {});
    throw error;
  }
}
