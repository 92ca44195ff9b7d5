/**
 * The frame around every command: signals, pipes, and the end of an error.
 *
 * A ProxbitError is the user's to mend: two lines on stderr, exit code 2. Everything else is ours: message and stack,
 * exit code 1. An interrupt exits with 128 and the number of the signal. Under `--json` an error is also the last line
 * on stdout. A command may have done its work and have bad news, such as a check that found a mismatch. It then sets
 * its exit code itself.
 */
import { type Command, CommanderError } from "commander";
import { type ErrorCode, isProxbitError, ProxbitError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { createOutput, type Output, outliveReaders, printNote } from "./output.ts";

export interface Context {
  readonly output: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Sets the exit code of a command that throws nothing; 0 where it is not called. */
  readonly exitWith: (code: number) => void;
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

export interface ErrorFacts {
  readonly code: ErrorCode | "internal";
  readonly message: string;
  readonly remedy: string;
}

/** Prints an error for people on stderr, and returns its form for programs. */
export function printError(error: unknown): ErrorFacts {
  const known = isProxbitError(error);
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const remedy = known ? oneLine(error.remedy) : REPORT;
  printNote(`error: ${message}\n  ${remedy}`);
  if (!known) printNote((error instanceof Error ? error.stack : undefined) ?? "no stack");
  return { code: known ? error.code : "internal", message, remedy };
}

/**
 * Runs `work`, reports its error, and returns the exit code. The caller sets `process.exitCode`, so that pipes are
 * emptied before the process ends.
 */
export async function runWithContext(json: boolean, work: (context: Context) => Promise<void>): Promise<number> {
  const streams = outliveReaders();
  const output = createOutput(json);
  const interrupt = listenForInterrupt();
  let answer = 0;
  const exitWith = (code: number): void => {
    answer = code;
  };
  try {
    await work({ output, signal: interrupt.signal, exitWith });
    // What was printed last may still be on its way.
    await new Promise((resolve) => process.stdout.write("", resolve));
    const lost = streams.lost();
    if (lost === undefined) return answer;
    process.stderr.write(`note: the command has done its work, but stdout was not written whole (${lost})\n`);
    return answer || 1;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? fromCommander(thrown) : thrown;
    output.event({ type: "error", ...printError(error) });
    return interrupt.exitCode() ?? (isProxbitError(error) ? 2 : 1);
  } finally {
    interrupt.dispose();
  }
}
