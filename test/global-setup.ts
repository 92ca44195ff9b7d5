/**
 * A folder for all that tests put into the system's temporary one. It goes away with the run. The run fails where a
 * test or our code has left a file in it.
 */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPILE_CACHE } from "./compile-cache.ts";

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "proxbit-tests-"));
  // As open as the system's own, for tests that step down from root.
  chmodSync(folder, 0o755);
  // Workers and the processes that tests start inherit all three; Windows reads TEMP.
  process.env.TMPDIR = folder;
  process.env.TEMP = folder;
  process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;
  return () => {
    const left = readdirSync(folder).filter((name) => name.startsWith("proxbit-"));
    rmSync(folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`tests have left files in the temporary folder: ${left.join(", ")}`);
  };
}
