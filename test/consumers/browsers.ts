/** Browsers that open a page and wait for its outcome, which the page sends by itself. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotInstalled, type Outcome } from "./row.ts";

export interface Browser {
  readonly name: string;
  /** Its program, at the first of these places. */
  readonly places: readonly string[];
  /** The command that opens `address`, with `profile` as its folder. */
  readonly command: (program: string, profile: string, address: string) => readonly string[];
  readonly install: string;
  readonly env?: NodeJS.ProcessEnv;
}

const quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

export const chromium: Browser = {
  name: "Chromium",
  places: [process.env.CHROMIUM_PATH ?? "/usr/bin/chromium", "/usr/bin/google-chrome"],
  command: (program, profile, address) => [program, ...quiet, `--user-data-dir=${profile}`, address],
  install: "apt-get install chromium",
};

export const firefox: Browser = {
  name: "Firefox",
  places: ["/usr/bin/firefox-esr", "/usr/bin/firefox"],
  command: (program, profile, address) => [program, "--headless", "--no-remote", "--profile", profile, address],
  install: "apt-get install firefox-esr",
};

const miniBrowsers = ["4.1", "4.0"].map((version) => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${version}/MiniBrowser`);

export const webkit: Browser = {
  name: "WebKit",
  places: miniBrowsers,
  command: (program, _profile, address) => ["xvfb-run", "-a", "dbus-run-session", "--", program, "--private", address],
  install: "apt-get install webkit2gtk-driver xvfb xauth dbus",
};

/** The engine with memory that threads share. WebKitGTK compiles that in, but leaves it off on isolated pages too. */
export const webkitShared: Browser = { ...webkit, name: "WebKit-shared", env: { JSC_useSharedArrayBuffer: "1" } };

interface Posted extends Omit<Outcome, "version"> {
  readonly agent: string;
  readonly isolated?: boolean;
  readonly error?: string;
}

/** Versions as each browser's user agent tells them. */
const versions = [/Firefox\/([\d.]+)/, /Chrome\/([\d.]+)/, /Version\/([\d.]+)/] as const;

function versionIn(agent: string): string {
  return versions.map((pattern) => pattern.exec(agent)?.[1]).find((found) => found !== undefined) ?? agent;
}

/** A page may take so long on a busy machine. */
const patience = 240_000;

/** Opens the page in the browser. Resolves to what the page has sent, `version` being the browser's. */
export async function openPage(browser: Browser, page: string): Promise<Outcome> {
  const program = browser.places.find((path) => existsSync(path));
  if (program === undefined) throw new NotInstalled(`there is no ${browser.name} (Debian: ${browser.install})`);
  const post = await listen();
  const profile = mkdtempSync(join(tmpdir(), "proxbit-browser-"));
  const address = `${page}?to=${encodeURIComponent(post.address)}`;
  const [file = "", ...given] = browser.command(program, profile, address);
  const child = spawn(file, given, {
    stdio: "ignore",
    detached: true,
    env: { ...process.env, ...browser.env, HOME: profile },
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.once("error", () => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${browser.name} sent nothing in ${patience / 1000} s`)), patience);
  });
  try {
    const { agent, error, isolated, ...outcome } = await Promise.race([post.outcome, late]);
    if (error !== undefined) throw new Error(error);
    return { version: versionIn(agent), note: isolated ? "isolated" : "not isolated", ...outcome };
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await ended;
    post.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A server that takes one outcome, from a page of any origin. */
async function listen(): Promise<{
  readonly address: string;
  readonly outcome: Promise<Posted>;
  readonly close: () => void;
}> {
  let settle: (posted: Posted) => void = () => {};
  const outcome = new Promise<Posted>((resolve) => {
    settle = resolve;
  });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.writeHead(204, { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" });
      response.end();
      if (request.method === "POST") settle(JSON.parse(Buffer.concat(chunks).toString("utf8")));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, outcome, close };
}
