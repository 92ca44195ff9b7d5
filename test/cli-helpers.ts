/** Helpers for tests of the command line: running it as a process of its own, and reading its output. */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const MAIN = fileURLToPath(new URL("../ts/cli/main.ts", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `proxbit ARGUMENTS`, running. */
export function start(args: readonly string[], stdio: StdioOptions = ["ignore", "pipe", "pipe"]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio });
}

/** The output of `child`, and its exit code. */
export async function outcome(child: ChildProcess): Promise<Outcome> {
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all(
    [child.stdout, child.stderr].map((stream) => (stream ? text(stream) : "")),
  );
  return { code: await code, stdout: stdout ?? "", stderr: stderr ?? "" };
}

/** Runs `proxbit ARGUMENTS` to its end. */
export const proxbit = (...args: readonly string[]): Promise<Outcome> => outcome(start(args));

/** The JSON lines of an output; every line must be one. */
export function jsonLines(stdout: string): readonly Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Runs a command that must succeed under `--json`, and returns its last line, the result. */
export async function resultOf(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await proxbit(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const last = jsonLines(stdout).at(-1);
  expect(last).toMatchObject({ type: "result" });
  return last ?? {};
}

/** Runs a command that must fail for the user's sake. Exit code is 2, stderr has two lines, stdout none. */
export async function failureOf(...args: readonly string[]): Promise<{ message: string; remedy: string }> {
  const { code, stdout, stderr } = await proxbit(...args);
  const [message = "", remedy = "", ...rest] = stderr.split("\n");
  expect({ code, stdout, rest }).toEqual({ code: 2, stdout: "", rest: [""] });
  expect(message).toMatch(/^error: \S/);
  expect(remedy).toMatch(/^ {2}\S.{8}/);
  return { message: message.slice("error: ".length), remedy: remedy.trim() };
}
