/**
 * A checkpoint says beside its tensors where the run stands, and which run it is. The second part is held against that with
 * which somebody goes on, word by word. A difference is refused unless its word is allowed.
 */

import { isProxbitError, ProxbitError } from "../../base/errors.ts";
import { versionOf } from "../../data/changed.ts";
import { type Dataset, type Examples, isStream, variationsOf } from "../../data/dataset.ts";
import { digest } from "../../data/digest.ts";
import { brokenCheckpoint, type CheckpointTensor, copyOfPlain, decodeCheckpoint } from "../../io/checkpoint-file.ts";
import type { CheckpointStore } from "../../io/checkpoint-store.ts";
import { canonicalJson, isRecord } from "../../io/json.ts";
import type { Graph } from "../../nn/graph.ts";
import type { LossTerm } from "../losses/term.ts";
import { factsOfMethods, type Method } from "../method.ts";
import { isReal, type Optimizer, type ParameterOptimizer, realOptimizers } from "../optimizers/optimizers.ts";
import type { EpochEvent } from "./events.ts";
import type { RunRecord } from "./run.ts";
import { savedHistory, savedRecord } from "./saved-record.ts";
import { isOfTask, withTensors } from "./task-state.ts";

/** The words by which a difference between a checkpoint and what one goes on with may be allowed. */
export const allowable = [
  ...["learningRate", "optimizer", "objective", "data", "epochs", "augment", "labelSmoothing", "validate", "soft"],
  ...["flipRatio", "tasks", "onDivergence", "average", "keep", "earlyStopping", "metrics", "start", "variations"],
] as const satisfies readonly string[];

export type Allowed =
  | (
      | "learningRate"
      | "optimizer"
      | "objective"
      | "data"
      | "epochs"
      | "augment"
      | "labelSmoothing"
      | "validate"
      | "soft"
    )
  | (
      | "flipRatio"
      | "tasks"
      | "onDivergence"
      | "average"
      | "keep"
      | "earlyStopping"
      | "metrics"
      | "start"
      | "variations"
    );

/** The facts of a run by their words; plain values. */
export type RunFacts = Readonly<Record<string, unknown>>;

/** The facts of a trainer. */
export function trainerFacts(
  graph: Graph,
  optimizer: Optimizer,
  objective: readonly LossTerm[],
  seed: number,
  methods: readonly Method[],
): RunFacts {
  const [plain, learningRate] = withoutRates(optimizer);
  const terms = objective.map(({ name, facts = {} }) => ({ name, ...facts }));
  const used = factsOfMethods(methods);
  return copyOfPlain({ graph, optimizer: plain, learningRate, objective: terms, seed, methods: used });
}

/** An optimizer without its learning rates, and these. */
function withoutRates(optimizer: Optimizer): readonly [object, readonly unknown[]] {
  const one = (own: ParameterOptimizer): readonly [object, readonly unknown[]] => {
    if (!isReal(own)) return [own, []];
    const { learningRate, ...rest } = own;
    return [rest, [learningRate]];
  };
  if (optimizer.kind !== "case") return one(optimizer);
  const [[binary, first], [rest, second]] = [one(optimizer.binary), one(optimizer.rest)];
  return [{ kind: "case", binary, rest }, [...first, ...second]];
}

/** The optimizer in the facts of a trainer, unchecked: what `withoutRates` took apart. */
export function optimizerFrom({ optimizer, learningRate }: RunFacts): unknown {
  const rates = Array.isArray(learningRate) ? [...learningRate] : [];
  const withRate = (own: unknown): unknown =>
    isRecord(own) && typeof own.kind === "string" && own.kind in realOptimizers
      ? { ...own, learningRate: rates.shift() }
      : own;
  if (!isRecord(optimizer) || optimizer.kind !== "case") return withRate(optimizer);
  return { ...optimizer, binary: withRate(optimizer.binary), rest: withRate(optimizer.rest) };
}

interface Digest {
  readonly versions: string;
  readonly made: Promise<string>;
}

const digests = new WeakMap<Examples, Digest>();

/** The digest of examples, calculated once, until somebody says that they changed. */
function digestOnce(examples: Examples): Promise<string> {
  const versions = isStream(examples)
    ? ""
    : [examples.images, examples.labels, examples.targets, examples.sampleWeights]
        .map((array) => (array === undefined ? "-" : versionOf(array.buffer)))
        .join();
  const found = digests.get(examples);
  if (found?.versions === versions) return found.made;
  const own: Digest = { versions, made: digest(examples) };
  digests.set(examples, own);
  own.made.catch(() => {
    // A source may answer when it is asked again.
    if (digests.get(examples) === own) digests.delete(examples);
  });
  return own.made;
}

/**
 * The facts of a data set. Names of data set and classes are no part of the run's numbers, and not compared. Evaluations see
 * examples as they are, so variations are those of training.
 */
