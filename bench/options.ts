/** The command line of the benchmarks. */
import { parseArgs } from "node:util";
import { BENCHMARKS, type BenchmarkName, benchmarkNames } from "./benchmarks.ts";
import type { Setting } from "./frame/benchmark.ts";

export interface Options extends Setting {
  readonly names: readonly BenchmarkName[];
  /** One JSON object a line on stdout. */
  readonly json: boolean;
}

const usage = `usage: npm run bench -- [NAME...] [--quick] [--browser] [--hours N] [--json]

${benchmarkNames.map((name) => `  ${name.padEnd(18)} ${BENCHMARKS[name].summary}`).join("\n")}

  --quick     fewer rounds: all benchmarks together in less than two minutes
  --browser   in headless Chromium instead of Node (${benchmarkNames.filter((name) => BENCHMARKS[name].inBrowser).join(", ")})
  --hours N   leave what is not done after N hours; the same command goes on from there (study, methods);
              with 0 nothing is done but the page, of all runs so far
  --json      one JSON object a line on stdout

Results are written to bench/results; those of a quick run to bench/results/quick, which is not kept.`;

/** Reads the command line. Ends the process for --help, and with status 2 where it makes no sense. */
export function readOptions(): Options {
  try {
    const flag = { type: "boolean", default: false } as const;
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { quick: flag, json: flag, browser: flag, hours: { type: "string" }, help: { ...flag, short: "h" } },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const known = benchmarkNames.filter((name) => !values.browser || BENCHMARKS[name].inBrowser);
    const names = positionals.map((wanted) => {
      const name = known.find((candidate) => candidate === wanted);
      if (name === undefined)
        throw new Error(`there is no benchmark "${wanted}"${values.browser ? " for --browser" : ""}`);
      return name;
    });
    const { quick, json, browser } = values;
    const hours = values.hours === undefined ? undefined : Number(values.hours || Number.NaN);
    const usual = known.filter((name) => quick || BENCHMARKS[name].isLong !== true);
    // Timers take no more than 24 days.
    if (hours !== undefined && !(hours >= 0 && hours <= 500)) throw new Error("--hours is a number from 0 to 500");
    return { quick, json, browser, hours, names: names.length === 0 ? usual : names };
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}
