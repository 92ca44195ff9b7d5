/** Builds the site with Next, and serves it as it is deployed. */
import { execFileSync, spawn } from "node:child_process";
import { rmSync } from "node:fs";

rmSync("index.html");
const next = "../../node_modules/next/dist/bin/next";
execFileSync(process.execPath, [next, "build"], {
  stdio: "inherit",
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
});
spawn(process.execPath, [next, "start", "--port", "0", "--hostname", "127.0.0.1"], { stdio: "inherit" });
