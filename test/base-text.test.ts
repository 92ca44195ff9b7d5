/** Text of strangers reaches no reader as a command: what is printed is plain, short, and stands where it belongs. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { describe as described } from "../ts/base/describe.ts";
import { ProxbitError } from "../ts/base/errors.ts";
import { clean, cleanLines, cut, escapeJson, printable, quoted, withoutPasswords } from "../ts/base/text.ts";
import { pairs } from "../ts/cli/format.ts";
import { createOutput } from "../ts/cli/output.ts";
import { createMeter } from "../ts/cli/progress.ts";
import type { Context } from "../ts/cli/run.ts";
import { printError } from "../ts/cli/run.ts";
import { comparisonCsv, comparisonPage, type Report } from "../ts/compare/report.ts";
import { svg, words } from "../ts/show/svg.ts";
import { formatTable } from "../ts/show/table.ts";
import fc from "./fast-check.ts";

/** Escape, control sequence introducer, next line, right-to-left override and isolate, line separators, halves of a pair. */
const nasty = [
  "\u001b",
  "\u009b",
  "\u0085",
  "\u202e",
  "\u2067",
  "\u2028",
  "\u2029",
  "\r",
  "\n",
  "\0",
  "\ud800",
  "\u200b",
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...nasty), fc.constantFrom("a", '"', ",", "|", "<", "=", " ", "é", "猫", "🐈")), {
    maxLength: 40,
  })
  .map((parts) => parts.join(""));

/** The check of a terminal's reader, written apart from the code: by code points, not by a pattern. */
function isPlain(text: string): boolean {
  return [...text].every((character) => {
    const code = character.codePointAt(0) as number;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const turns =
      (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f);
    return !isControl && !turns && code !== 0x200b && code !== 0xfeff && !(code >= 0xd800 && code < 0xe000);
  });
}

/** The output of `action` on both streams. */
function printed(action: () => void): string {
  const parts: string[] = [];
  const take = ((text: string) => parts.push(text) > 0) as typeof process.stdout.write;
  vi.spyOn(process.stdout, "write").mockImplementation(take);
  vi.spyOn(process.stderr, "write").mockImplementation(take);
  action();
  vi.restoreAllMocks();
  return parts.join("");
}

afterEach(() => vi.restoreAllMocks());

