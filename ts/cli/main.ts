#!/usr/bin/env node
/** The `proxbit` command. */
import { buildProgram } from "./program.ts";
import { runWithContext } from "./run.ts";

const given = process.argv.slice(2);
process.exitCode = await runWithContext(given.includes("--json"), async (context) => {
  // Without a command the help is the answer, not an error.
  await buildProgram(context).parseAsync(given.length === 0 ? ["--help"] : given, { from: "user" });
});
