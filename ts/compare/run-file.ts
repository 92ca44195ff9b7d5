/**
 * A finished run as a file: JSON with the identity, whose hash is the key, and the result. Later versions read files
 * back. So a new version may add fields, and never changes the meaning of one. A reader ignores fields that it does not
 * know.
 *
 *   { "format": "proxbit-run", "version": 1, "key": SHA-256 of "run", "run": identity, "result": … , "proxbit": version }
 */
import { join } from "node:path";
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import { isRecord, parseStrictJson } from "../io/json.ts";
import { systemCode } from "../io/node.ts";
import { readWholeFile } from "../io/read.ts";
import { VERSION } from "../io/version.ts";
import { writeFileAtomic } from "../io/write.ts";
import { keyOf, type Run } from "./grid.ts";

/**
 * One epoch: the network as it trained, and after it the hard-signed network on the test images. A loss may be negative, where a
 * method adds terms to it.
 */
export interface EpochResult {
  readonly loss: number;
  readonly accuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  /** Test accuracy of the soft network, F(w) in place of sign(w). Absent where it was hard by then or not measured. */
  readonly softAccuracy?: number;
  /** Times that it diverged and was begun anew with half the learning rate; absent where it was not. */
  readonly rollbacks?: number;
}

export interface RunResult {
  /**
   * Test accuracy in [0, 1] of the hard-signed network that the run ended with: that of the last epoch, of the best one, or a mean.
   * Its batch statistics are re-estimated on training images.
   */
  readonly testAccuracy: number;
  /** Mean cross-entropy in nats, of the same network. */
  readonly testLoss: number;
  /** Test accuracy of the soft network after the last epoch. It is null where that was hard by then or not measured. */
  readonly softAccuracy: number | null;
  /** Metrics that were asked for, of the same network; absent where there were none. */
  readonly metrics?: Readonly<Record<string, number>>;
  readonly epochs: readonly EpochResult[];
  /** Time to train, validation included, and the threads in use. They are the machine's; no number depends on them. */
  readonly seconds: number;
  readonly workers: number;
}

/** The outcome of a run. A run that met a number that is not finite has a failure, because it would meet it again. */
export type RunOutcome =
  | { readonly result: RunResult; readonly failure: null }
  | { readonly result: null; readonly failure: string };

const FORMAT = "proxbit-run";
const FORMAT_VERSION = 1;

/** The file of `run` below `directory`. It has words for people, and enough of the key that no two runs share one. */
export function runPath(directory: string, { quantizer, task, seed, key }: Run): string {
  // Options of a quantizer hold signs that some file systems refuse, and may be long; the key tells such runs apart.
  const name = quantizer.replace(/[^\w.+-]+/g, "-").slice(0, 80);
  const words = task === null ? name : `${name}-${task}`;
  return join(directory, `${words}-seed${seed}-${key.slice(0, 16)}.json`);
}

/** Writes the file whole or not at all. @throws ProxbitError "output". */
export async function writeRun(directory: string, run: Run, { result, failure }: RunOutcome): Promise<void> {
  const content = { format: FORMAT, version: FORMAT_VERSION, key: run.key, run: run.identity, result, failure };
  await writeFileAtomic(runPath(directory, run), `${JSON.stringify({ ...content, proxbit: VERSION }, null, 2)}\n`);
}

/**
 * The outcome of `run`, or undefined where it has no file. An edited result goes unnoticed.
 *
 * @throws ProxbitError "run-file", naming the file, where it cannot be read or is cut short.
 * @throws ProxbitError "run-file" for a result of other epochs, or an identity that its key does not fit.
 */
export async function readRun(directory: string, run: Run): Promise<RunOutcome | undefined> {
  const path = runPath(directory, run);
  const bytes = await readWholeFile(path).catch((cause: unknown) => {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw broken(path, `the system says ${systemCode(cause) ?? String(cause)}`, cause);
  });
  return bytes === undefined ? undefined : outcomeOf(path, new TextDecoder().decode(bytes), run);
}

