/**
 * What a command prints, and to whom. People read text on stdout and progress on stderr. Programs (`--json`) read JSON
 * lines on stdout, one object a line with its `type`, the last one the result or the error; stderr then stays quiet, but
 * for notes. Nobody mixes the two. JSON has finite numbers only: others are text, "Infinity", "-Infinity" or "NaN", which
 * `Number` in JavaScript and `float` in Python read back.
 */

export interface Output {
  readonly json: boolean;
  /** Text for people on stdout. */
  readonly text: (text: string) => void;
  /** A JSON line for programs on stdout. */
  readonly event: <Event extends { readonly type: string }>(event: Event) => void;
  /** The last word: a JSON line of type "result" for programs, `text` for people. */
  readonly result: (result: Readonly<Record<string, unknown>>, text: string) => void;
  /** A line on stderr, for both: something to know that is no error. */
  readonly note: (line: string) => void;
}

export function createOutput(json: boolean): Output {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const event = (value: object): void => {
    if (json) print(JSON.stringify(value, finiteOrText));
  };
  const text = (line: string): void => {
    if (!json) print(line);
  };
  return {
    json,
    text,
    event,
    result: (result, line) => {
      event({ type: "result", ...result });
      text(line);
    },
    note: (line) => void process.stderr.write(`${line}\n`),
  };
}

/** Left to itself JSON makes null of what is not finite, and null already says that there is nothing. */
const finiteOrText = (_key: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

/** A reader that has gone away, as `head` does, is no error: nobody is left to tell. */
export function endQuietlyOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      throw error;
    });
  }
}
