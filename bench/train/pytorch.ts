/** PyTorch on the CPU: a script beside this folder as a process that makes a step when told to. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Context } from "../frame/benchmark.ts";
import type { Contestant } from "../frame/race.ts";

/** The Python that has PyTorch. */
const python = process.env.PROXBIT_PYTHON ?? "python3";

/** PyTorch's step as a contestant, or why there is none here. `name` is the script's, a file of `bench`. */
export async function pytorch(
  name: string,
  threads: number,
  batch: number,
  context: Context,
): Promise<Contestant | { readonly missing: string }> {
  const script = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const child = spawn(python, [script, "--serve", "--channels-last", `--threads=${threads}`, `--batch=${batch}`]);
  let complaints = "";
  child.stderr.on("data", (data) => {
    complaints += data;
  });
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  context.atEnd(() => child.kill());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await Promise.race([lines.next(), failed]);
    if (done) throw new Error(complaints.trim().split("\n").at(-1) ?? "PyTorch has ended");
    return JSON.parse(value);
  };
  let version: string;
  try {
    version = String((await answer()).version);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      missing: `PyTorch is not compared: ${reason}. Set PROXBIT_PYTHON to a Python that has it (pip install torch).`,
    };
  }
  return {
    ...{ name: "PyTorch", version },
    run: async () => {
      child.stdin.write("step\n");
      await answer();
    },
  };
}