export async function dataFacts({ train, test }: Dataset<Examples>, validate: boolean): Promise<RunFacts> {
  const one = async (examples: Examples): Promise<RunFacts> => {
    const { count, shape } = examples;
    return copyOfPlain({ count, shape, sha256: await digestOnce(examples) });
  };
  return {
    data: { train: await one(train), test: validate ? await one(test) : null },
    variations: copyOfPlain(variationsOf(train)),
  };
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/** The names of a list of nodes, terms or methods; null for anything else. */
function namesIn(list: unknown): readonly string[] | null {
  const names: unknown[] = Array.isArray(list) ? list.map((one) => (isRecord(one) ? one.name : undefined)) : [null];
  return names.every((name) => typeof name === "string") ? names : null;
}

const MOST_NAMES = 4;

/** The names of `own` that are not among `others`, behind a verb; "" for none. */
function listed(verb: string, own: readonly string[], others: readonly string[]): string {
  const names = own.filter((name) => !others.includes(name));
  if (names.length === 0) return "";
  const rest = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} others` : "";
  return `${verb} ${names.slice(0, MOST_NAMES).map(shown).join(", ")}${rest}`;
}

/** The first difference between two facts: its innermost path, and the values there. */
function firstDifference(saved: unknown, given: unknown, path: string): string {
  if (isRecord(saved) && isRecord(given)) {
    const key = Object.keys({ ...saved, ...given }).find((name) => !isEqual(saved[name], given[name]));
    if (key !== undefined) return firstDifference(saved[key], given[key], `${path}.${key}`);
  }
  if (Array.isArray(saved) && Array.isArray(given) && saved.length === given.length) {
    const at = saved.findIndex((value, i) => !isEqual(value, given[i]));
    if (at >= 0) return firstDifference(saved[at], given[at], `${path}[${at}]`);
  }
  const [before, now] = [namesIn(saved), namesIn(given)];
  if (before !== null && now !== null) {
    const texts = [listed("now lacks", before, now), listed("has more", now, before)].filter((text) => text !== "");
    if (texts.length > 0) return `${path} ${texts.join(" and ")}`;
  }
  return `${path} was ${shown(saved)} and is ${shown(given)}`;
}

const isEqual = (a: unknown, b: unknown): boolean =>
  canonicalJson({ value: a ?? null }) === canonicalJson({ value: b ?? null });

/**
 * Holds `given` facts against those of a checkpoint, the facts that both have.
 *
 * @throws ProxbitError "checkpoint" that names every difference which is not allowed, and the words that would allow it.
 */
export function checkFacts(saved: RunFacts, given: RunFacts, allow: readonly string[]): void {
  const differing = Object.keys(given).filter((word) => word in saved && !isEqual(saved[word], given[word]));
  const refused = differing.filter((word) => !allow.includes(word));
  if (refused.length === 0) return;
  const texts = refused.map((word) => firstDifference(saved[word], given[word], word));
  const never = refused.filter((word) => !(allowable as readonly string[]).includes(word));
  throw new ProxbitError(
    "checkpoint",
    `the checkpoint is of another run: ${texts.join("; ")}`,
    never.length > 0
      ? `Give the ${never.join(" and the ")} that the run began with.`
      : `Give what the run began with, or allow the change: ${refused.map((word) => `"${word}"`).join(", ")}.`,
  );
}

/** A run as a checkpoint holds it, beside its tensors. */
export interface SavedRun {
  readonly run: RunRecord;
  /** The events of the epochs that have ended in the call of `fit`. */
  readonly history: readonly EpochEvent[];
  readonly facts: RunFacts;
  /** The state of tasks that keep any, by their names. */
  readonly tasks: Readonly<Record<string, unknown>>;
  /** The record at the last good point, whose tensors stand under `good/`; null where nobody goes back to one. */
  readonly good: RunRecord | null;
  /** The state at that point of tasks that may have changed theirs since. */
  readonly goodTasks: Readonly<Record<string, unknown>>;
}

/** A checkpoint that was read. */
export interface LoadedRun extends SavedRun {
  readonly tensors: readonly CheckpointTensor[];
  readonly goodTensors: readonly CheckpointTensor[];
}

/** The beginning of the names of tensors at the last good point. */
const GOOD = "good/";

/** The name of a tensor at the last good point. */
export const goodName = (name: string): string => `${GOOD}${name}`;

/** Reads a checkpoint's bytes. @throws ProxbitError "checkpoint" */
export async function decodeRun(bytes: Uint8Array): Promise<LoadedRun> {
  const { state, tensors } = await decodeCheckpoint(bytes);
  // Files of former versions tell no states of tasks at the good point.
  const { run, history, facts, tasks, good = null, goodTasks = {} } = state;
  const isWhole = isRecord(run) && isRecord(run.course) && Array.isArray(history) && isRecord(facts);
  if (!isWhole || !isRecord(tasks) || !isRecord(goodTasks)) throw brokenCheckpoint("it lacks where its run stands");
  const atGood = tensors.flatMap((tensor) =>
    tensor.name.startsWith(GOOD) ? [{ ...tensor, name: tensor.name.slice(GOOD.length) }] : [],
  );
  return {
    run: savedRecord(run, facts.seed),
    history: savedHistory(history),
    facts,
    good: good === null ? null : savedRecord(good, facts.seed),
    tasks: withTensors(tasks, tensors),
    goodTasks: withTensors(goodTasks, atGood),
    tensors: tensors.filter(({ name }) => !name.startsWith(GOOD) && !isOfTask(name)),
    goodTensors: atGood.filter(({ name }) => !isOfTask(name)),
  };
}

/**
 * The last checkpoint of a store; the one before where the last is missing or damaged.
 *
 * @throws ProxbitError "checkpoint" where neither can be read.
 */
export async function readRun(store: CheckpointStore): Promise<LoadedRun> {
  let first: ProxbitError | undefined;
  for (const which of ["last", "previous"] as const) {
    const bytes = await store.read(which);
    if (bytes === null) continue;
    try {
      return await decodeRun(bytes);
    } catch (error) {
      if (!isProxbitError(error) || error.code !== "checkpoint") throw error;
      first ??= error;
    }
  }
  if (first !== undefined) {
    throw new ProxbitError("checkpoint", `${store.name}: ${first.message}`, first.remedy, { cause: first });
  }
  throw new ProxbitError("checkpoint", `there is no checkpoint ${store.name}`, "Begin the run without resuming it.");
}
