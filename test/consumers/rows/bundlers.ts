/** Bundlers, as each is set up with the least configuration. Chromium opens what they make. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, openPage } from "../browsers.ts";
import { type Row, run, serve, versionOf } from "../row.ts";
import { open } from "./pages.ts";

/** A bundler that a script in the row's folder runs: it writes out/, with a page index.html. */
function buildRow(name: string, group: string, tool: string, project: string, more: Partial<Row> = {}): Row {
  return {
    ...{ name, group, project },
    run: async (place) => {
      await run(process.execPath, ["build.mjs", tool], place.folder, { NODE_ENV: "production" });
      const outcome = await open(chromium, join(place.folder, "out"), "index.html", true);
      return { ...outcome, version: await versionOf(place.group, tool), note: "" };
    },
    ...more,
  };
}

/** A development server that a script in the row's folder runs: it prints its address. */
function devRow(name: string, group: string, tool: string, project: string): Row {
  return {
    ...{ name, group, project },
    run: async (place) => {
      const service = await serve(process.execPath, ["dev.mjs", tool], place.folder);
      try {
        const outcome = await openPage(chromium, `${service.address}/`);
        return { ...outcome, version: await versionOf(place.group, tool), note: "" };
      } finally {
        await service.stop();
      }
    },
  };
}

/** A bundler that copies neither the core nor the workers' script: it takes the entries that are one file. */
function inlineRow(name: string, group: string): Row {
  const tool = name.split("-")[0] as string;
  const row = buildRow(name, group === "rollup" ? "bundlers" : group, tool, name);
  return {
    ...row,
    fast: name === "esbuild",
    run: async (place) => {
      for (const file of ["inference.js", "training.js"].map((module) => join(place.folder, module))) {
        const text = readFileSync(file, "utf8").replace(/from "proxbit(\/inference)?"/, 'from "proxbit$1/inline"');
        writeFileSync(file, text);
      }
      return { ...(await row.run(place)), note: "proxbit/inline" };
    },
  };
}

const vites = ["vite8", "vite7", "vite6", "vite5"];

export const bundlers: readonly Row[] = [
  ...vites.map((vite) => buildRow(`${vite}-build`, "bundlers", vite, "vite")),
  ...vites.map((vite) => devRow(`${vite}-dev`, "bundlers", vite, "vite")),
  buildRow("webpack", "bundlers", "webpack", "webpack"),
  ...["rollup", "esbuild", "parcel"].map((name) => inlineRow(name, name === "esbuild" ? "checks" : name)),
  inlineRow("bun-build", "bun"),
  buildRow("esbuild-files", "checks", "esbuild", "esbuild-files"),
  devRow("next", "next", "next", "next"),
];
