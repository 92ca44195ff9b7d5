/**
 * Runs the benchmarks one after the other. Each has a process of its own, so that none warms up another's engine.
 * Comparisons are only ever made inside one process.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { readOptions } from "./options.ts";

const { names, ...flags } = readOptions();
let interrupted = false;
// A terminal interrupts the process in hand as well. That process ends what it has started, and we wait for it.
process.on("SIGINT", () => {
  interrupted = true;
});

for (const name of names) {
  const given = Object.entries(flags).flatMap(([flag, set]) =>
    set === true ? [`--${flag}`] : typeof set === "number" ? [`--${flag}`, String(set)] : [],
  );
  const child = spawn(process.execPath, [join(import.meta.dirname, "one.ts"), name, ...given], { stdio: "inherit" });
  const stop = () => child.kill("SIGINT");
  process.on("SIGTERM", stop);
  const status = await new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? 1));
  });
  process.off("SIGTERM", stop);
  if (interrupted) process.exit(130);
  if (status !== 0) process.exit(status);
}
