/** The steps of `npm test`: steps that run side by side, and failures and interruptions that end all of them. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runSteps, type Step } from "../scripts/steps.ts";
import { withFolder } from "./io-helpers.ts";
import { slowFiles } from "./slow.ts";

/** The exit code of steps, and their output. */
async function run(
  steps: readonly Step[],
  { cores = 2, signal }: { readonly cores?: number; readonly signal?: AbortSignal } = {},
): Promise<{ readonly code: number; readonly printed: string }> {
  const printed: string[] = [];
  const write = (text: string) => void printed.push(text);
  const code = await runSteps(steps, { cores, write, ...(signal === undefined ? {} : { signal }) });
  return { code, printed: printed.join("") };
}

/** A command that writes its process id, and then lasts for longer than any test. */
const lasting = (file: string): string => `sh -c 'echo $$ > "${file}"; exec sleep 600'`;

/** A command that passes once `file` is there and has something in it. */
const waitFor = (file: string): string => `until [ -s "${file}" ]; do sleep 0.05; done`;

/** An ended process may stay in the list as Z until somebody asks for its exit code. */
const isRunning = (pid: string): boolean =>
  /^[^Z]/.test(spawnSync("ps", ["-o", "stat=", "-p", pid], { encoding: "utf8" }).stdout.trim());

it("starts a step when the steps that it needs have passed, and a live one last", async () => {
  const { code, printed } = await run(
    [
      { name: "live", command: "echo the end", live: true },
      { name: "second", command: "echo two", needs: ["first"] },
      { name: "first", command: "echo one; echo and one >&2" },
    ],
    { cores: 3 },
  );
  expect(code).toBe(0);
  const lines = printed
    .replaceAll(/after \d+ s/g, "after")
    .trimEnd()
    .split("\n");
  expect(lines.toSpliced(1, 2, ...lines.slice(1, 3).toSorted())).toEqual([
    "== first: echo one; echo and one >&2",
    "and one",
    "one",
    "== first: passed after",
    "== second: echo two",
    "two",
    "== second: passed after",
    "== live: echo the end",
    "the end",
    "== live: passed after",
  ]);
});

it("runs steps side by side, as many as there are cores", () =>
  withFolder(async (folder) => {
    const [a, b] = [join(folder, "a"), join(folder, "b")] as const;
    // Each waits for the other, so neither passes alone.
    const meeting = [
      { name: "a", command: `echo here > "${a}"; ${waitFor(b)}` },
      { name: "b", command: `echo here > "${b}"; ${waitFor(a)}` },
    ];
    expect((await run(meeting)).code).toBe(0);
    const { printed } = await run(
      [
        { name: "a", command: "true" },
        { name: "b", command: "true" },
      ],
      { cores: 1 },
    );
    expect(printed.indexOf("== a: passed")).toBeLessThan(printed.indexOf("== b: true"));
  }));

it("ends with the exit code of the first failure, starts nothing more, and ends what runs", () =>
  withFolder(async (folder) => {
    const file = join(folder, "pid");
    const { code, printed } = await run([
      { name: "lasting", command: lasting(file) },
      { name: "failing", command: `${waitFor(file)}; echo why; exit 7` },
      { name: "never", command: "echo never", needs: ["failing"] },
    ]);
    expect(code).toBe(7);
    expect(printed).toMatch(/why\n== failing: failed after \d+ s\n$/);
    expect(isRunning((await readFile(file, "utf8")).trim())).toBe(false);
  }));

it("ends what runs when it is interrupted", () =>
  withFolder(async (folder) => {
    const file = join(folder, "pid");
    const controller = new AbortController();
    const steps = [
      { name: "lasting", command: lasting(file) },
      { name: "ready", command: waitFor(file) },
      { name: "after", command: "echo after", needs: ["lasting"] },
    ];
    const running = runSteps(steps, {
      cores: 2,
      write: (text) => text.startsWith("== ready: passed") && controller.abort(),
      signal: controller.signal,
    });
    expect(await running).not.toBe(0);
    expect(isRunning((await readFile(file, "utf8")).trim())).toBe(false);
  }));

it("knows slow test files by names that there are", () => {
  expect(slowFiles.filter((name) => !existsSync(join(import.meta.dirname, "..", name)))).toEqual([]);
});
