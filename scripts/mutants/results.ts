/** The outcome of each mutant, in a file of JSON lines that grows while a run goes on. The last line of a key counts. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Mutant } from "./mutant.ts";

export interface Outcome {
  /** "unviable": the change does not compile, so there is nothing to test. */
  readonly outcome: "killed" | "timeout" | "survived" | "unviable";
  /** The test that noticed. */
  readonly by: string;
}

export interface Result extends Outcome {
  readonly key: string;
  readonly room: string;
  readonly line: number;
  readonly kind: string;
  readonly original: string;
  readonly replacement: string;
  readonly seconds: number;
  readonly seed: number;
  readonly commit: string;
}

export const resultsFolder = (root: string): string => join(root, "bench/results/mutants");
const resultsFile = (root: string): string => join(resultsFolder(root), "results.jsonl");

const short = (text: string): string => {
  const line = text.replace(/\s+/g, " ");
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
};

export function addResult(
  root: string,
  mutant: Mutant,
  outcome: Outcome,
  run: { readonly seconds: number; readonly seed: number; readonly commit: string },
): void {
  const { key, room, line, kind } = mutant;
  const result: Result = {
    ...{ key, room, line, kind, original: short(mutant.original), replacement: short(mutant.replacement) },
    ...outcome,
    ...run,
    by: short(outcome.by),
    seconds: Math.round(run.seconds * 10) / 10,
  };
  mkdirSync(dirname(resultsFile(root)), { recursive: true });
  appendFileSync(resultsFile(root), `${JSON.stringify(result)}\n`);
}

/** Every run of a mutant so far. */
export function readRuns(root: string): Result[] {
  if (!existsSync(resultsFile(root))) return [];
  const lines = readFileSync(resultsFile(root), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** The last result of each mutant. */
export const lastResults = (runs: readonly Result[]): Map<string, Result> =>
  new Map(runs.map((result) => [result.key, result]));

/** Survivors that change nothing anybody can see, each with the reason. */
export function readEquivalents(root: string): Readonly<Record<string, string>> {
  const file = join(resultsFolder(root), "equivalents.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}
