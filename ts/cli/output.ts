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

/** The faults of the streams that a command writes to. */
interface StreamFaults {
  /** The system's code where stdout has lost something that somebody may still wait for; undefined where it has not. */
  readonly lost: () => string | undefined;
}

/**
 * Keeps a command at work where nobody reads it any more, or where what it writes to is full. A reader that has gone away, as
 * `head` does, is no error. A full disk under stdout is one, which the exit code has to tell in the end.
 */
export function outliveReaders(): StreamFaults {
  let lost: string | undefined;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const isGone = error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED";
      if (stream === process.stdout && !isGone) lost ??= error.code ?? error.message;
    });
  }
  return { lost: () => lost };
}
