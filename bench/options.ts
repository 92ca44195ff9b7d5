/** The command line of the benchmarks. */
import { parseArgs } from "node:util";
import { BENCHMARKS, type BenchmarkName, benchmarkNames } from "./benchmarks.ts";
import type { Setting } from "./frame/benchmark.ts";

export interface Options extends Setting {
  readonly names: readonly BenchmarkName[];
  /** One JSON object a line on stdout. */
  readonly json: boolean;
}

const usage = `usage: npm run bench -- [NAME...] [--quick] [--browser] [--json]

${benchmarkNames.map((name) => `  ${name.padEnd(16)} ${BENCHMARKS[name].summary}`).join("\n")}

  --quick     fewer rounds: all benchmarks together in less than two minutes
  --browser   in headless Chromium instead of Node (${benchmarkNames.filter((name) => BENCHMARKS[name].inBrowser).join(", ")})
  --json      one JSON object a line on stdout

Results are written to bench/results; those of a quick run to bench/results/quick, which is not kept.`;

/** Reads the command line. Ends the process for --help, and with status 2 where it makes no sense. */
export function readOptions(): Options {
  try {
    const flag = { type: "boolean", default: false } as const;
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { quick: flag, json: flag, browser: flag, help: { ...flag, short: "h" } },
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
    return { quick, json, browser, names: names.length === 0 ? known : names };
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}