describe("text of strangers", () => {
  test("is plain and on one line after each way through, and loses nothing that is plain", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const way of [clean, printable, quoted, described]) expect(isPlain(way(text))).toBe(true);
        expect(isPlain(cleanLines(text).replaceAll("\n", ""))).toBe(true);
        expect(cleanLines(text).split("\n").length).toBe(text.split("\n").length);
        if (isPlain(text)) expect(clean(text)).toBe(text);
        expect(JSON.parse(quoted(text))).toBe(text);
      }),
    );
  });

  test("keeps the joiners of Persian and Hindi, and pictures", () => {
    expect(clean("می\u200cخواهم 🐈 क्\u200dष")).toBe("می\u200cخواهم 🐈 क्\u200dष");
  });

  test("is cut to a length", () => {
    expect(cut("abcdef", 6)).toBe("abcdef");
    expect(cut("abcdefg", 6)).toBe("abcde…");
    expect(printable("a".repeat(10_000)).length).toBe(200);
    expect(new ProxbitError("data", "a".repeat(10_000), "b".repeat(10_000)).message.length).toBe(2000);
  });

  test("forges no line of an error, which says as much in the library as on a terminal", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const error = new ProxbitError("data", `${text} is bad`, `Mend ${text}.`);
        expect([error.message, error.remedy].every(isPlain)).toBe(true);
        const told = printed(() => printError(new Error(text)));
        expect(isPlain(told.replaceAll("\n", ""))).toBe(true);
        expect(printed(() => printError(error)).split("\n").length).toBe(3);
      }),
    );
  });

  test("forges no line of JSON, and says the same to a program", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const line = printed(() => createOutput(true).event({ type: "x", text }));
        expect(line.endsWith("\n") && isPlain(line.slice(0, -1))).toBe(true);
        expect(JSON.parse(line)).toEqual({ type: "x", text });
      }),
    );
  });

  test("forges no row of a table, of pairs, or of a CSV", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const table = formatTable([{ title: text }, { title: "b" }], [[text, "1"]], [text, "2"]);
        expect(table.split("\n").length).toBe(5);
        expect(pairs([[text, text]]).split("\n").length).toBe(1);
        expect(isPlain([table, pairs([[text, text]])].join("").replaceAll("\n", ""))).toBe(true);
        const run = { quantizer: text, task: null, seed: 1, key: "k", identity: {} };
        const csv = comparisonCsv([{ run, outcome: { result: null, failure: text } } as never]);
        expect(csv.split("\n").length).toBe(3);
        expect(csv.split("\n")[1]).not.toMatch(/^"?[=+@-]/);
      }),
    );
  });

  test("forges no row, cell, element or link of a page", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const numbers = {
          accuracy: null,
          soft: null,
          accuracies: [],
          seconds: null,
          medianSeconds: null,
          interval: null,
          against: null,
        };
        const row = { quantizer: text, activationQuantizer: `\\|${text}<b>`, task: null, failures: [text], ...numbers };
        const best = { ...row, task: "bw", accuracy: { mean: 0.5, deviation: null } };
        const data = { name: text, trainImages: 1, testImages: 1 };
        const model = { name: text, inputShape: [1], classes: 2 };
        const optimizer = { name: text, learningRate: 1, decay: "none" };
        const settings = { data, model, optimizer, epochs: 1, batchSize: 1 };
        const given = {
          title: text,
          command: text,
          machine: text,
          version: text,
          settings,
          rows: [row, best],
          finished: [],
        };
        const page = comparisonPage(given as unknown as Report, "picture.svg");
        const lines = page.split("\n");
        expect(isPlain(lines.join(""))).toBe(true);
        expect(lines.length).toBe(29);
        const [finding, cells] = lines.filter((line) => line.includes(", activations ")) as [string, string];
        expect(finding.replaceAll(/\\./g, "")).toMatch(/^- binary weights [^<[`]*$/);
        expect(cells.replaceAll(/\\./g, "").split("|").length).toBe(7);
        expect(cells.replaceAll(/\\./g, "")).not.toMatch(/[<[`]/);
      }),
    );
  });

  test.each([true, false])("is plain and on one line in a meter, be it a bar (%s)", (isBar) => {
    const before = process.stderr.isTTY;
    process.stderr.isTTY = isBar;
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const context: Context = {
      output: createOutput(false),
      signal: new AbortController().signal,
      exitWith: () => expect.unreachable(),
    };
    let told = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      told += String(text);
      return true;
    });
    const meter = createMeter(context, "a\u009b2J{bar}: ");
    meter.update(1, 2, "b\u202e\nc");
    now = 6000;
    meter.update(1, 2, "b\u202e\nc");
    meter.clear();
    process.stderr.isTTY = before;
    expect(told).toContain("a\ufffd2J{bar}: b\ufffd\ufffdc");
    expect(told).not.toMatch(/[\u009b\u202e]/);
  });

  test("begins no element of a picture", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const picture = svg(text, 1, 1, [words(text, 0, 0)]);
        expect(picture.match(/</g)?.length).toBe(7);
        expect(isPlain(picture.replaceAll("\n", ""))).toBe(true);
      }),
    );
  });

  test("is printed without what a terminal obeys, wherever a command prints it", () => {
    const output = createOutput(false);
    for (const print of [output.text, output.note]) {
      expect(printed(() => print("a\u001b[31m\u009b2J\u202eb\nc"))).toBe("a\ufffd[31m\ufffd2J\ufffdb\nc\n");
    }
  });
});

describe("a password in an address", () => {
  test.each([
    ["https://user:secret@host/path", "https://***@host/path"],
    ["see ftp://u:p@h and HTTP://a@b:80/c@d", "see ftp://***@h and HTTP://***@b:80/c@d"],
    ["https://u:p@ss@host", "https://***@host"],
    ["https://host/a@b", "https://host/a@b"],
    ["mail me@host", "mail me@host"],
  ])("of %j is not shown", (given, shown) => {
    expect(withoutPasswords(given)).toBe(shown);
    expect(new ProxbitError("data", given, given)).toMatchObject({ message: shown, remedy: shown });
    expect(printed(() => createOutput(true).event({ type: "x", given }))).toBe(`{"type":"x","given":"${shown}"}\n`);
    expect(printed(() => createOutput(false).note(given))).toBe(`${shown}\n`);
  });
});

test("JSON with escapes means what it meant", () => {
  const value = { "\u202ekey": ["\u2028", "🐈\u0085", 1] };
  expect(JSON.parse(escapeJson(JSON.stringify(value)))).toEqual(value);
});
