/**
 * Model files as the commands know them. A command reads one from disk, and training writes texts into its header. The
 * texts record how the file came about. They hold nothing that varies from run to run, so equal runs give equal files.
 */
import { isProxbitError, ProxbitError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { type LoadOptions, load, type Session } from "../inference/index.ts";
import { decodeModel } from "../io/model-file.ts";
import { readFault, readWholeFile } from "../io/read.ts";
import type { Graph } from "../nn/graph.ts";
import { isProduct } from "../nn/nodes.ts";
import { quantizedOperands } from "../nn/operands.ts";
import type { LossTerm } from "../train/losses/term.ts";
import { learningRateOf, type Optimizer, optimizerName } from "../train/optimizers/optimizers.ts";
import type { Augmentation } from "../train/run/augment.ts";
import { fileError } from "./bounds.ts";

interface TrainingFacts {
  readonly data: Dataset;
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  /** The epochs that were made. */
  readonly epochs: number;
  /** The epoch whose weights the file has; undefined for the last one. */
  readonly keptEpoch?: number | undefined;
  readonly batchSize: number;
  readonly seed: number;
  readonly augment?: Augmentation | undefined;
  readonly labelSmoothing?: number | undefined;
  readonly start?: Start | undefined;
  /** The terms of the loss; undefined for cross-entropy alone. */
  readonly objective?: readonly LossTerm[] | undefined;
}

/** The model file that training starts from, or layers of it. */
export interface Start {
  readonly bytes: Uint8Array;
  readonly rescale: boolean;
  readonly layers?: readonly string[] | "shared" | undefined;
}

/** The header's texts. Inference needs `inputScale` and `inputOffset`, `predict` the names of the classes. */
export function describeTraining(facts: TrainingFacts): Readonly<Record<string, string>> {
  const { data, graph, optimizer } = facts;
  return {
    dataset: data.name,
    classes: JSON.stringify(data.classes),
    inputScale: String(data.train.scale),
    inputOffset: String(data.train.offset),
    ...(data.input && { inputFit: data.input.fit, inputBackground: data.input.background }),
    trainImages: String(data.train.count),
    ...quantizersOf(graph),
    accumulator: accumulatorOf(graph),
    optimizer: optimizerName(optimizer),
    learningRate: JSON.stringify(learningRateOf(optimizer)),
    optimizerOptions: JSON.stringify(optimizer),
    augment: JSON.stringify(facts.augment ?? {}),
    labelSmoothing: String(facts.labelSmoothing ?? 0),
    startedFrom: facts.start === undefined ? "random weights" : startText(facts.start),
    ...(facts.objective === undefined ? {} : { loss: facts.objective.map(({ name }) => name).join(", ") }),
    epochs: String(facts.epochs),
    ...(facts.keptEpoch === undefined ? {} : { keptEpoch: String(facts.keptEpoch) }),
    batchSize: String(facts.batchSize),
    seed: String(facts.seed),
  };
}

/** The name of the file is left out, because it varies where the network does not. */
function startText({ bytes, rescale, layers }: Start): string {
  const { weightQuantizer } = quantizersOf(decodeModel(bytes).graph);
  const network = `a ${weightQuantizer === "none" ? "float" : "packed"} network`;
  const part = layers === undefined ? "" : "layers of ";
  return `${part}${network}${rescale ? ", the weights of each filter rescaled" : ""}`;
}

/** The names of the quantizers in `graph`, which may differ from the typed ones; "none" where all operands are real. */
export function quantizersOf(graph: Graph): { readonly weightQuantizer: string; readonly activationQuantizer: string } {
  const names = (operand: "weight" | "activation"): string => {
    const found = graph.nodes.flatMap((node) =>
      quantizedOperands(node).flatMap((own) => (own.operand === operand ? [own.quantizer.name] : [])),
    );
    return [...new Set(found)].join(", ") || "none";
  };
  return { weightQuantizer: names("weight"), activationQuantizer: names("activation") };
}

/** The behaviour of sums in 8 bits in `graph`; "none" where all sums are exact. */
export function accumulatorOf(graph: Graph): string {
  const found = graph.nodes.flatMap((node) => (isProduct(node) ? (node.attributes.accumulator?.overflow ?? []) : []));
  return [...new Set(found)].join(", ") || "none";
}

/** @throws ProxbitError "model-file" where there is no such file or it cannot be read. */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (cause) {
    throw new ProxbitError(
      "model-file",
      `${path} cannot be read: ${readFault(cause)}`,
      "Give the path of a model file that proxbit has written.",
      {
        cause,
      },
    );
  }
}

/** A session on the file at `path`; an error in the file names it. */
export async function loadSession(path: string, bytes: Uint8Array, options: LoadOptions = {}): Promise<Session> {
  try {
    return await load(bytes, options);
  } catch (cause) {
    if (!isProxbitError(cause) || cause.code !== "model-file") throw cause;
    throw fileError(path, cause);
  }
}

/** The result of `work`, whose errors name `file`. */
export async function namingFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isProxbitError(cause) || cause.code === "aborted") throw cause;
    throw new ProxbitError(cause.code, `${file}: ${cause.message}`, cause.remedy, { cause });
  }
}
