/**
 * Runs test files of the folder it is started in, as its parent asks, one at a time. It stays alive from one mutant to the
 * next, because starting vitest takes longer than most tests. Every test file still gets a fresh process.
 */
import { createVitest } from "vitest/node";

export interface Request {
  readonly test: string;
  /** Files whose text changed since the last request. */
  readonly changed: readonly string[];
}

export interface Answer {
  readonly passed: boolean;
  /** The first test that failed, or why the file could not run. */
  readonly failure?: string;
}

/** Only the parent judges time. On a busy machine the tests' own limits would look like faults that were found. */
const NO_LIMIT = 3_600_000;

const vitest = await createVitest("test", {
  watch: false,
  bail: 1,
  maxWorkers: 1,
  testTimeout: NO_LIMIT,
  hookTimeout: NO_LIMIT,
  reporters: [{}],
  onConsoleLog: () => false,
});
await vitest.standalone();

async function answer({ test, changed }: Request): Promise<Answer> {
  for (const file of changed) vitest.invalidateFile(file);
  vitest.state.filesMap.clear();
  vitest.state.errorsSet.clear();
  const specifications = await vitest.globTestSpecifications([test]);
  if (specifications.length === 0) throw new Error(`no test file ${test}`);
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  for (const module of testModules) {
    for (const failed of module.children.allTests("failed")) return { passed: false, failure: failed.fullName };
    for (const error of module.errors()) return { passed: false, failure: error.message };
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) return { passed: false, failure: error.message };
    }
    if (!module.ok()) return { passed: false, failure: "the file failed" };
  }
  if (unhandledErrors.length > 0) return { passed: false, failure: String(unhandledErrors[0]) };
  return { passed: testModules.length > 0 };
}

process.on("message", async (request: Request) => process.send?.(await answer(request)));
process.on("disconnect", () => process.exit());
process.send?.("ready");