function outcomeOf(path: string, text: string, { key, identity }: Run): RunOutcome {
  const content = parsed(path, text);
  if (!isRecord(content) || content.format !== FORMAT) throw broken(path, "it is no run of proxbit");
  if (content.version !== FORMAT_VERSION) {
    throw broken(path, `its format has version ${String(content.version)}, this proxbit reads ${FORMAT_VERSION}`);
  }
  if (content.key !== key || keyOf(content.run) !== key) throw broken(path, "its key is not that of the run it holds");
  if (typeof content.failure === "string") return { result: null, failure: printable(content.failure) };
  const result = resultOf(path, content.result);
  const { length } = result.epochs;
  // A run that stops early has fewer epochs, and at least one.
  const isWhole = identity.options?.earlyStopping === undefined ? length === identity.epochs : length > 0;
  if (!isWhole || length > identity.epochs) {
    throw broken(path, `it holds ${length} of ${identity.epochs} epochs`);
  }
  return { result, failure: null };
}

function parsed(path: string, text: string): unknown {
  try {
    return parseStrictJson(text, "the file");
  } catch (cause) {
    throw broken(path, isProxbitError(cause) ? cause.message : String(cause), cause);
  }
}

function resultOf(path: string, value: unknown): RunResult {
  if (!isRecord(value)) throw broken(path, "it holds no result");
  const shareOf = (share: unknown, name: string): number => {
    if (typeof share === "number" && share >= 0 && share <= 1) return share;
    throw broken(path, `its ${name} is no number from 0 to 1`);
  };
  const amountOf = (amount: unknown, name: string): number => {
    if (typeof amount === "number" && Number.isFinite(amount) && amount >= 0) return amount;
    throw broken(path, `its ${name} is no finite number from 0 on`);
  };
  const numberOf = (number: unknown, name: string): number => {
    if (typeof number === "number" && Number.isFinite(number)) return number;
    throw broken(path, `its ${name} is no finite number`);
  };
  if (!Array.isArray(value.epochs)) throw broken(path, "it holds no epochs");
  const { softAccuracy = null } = value;
  const metricsOf = (metrics: unknown): Readonly<Record<string, number>> => {
    if (!isRecord(metrics)) throw broken(path, "its metrics are no object");
    return Object.fromEntries(Object.entries(metrics).map(([name, amount]) => [name, numberOf(amount, name)]));
  };
  return {
    testAccuracy: shareOf(value.testAccuracy, "testAccuracy"),
    testLoss: numberOf(value.testLoss, "testLoss"),
    softAccuracy: softAccuracy === null ? null : shareOf(softAccuracy, "softAccuracy"),
    ...(value.metrics === undefined ? {} : { metrics: metricsOf(value.metrics) }),
    epochs: value.epochs.map((epoch: unknown): EpochResult => {
      if (!isRecord(epoch)) throw broken(path, "one of its epochs is no object");
      return {
        loss: numberOf(epoch.loss, "epoch's loss"),
        accuracy: shareOf(epoch.accuracy, "epoch's accuracy"),
        testLoss: numberOf(epoch.testLoss, "epoch's testLoss"),
        testAccuracy: shareOf(epoch.testAccuracy, "epoch's testAccuracy"),
        ...(epoch.softAccuracy === undefined
          ? {}
          : { softAccuracy: shareOf(epoch.softAccuracy, "epoch's softAccuracy") }),
        ...(epoch.rollbacks === undefined ? {} : { rollbacks: amountOf(epoch.rollbacks, "epoch's rollbacks") }),
      };
    }),
    seconds: amountOf(value.seconds, "seconds"),
    workers: amountOf(value.workers, "workers"),
  };
}

const broken = (path: string, why: string, cause?: unknown): ProxbitError =>
  new ProxbitError(
    "run-file",
    `${path} is not a finished run: ${why}`,
    "Remove the file and run the command again; the run is then done once more.",
    cause === undefined ? {} : { cause },
  );
