/**
 * Steps of a build, side by side. Each is a command of the shell that may need others to be done. The first failure
 * ends all that run. A step's output is kept and printed whole when it ends. A live step prints as it goes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Step {
  readonly name: string;
  readonly command: string;
  /** Names of steps that must have passed before it starts. */
  readonly needs?: readonly string[];
  /** It starts when no other step is left, and its output is not kept back. */
  readonly live?: boolean;
}

export interface StepOptions {
  /** Steps at a time. */
  readonly cores: number;
  readonly write: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** A step may take so long to end once it is told to. */
const PATIENCE_MS = 10_000;

/**
 * Runs all steps, in the order given where nothing else decides. Returns 0 or the exit code of the first that failed.
 */
export async function runSteps(steps: readonly Step[], { cores, write, signal }: StepOptions): Promise<number> {
  const waiting = [...steps];
  const passed = new Set<string>();
  const running = new Map<Step, Promise<{ readonly step: Step; readonly code: number; readonly text: string }>>();
  const children = new Set<ChildProcess>();
  const endAll = (): Promise<unknown> => Promise.all([...children].map(endGroup));
  signal?.addEventListener("abort", () => void endAll());

  const run = async (step: Step) => {
    const began = performance.now();
    // A group of its own, so that the shell's children end with it.
    const child = spawn(step.command, { shell: true, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    children.add(child);
    const log: string[] = [];
    const keep = step.live === true ? write : (text: string) => log.push(text);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", keep);
    const [code] = (await once(child, "close")) as [number | null];
    children.delete(child);
    const seconds = Math.round((performance.now() - began) / 1000);
    const end = code === 0 ? "passed" : "failed";
    return { step, code: code ?? 1, text: `${log.join("")}== ${step.name}: ${end} after ${seconds} s\n` };
  };
  const isReady = ({ needs = [], live = false }: Step): boolean =>
    needs.every((name) => passed.has(name)) && (!live || (running.size === 0 && waiting.length === 1));

  while (waiting.length + running.size > 0) {
    while (running.size < cores && signal?.aborted !== true) {
      const next = waiting.findIndex(isReady);
      if (next === -1) break;
      const [step] = waiting.splice(next, 1) as [Step];
      write(`== ${step.name}: ${step.command}\n`);
      running.set(step, run(step));
    }
    if (running.size === 0) return 1;
    const { step, code, text } = await Promise.race(running.values());
    running.delete(step);
    write(text);
    if (code !== 0) {
      await endAll();
      return code;
    }
    passed.add(step.name);
  }
  return 0;
}

/** Asks a step's processes to end, and makes them where they do not. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const tell = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid as number), name);
    } catch {
      // It has ended meanwhile.
    }
  };
  const ended = once(child, "close");
  tell("SIGTERM");
  const force = setTimeout(tell, PATIENCE_MS, "SIGKILL");
  await ended;
  clearTimeout(force);
}
