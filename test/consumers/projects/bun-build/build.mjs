/** Bun's bundler, for pages. */
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";

const bun = "../../node_modules/.bin/bun";
execFileSync(bun, ["build", "page.js", "--outdir", "out", "--target", "browser"], { stdio: "inherit" });
copyFileSync("page.html", "out/index.html");
