/** Test runners, which load modules in ways of their own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { outcomeIn, type Row, run, versionOf } from "../row.ts";

/** Jest runs ES modules behind a flag of Node's. Without it, no ES-only package works. */
const jestRow = (environment: "node" | "jsdom"): Row => ({
  name: `jest-${environment}`,
  group: "jest",
  project: "jest",
  run: async (place) => {
    const jest = join(place.group, "node_modules/jest/bin/jest.js");
    const given = ["--experimental-vm-modules", jest, `--env=${environment}`, "--rootDir=.", "--no-cache"];
    const more = environment === "jsdom" ? ["--setupFiles=./globals.cjs"] : [];
    await run(process.execPath, [...given, ...more], place.folder);
    const outcome = outcomeIn(readFileSync(join(place.folder, "outcome.json"), "utf8"));
    const note = environment === "jsdom" ? "TextDecoder by setupFiles" : "";
    return { version: await versionOf(place.group, "jest"), ...outcome, note };
  },
});

const vitest: Row = {
  name: "vitest",
  group: "jest",
  run: async (place) => {
    const program = join(place.group, "node_modules/vitest/vitest.mjs");
    await run(process.execPath, [program, "run", "--root", "."], place.folder);
    const outcome = outcomeIn(readFileSync(join(place.folder, "outcome.json"), "utf8"));
    return { version: await versionOf(place.group, "vitest"), ...outcome };
  },
};

export const tests: readonly Row[] = [jestRow("node"), jestRow("jsdom"), vitest];
