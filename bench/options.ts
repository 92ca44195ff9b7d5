/** The options that every benchmark takes. `--help` prints what it does and ends the process. */
import { parseArgs } from "node:util";

export interface BenchmarkOptions {
  /** Fewer rounds. */
  readonly quick: boolean;
  /** One JSON object a line. */
  readonly json: boolean;
}

/** Reads the command line of the benchmark `name`, which measures `what`. */
export function benchmarkOptions(name: string, what: string): BenchmarkOptions {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(`usage: npm run bench -- ${name} [--quick] [--json]\n\n${what}`);
    process.exit(0);
  }
  return values;
}
