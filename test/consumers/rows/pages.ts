/** Browsers, with pages that no bundler has touched: an import map names the package's files. */
import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileInside, startServer } from "../../../ts/chromium/server.ts";
import { type Browser, chromium, firefox, openPage, webkit, webkitShared } from "../browsers.ts";
import type { Outcome, Place, Row } from "../row.ts";

/** Serves a folder and opens `page` of it. An isolated page may share memory. */
export async function open(browser: Browser, folder: string, page: string, isolated: boolean): Promise<Outcome> {
  const server = await startServer((path) => {
    const file = fileInside(folder, path);
    return file === undefined ? undefined : readFile(file);
  }, isolated);
  try {
    return await openPage(browser, `${server.address}/${page}`);
  } finally {
    await server.close();
  }
}

const page = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="importmap">
  { "imports": { "proxbit": "/proxbit/dist/index.js", "proxbit/inference": "/proxbit/dist/inference/index.js" } }
</script>
<script type="module" src="/page.js"></script>
`;

async function openUnbundled(browser: Browser, isolated: boolean, place: Place): Promise<Outcome> {
  writeFileSync(join(place.folder, "index.html"), page);
  const installed = join(place.group, "node_modules");
  const server = await startServer((path) => {
    const file = fileInside(path.startsWith("/proxbit/") ? installed : place.folder, path);
    return file === undefined ? undefined : readFile(file);
  }, isolated);
  try {
    return await openPage(browser, `${server.address}/index.html`);
  } finally {
    await server.close();
  }
}

const pageRow = (browser: Browser, isolated: boolean): Row => ({
  name: `${browser.name.toLowerCase()}${isolated ? "" : "-not-isolated"}`,
  group: "empty",
  run: (place) => openUnbundled(browser, isolated, place),
});

const browsers = [chromium, firefox, webkit];

export const pages: readonly Row[] = [
  ...browsers.flatMap((browser) => [pageRow(browser, true), pageRow(browser, false)]),
  pageRow(webkitShared, true),
];
