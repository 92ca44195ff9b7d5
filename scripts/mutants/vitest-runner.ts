/** Runs one mutant of ts/ after another through its room's tests, until one fails or takes far too long. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Mutant } from "./mutant.ts";
import { endGroup } from "./process.ts";
import type { Outcome } from "./results.ts";
import { testsOf } from "./rooms.ts";
import { within } from "./sandbox.ts";
import type { Answer, Request } from "./vitest-child.ts";

/** Longer than any test file takes on a busy machine. */
const DRY_SECONDS = 900;
/** A mutant may take `patience` times as long as the dry run did, and so many seconds more. */
const SPARE = 30;

export interface Runner {
  readonly outcome: (mutant: Mutant) => Promise<Outcome>;
  readonly close: () => void;
}

export function vitestRunner(folder: string, patience: number, log: (line: string) => void): Runner {
  const secondsFile = join(folder, "../seconds.json");
  let child: ChildProcess | undefined;
  /** The file that was changed last, and has changed back since. */
  let last: string | undefined;

  async function start(): Promise<ChildProcess> {
    const started = fork("scripts/mutants/vitest-child.ts", {
      cwd: folder,
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    process.on("exit", () => endGroup(started));
    await once(started, "message");
    return started;
  }

  function close(): void {
    if (child) endGroup(child);
    child = undefined;
  }

  async function ask(test: string, seconds: number, file?: string): Promise<Answer | "late" | "died"> {
    child ??= await start();
    const asked = child;
    const changed = [last, file].filter((path) => path !== undefined);
    asked.send({ test, changed } satisfies Request);
    last = file;
    const waits = new AbortController();
    const { signal } = waits;
    const ended = [
      once(asked, "message", { signal }).then(([answer]) => answer as Answer),
      once(asked, "exit", { signal }).then((): "died" => "died"),
      setTimeout(seconds * 1000, "late" as const, { signal }),
    ];
    const answer = await Promise.race(ended);
    waits.abort();
    await Promise.allSettled(ended);
    if (typeof answer === "string") close();
    return answer;
  }

  const read = (): Record<string, number | null> =>
    existsSync(secondsFile) ? JSON.parse(readFileSync(secondsFile, "utf8")) : {};

  /** Seconds that `test` takes without a mutant; null where it fails here, and so cannot judge. */
  async function drySeconds(test: string): Promise<number | null> {
    const known = read()[test];
    if (known !== undefined) return known;
    const begin = performance.now();
    const answer = await ask(test, DRY_SECONDS);
    const passed = typeof answer !== "string" && answer.passed;
    const seconds = passed ? (performance.now() - begin) / 1000 : null;
    log(`${test} without a mutant: ${seconds ? `${seconds.toFixed(0)} s` : `left out, ${JSON.stringify(answer)}`}`);
    writeFileSync(secondsFile, JSON.stringify({ ...read(), [test]: seconds }, null, 1));
    return seconds;
  }

  async function outcome(mutant: Mutant): Promise<Outcome> {
    for (const test of testsOf(mutant.file)) {
      const dry = await drySeconds(test);
      if (dry === null) continue;
      const path = join(folder, mutant.file);
      const answer = await within(folder, mutant, async () => {
        const limit = patience * dry + SPARE;
        const first = await ask(test, limit, path);
        // A process of vitest's own that ends may have been short of memory; a mutant ends it twice.
        return first === "died" ? ask(test, limit, path) : first;
      });
      if (answer === "late") return { outcome: "timeout", by: test };
      if (answer === "died") return { outcome: "killed", by: `${test}: the process ended` };
      if (!answer.passed) return { outcome: "killed", by: `${test}: ${answer.failure?.split("\n")[0] ?? ""}` };
    }
    return { outcome: "survived", by: "" };
  }

  return { outcome, close };
}
