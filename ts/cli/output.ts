/**
 * The output of a command, and its readers. People read text on stdout and progress on stderr. Programs (`--json`) read
 * JSON lines on stdout, one object a line with its `type`. The last line is the result or the error. Under `--json`
 * stderr holds notes only. Nobody mixes the two.
 *
 * JSON has finite numbers only, so others are the texts "Infinity", "-Infinity" and "NaN". `Number` in JavaScript and
 * `float` in Python read these back. Text that a terminal would obey is not printed, and JSON has it as escapes.
 */
import { cleanLines, escapeJson, withoutPasswords } from "../base/text.ts";

export interface Output {
  readonly json: boolean;
  /** Text for people on stdout. */
  readonly text: (text: string) => void;
  /** A JSON line for programs on stdout. */
  readonly event: <Event extends { readonly type: string }>(event: Event) => void;
  /** The last word: a JSON line of type "result" for programs, `text` for people. */
  readonly result: (result: Readonly<Record<string, unknown>>, text: string) => void;
  /** Writes a note on stderr for people and programs alike: a fact that is no error. */
  readonly note: (line: string) => void;
}

export function createOutput(json: boolean): Output {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const event = (value: object): void => {
    if (json) print(escapeJson(JSON.stringify(value, plain)));
  };
  const text = (line: string): void => {
    if (!json) print(screened(line));
  };
  return {
    json,
    text,
    event,
    result: (result, line) => {
      event({ type: "result", ...result });
      text(line);
    },
    note: printNote,
  };
}

/** Lines as they may go to a terminal. */
const screened = (text: string): string => cleanLines(withoutPasswords(text));

/** Prints lines on stderr. */
export const printNote = (lines: string): void => void process.stderr.write(`${screened(lines)}\n`);

/** JSON by itself makes null of numbers that are not finite, and null already stands for nothing. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "string") return withoutPasswords(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** A reader that has gone away, as `head` does, is no error: nobody is left to tell. */
export function endQuietlyOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      throw error;
    });
  }
}
