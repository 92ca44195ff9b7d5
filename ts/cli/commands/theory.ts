/**
 * `proxbit theory` shows the decomposition theorem of ProxConnect++ as computed (arXiv 2402.17710, Theorem 1).
 *
 * Without a name it prints the table of all pairs. With a name it prints the pair's verdict, its course over a run, and how
 * much hardening moves. It draws F, B, P and T of the pair and that course, in the terminal or into a file.
 */
import { Command } from "commander";
import { numberIn } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { unknownName } from "../../base/names.ts";
import { type Decomposition, decompose } from "../../quantizers/index.ts";
import { isQuantizerName } from "../../quantizers/registry.ts";
import { sketch } from "../../show/sketch.ts";
import { formatTable, wrapped } from "../../show/table.ts";
import { courseOf } from "../../theory/course.ts";
import { coursePanels, courseText } from "../../theory/course-words.ts";
import { panelsOf } from "../../theory/panels.ts";
import { theoryNames, theoryPair } from "../../theory/rows.ts";
import { theoryPicture } from "../../theory/theory-picture.ts";
import { wordsForP, wordsForT } from "../../theory/words.ts";
import { addCommonOptions, realNumber } from "../options.ts";
import { checkPicture, writePicture } from "../picture-file.ts";
import type { Context } from "../run.ts";

interface TheoryOptions {
  readonly progress: number;
  readonly from?: number;
  readonly to?: number;
  readonly out?: string;
}

export function theoryCommand(context: Context): Command {
  const command = new Command("theory")
    .summary("show which pairs of maps the theory covers, and draw their parts")
    .description(
      "Decides for each pair of a forward map F and a backward map B, by computing, whether F = T o P and B = T' o P with a " +
        "proximal map P and a smooth T, so that training with it is ProxConnect on another loss. Shows P and T, or why there are none. " +
        "Of one pair it also shows the schedule over a run, and how far F is from the sign where it hardens.",
    )
    .argument("[name]", `a pair to draw: ${theoryNames.join(", ")}`)
    .option("--progress <x>", "share of the run that is done, 0 to 1", realNumber("--progress", 0, 1), 0.25)
    .option(
      "--from <x>",
      "left end of the domain (-3; -12 for weights standardised by filter)",
      realNumber("--from", -1e6, 1e6),
    )
    .option(
      "--to <x>",
      "right end of the domain (3; 12 for weights standardised by filter)",
      realNumber("--to", -1e6, 1e6),
    )
    .option("--out <file>", "of a pair: write its picture to FILE.svg, or to FILE.png by Chromium");
  return addCommonOptions(
    command,
    "proxbit theory bnn++ --progress 0.2 --out bnn++.svg",
    "proxbit theory --json",
  ).action((name: string | undefined, options: TheoryOptions) =>
    name === undefined ? showTable(options, context) : showPair(name, options, context),
  );
}

/**
 * The domain of most pairs ends at 3. For weights with a deviation of 2 sqrt 2 it ends at 12, past their widest box.
 */
const usualEnd = 3;
const wideEnd = 12;

/**
 * A pair may read weights that are standardised by filter (ReCU). Up to its box's edge such a pair looks like the sign.
 */
function isWide(name: string): boolean {
  const pair = theoryPair(name);
  return typeof pair !== "string" && "standardize" in pair && pair.standardize === "filter";
}

type Interval = readonly [from: number, to: number];

/** The domain [from, to] as typed. An end that was not typed is the pair's own, or the usual one without a pair. */
function domainOf({ from, to }: TheoryOptions, name?: string): Interval {
  const end = name !== undefined && isWide(name) ? wideEnd : usualEnd;
  return [from ?? -end, to ?? end];
}

function decomposeAt(name: string, options: TheoryOptions): Decomposition {
  const [from, to] = domainOf(options, name);
  return decompose(theoryPair(name), { progress: options.progress, from, to });
}

/** A result in words, as a line of JSON and a row of the table hold it. */
function facts(
  result: Decomposition,
): { readonly name: string; readonly decomposes: boolean } & Readonly<Record<string, unknown>> {
  const { name, decomposes } = result;
  if (result.decomposes) return { name, decomposes, proximal: wordsForP(result.P), transform: wordsForT(result) };
  return { name, decomposes, reason: result.reason, points: result.points };
}

