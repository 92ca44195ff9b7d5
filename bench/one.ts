/** Runs one benchmark in this process (`main.ts` starts it): findings to stdout, progress to stderr, results to files. */
import { join, relative } from "node:path";
import { nextTurn } from "../ts/base/turn.ts";
import { BENCHMARKS, type BenchmarkName } from "./benchmarks.ts";
import type { Finding } from "./frame/finding.ts";
import { machine } from "./frame/machine.ts";
import { progress } from "./frame/progress.ts";
import { jsonReporter, textReporter } from "./frame/report.ts";
import { writeResults } from "./frame/results.ts";
import { ownVersion } from "./frame/version.ts";
import { readOptions } from "./options.ts";

const { names, quick, browser, hours, json } = readOptions();
const name = names[0] as BenchmarkName;
const benchmark = await BENCHMARKS[name].load();

const closers: (() => unknown)[] = [];
const closeAll = async (): Promise<void> => {
  for (const close of closers.splice(0).reverse()) await close();
};
const meter = progress(browser ? `${name} in Chromium` : name);
const interrupt = (): void => {
  meter.clear();
  process.stderr.write("stopped; nothing was written\n");
  closeAll().finally(() => process.exit(130));
};
process.once("SIGINT", interrupt);

const reporter = json ? jsonReporter : textReporter();
const where = await machine();
const title = browser ? `${benchmark.title} in headless Chromium` : benchmark.title;
const findings: Finding[] = [];
reporter.begin(title, benchmark.about, where);
try {
  const context = { quick, browser, hours, ...meter, atEnd: (close: () => unknown) => closers.push(close) };
  for await (const finding of benchmark.run(context)) {
    meter.clear();
    findings.push(finding);
    reporter.finding(finding);
    await nextTurn();
  }
} finally {
  meter.clear();
  await closeAll();
}
reporter.end();

const folder = join(import.meta.dirname, "results", quick ? "quick" : "");
const flags = `${browser ? " --browser" : ""}${quick ? " --quick" : ""}`;
const path = writeResults(folder, {
  ...{
    name: browser ? `${name}-browser` : name,
    title,
    about: benchmark.about,
    command: `npm run bench -- ${name}${flags}`,
  },
  ...{ version: ownVersion, machine: where, findings },
});
process.stderr.write(`written: ${relative(process.cwd(), path)}\n`);
process.exit(0);
