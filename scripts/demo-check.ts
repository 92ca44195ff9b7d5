/** The demo's check: the packed file in a fresh process (`demo-inference.ts`), against the trainer's own predictions. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { ProxbitError } from "../ts/base/errors.ts";
import type { PackedCheck } from "./demo-inference.ts";

const SCRIPT = fileURLToPath(new URL("./demo-inference.ts", import.meta.url));

/**
 * Runs all test images through `file` in a process of its own and counts the predictions that equal `predictions`.
 *
 * @throws ProxbitError "aborted" where `signal` comes first; Error where the process fails.
 */
export async function checkInFreshProcess(
  file: string,
  predictions: Uint32Array,
  signal: AbortSignal,
): Promise<PackedCheck> {
  const folder = await mkdtemp(join(tmpdir(), "proxbit-demo-"));
  try {
    const expected = join(folder, "predictions.json");
    await writeFile(expected, JSON.stringify([...predictions]));
    const child = spawn(process.execPath, [...process.execArgv, SCRIPT, file, expected], {
      stdio: ["ignore", "pipe", "inherit"],
      signal,
    });
    const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    const [code, line] = await Promise.all([ended, text(child.stdout)]);
    if (code !== 0) throw new Error(`the process that runs the packed file ended with code ${code}`);
    return JSON.parse(line);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new ProxbitError(
      "aborted",
      "the check of the packed file was stopped",
      "The model file is written and whole.",
      { cause },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The fault where trainer and packed file differ; undefined where they agree. */
export function describeDisagreement({ agrees, images, first }: PackedCheck): string | undefined {
  if (first === null) return undefined;
  const { image, expected, predicted } = first;
  return (
    `the packed file and the trainer disagree on ${images - agrees} of ${images} images; ` +
    `the first is test image ${image}: the trainer says ${expected}, the file ${predicted}`
  );
}
