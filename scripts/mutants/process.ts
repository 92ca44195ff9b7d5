/** Processes that are waited for, with a limit. A late process is ended with all that it has started. */
import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface Ended {
  /** null: the limit was over. */
  readonly code: number | null;
  readonly output: string;
}

/** Ends a process that was started as the head of its group, and the group. */
export function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

export interface Setting {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly seconds?: number;
}

/** Runs a command to its end, or to the end of its time. */
export async function outcomeOf(command: string, args: readonly string[], setting: Setting): Promise<Ended> {
  const { cwd, env = {}, seconds } = setting;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const onExit = () => endGroup(child);
  process.on("exit", onExit);
  let late = false;
  const limit = setTimeout(
    () => {
      late = true;
      endGroup(child);
    },
    (seconds ?? 3600) * 1000,
  );
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const [code, ...output] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  clearTimeout(limit);
  process.off("exit", onExit);
  return { code: late ? null : (code ?? 1), output: output.join("") };
}

/** A command that must succeed. */
export async function run(command: string, args: readonly string[], setting: Setting): Promise<string> {
  const { code, output } = await outcomeOf(command, args, setting);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output.slice(-4000)}`);
  return output;
}