/** Training is not PC++, whatever the pair is, where latent weights go on from a map of themselves. */
function restarts(name: string): boolean {
  const pair = theoryPair(name);
  return typeof pair !== "string" && "restart" in pair && pair.restart !== "identity";
}

function showTable(options: TheoryOptions, { output }: Context): void {
  checkOptions(options);
  if (options.out !== undefined) {
    throw new ProxbitError("argument", "--out is for one pair, and none is named", "Name a pair, or leave --out out.");
  }
  const results = theoryNames.map((name) => decomposeAt(name, options));
  const rows = results.map((result) =>
    result.decomposes ? [result.name, "yes", wordsForP(result.P), wordsForT(result)] : [result.name, "no", "-", "-"],
  );
  const table = formatTable(
    ["pair", "decomposes", "P", "T"].map((title) => ({ title })),
    rows,
  );
  const reasons = results.flatMap((result) =>
    result.decomposes ? [] : [wrapped(result.reason, `${result.name}: `, " ".repeat(result.name.length + 2))],
  );
  const restarted = theoryNames.filter(restarts);
  const remark = `${restarted.join(", ")}: the pair decomposes, but latent weights go on from a map of themselves, which no pair says`;
  const notes = restarted.length === 0 ? [] : [wrapped(remark)];
  const written = (name?: string): string => `[${domainOf(options, name).join(", ")}]`;
  const others = theoryNames
    .filter((name) => written(name) !== written())
    .map((name) => `, ${name} on ${written(name)}`);
  const title = `At progress ${options.progress}, on ${written()}${others.join("")}:`;
  const [from, to] = domainOf(options);
  const pairs = results.map((result) => {
    const [left, right] = domainOf(options, result.name);
    return { ...facts(result), from: left, to: right };
  });
  output.result(
    { progress: options.progress, from, to, pairs },
    [title, "", table, "", ...reasons, ...notes].join("\n"),
  );
}

async function showPair(name: string, options: TheoryOptions, { output }: Context): Promise<void> {
  if (!theoryNames.includes(name) && !isQuantizerName(name)) throw unknownName("pair", name, theoryNames);
  checkOptions(options, name);
  const { progress, out } = options;
  if (out !== undefined) await checkPicture(out, "--out");
  const [from, to] = domainOf(options, name);
  const result = decomposeAt(name, options);
  const pair = theoryPair(name);
  const quantizer = typeof pair === "object" && "hardenAt" in pair ? pair : null;
  const course = quantizer === null ? null : courseOf(quantizer, from, to);
  const panels = [
    ...panelsOf(pair, result, progress, from, to),
    ...(quantizer === null || course === null ? [] : coursePanels(quantizer, course, from, to)),
  ];
  const verdict = result.decomposes
    ? `decomposes: P is ${wordsForP(result.P)}; T is ${wordsForT(result)}`
    : `does not decompose: ${result.reason}`;
  const title = `${name} at progress ${progress}`;
  if (out !== undefined) await writePicture(out, theoryPicture(title, wrapped(verdict).split("\n"), panels));
  const samples = result.decomposes ? { P: result.P, T: result.T } : {};
  const over = course === null ? "" : `\n\n${courseText(course)}`;
  const written = out === undefined ? "" : `\n\nwritten to ${out}`;
  output.result(
    {
      ...{ progress, from, to, pairs: [{ ...facts(result), ...samples, ...(course === null ? {} : { course }) }] },
      ...(out === undefined ? {} : { out }),
    },
    `${wrapped(`${title}: ${verdict}`)}\n\n${sketch(panels)}${over}${written}`,
  );
}

function checkOptions(options: TheoryOptions, name?: string): void {
  const [from, to] = domainOf(options, name);
  const subject = { code: "argument", what: "command line" } as const;
  // The end that was typed is the one to be mended.
  if (options.to === undefined) numberIn(from, -1e6, to - 1e-6, "--from", subject);
  else numberIn(to, from + 1e-6, 1e6, "--to", subject);
}
