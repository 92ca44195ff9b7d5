/**
 * The frame around every command: signals, pipes, and what becomes of an error. A ProxbitError is the user's to mend: two
 * lines on stderr, exit code 2. Everything else is ours: message and stack, exit code 1. An interrupt exits with 128 and
 * the number of the signal. Under `--json` an error is also the last line on stdout.
 */
import { type Command, CommanderError } from "commander";
import { isProxbitError, ProxbitError } from "../errors.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { createOutput, endQuietlyOnBrokenPipe, type Output } from "./output.ts";

export interface Context {
  readonly output: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

const REPORT = "This is a fault of proxbit: please report it, with the command and the lines below.";

/** "error: unknown option '--epoch'\n(Did you mean --epochs?)" as a typed error. */
function fromCommander(error: CommanderError): ProxbitError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const hint = rest.join(" ").replace(/^\(|\)$/g, "");
  return new ProxbitError("argument", first, hint === "" ? "Add --help to see the commands and options." : hint, {
    cause: error,
  });
}

/** Makes `command` throw its errors, which `runWithContext` prints, instead of printing them and ending the process. */
export const throwErrors = (command: Command): Command =>
  command.exitOverride().configureOutput({ outputError: () => {} });

/** One line, whatever the message holds. */
const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ");

function report(error: unknown, output: Output): void {
  const known = isProxbitError(error);
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const remedy = known ? oneLine(error.remedy) : REPORT;
  process.stderr.write(`error: ${message}\n  ${remedy}\n`);
  if (!known) process.stderr.write(`${error instanceof Error ? error.stack : "no stack"}\n`);
  output.event({ type: "error", code: known ? error.code : "internal", message, remedy });
}

/**
 * Runs `work`, reports what it throws, and returns the exit code. The caller sets `process.exitCode`, so that pipes are
 * emptied before the process ends.
 */
export async function runWithContext(json: boolean, work: (context: Context) => Promise<void>): Promise<number> {
  endQuietlyOnBrokenPipe();
  const output = createOutput(json);
  const interrupt = listenForInterrupt();
  try {
    await work({ output, signal: interrupt.signal });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? fromCommander(thrown) : thrown;
    report(error, output);
    return interrupt.exitCode() ?? (isProxbitError(error) ? 2 : 1);
  } finally {
    interrupt.dispose();
  }
}
